#!/bin/sh
# For make: the Python that .venv is made of, and who can run what was made of it.
#
#   python.sh choose [PYTHON]   prints PYTHON, or the best there is; exit 1 with a remedy where there is none
#   python.sh warn_others       warns if other users than this one cannot read a file of those on stdin
#   python.sh closed FILE       prints what keeps others from FILE, or nothing
set -eu

say() { printf '%s\n' "$*" >&2; }

# --- Who can run it: files and folders by their modes, as only root could try ------------------------------------

# The first thing on the way to a file that others may not read (a file) or enter (a folder), or nothing.
closed() { # FILE
    path=$(readlink -f "$1")
    while :; do
        mode=$(stat -c %a "$path")
        others=${mode#"${mode%?}"}
        if [ -d "$path" ]; then need=1; else need=4; fi
        if [ $((others & need)) -eq 0 ]; then echo "$path" && return; fi
        [ "$path" != / ] || return 0
        path=$(dirname "$path")
    done
}

first_closed() { # of the files on stdin
    while read -r file; do closed "$file"; done | head -n 1
}

warn_others() {
    obstacle=$(first_closed)
    [ -n "$obstacle" ] || return 0
    remedy="rm -r .venv, then make install PYTHON=/usr/bin/python3 (or another that all can run)"
    case $PWD/ in "$obstacle"/*) remedy="clone into a folder that all may enter, such as /opt, and make it there" ;; esac
    case $obstacle in "$PWD"/*) remedy="chmod -R go+rX '$PWD'" ;; esac
    say "Only the user $(id -un) can run this, and the systemd unit has another: $obstacle is closed to others."
    say "Remedy: $remedy."
}

# --- Which one it is made of ---------------------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
fits() { "$1" -c 'import ensurepip, venv' 2>/dev/null && new_enough "$1"; } # Debian has these in python3-venv
open_to_all() { # what a venv of it leads to
    [ -z "$("$1" -c 'import os, sys; print(sys._base_executable, os.__file__, sep="\n")' | first_closed)" ]
}

candidates() { # where users look first, then where Debian and others put theirs; not the .venv that is made anew
    printf '%s\n' "$PATH:/usr/bin:/usr/local/bin" | tr : '\n' | grep -vxF "$PWD/.venv/bin" | while read -r folder; do
        [ ! -x "$folder/python3" ] || echo "$folder/python3"
    done
}

choose() {
    unfit="is missing, older than 3.11 or has no venv module; name another: make PYTHON=python3.12"
    if [ -n "${1:-}" ]; then
        fits "$1" || { say "$1 $unfit" && return 1; }
        echo "$1" && return
    fi
    chosen=
    for python in $(candidates); do
        fits "$python" || continue
        if open_to_all "$python"; then echo "$python" && return; fi
        chosen=${chosen:-$python}
    done
    # Root installs what Debian's lacks; others are told how, unless they have one of their own.
    if [ -z "$chosen" ] || { [ "$(id -u)" -eq 0 ] && new_enough /usr/bin/python3; }; then
        sh "$(dirname "$0")/../tests/packages.sh" "make install" python3 python3-venv || true
        if fits /usr/bin/python3; then chosen=/usr/bin/python3; fi
    fi
    [ -n "$chosen" ] || { say "python3 $unfit" && return 1; }
    echo "$chosen"
}

"$@"
