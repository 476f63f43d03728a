#!/bin/sh
# A Debian that holds nothing but git, make and certificates: what a test that passes there needs is installed by make.
#
#   root.sh make SUITE FOLDER            makes it new, with a clone of this commit in /opt/latency-exporter
#   root.sh bare SUITE FOLDER PACKAGES   makes it new, with these packages (a list with commas) and no clone
#   root.sh enter FOLDER COMMAND...      runs a command in that clone, as the root of a machine that is just installed
#
# How packages are reached is taken over from this machine: where apt gets Debian from, what pip, npm and TLS libraries
# are told by the environment and by pip's configuration. Downloads are kept in $FRESH_CACHE (if set), installed is nothing.
set -eu
umask 022

clone=/opt/latency-exporter

bare_root() { # SUITE FOLDER PACKAGES
    suite=$1 root=$2
    mkdir -p "$root"
    settings=$root.settings
    apt-config dump | grep -E '^Acquire::(https?::|Check-|Retries|AllowInsecure)' >"$settings" || true
    sources "$suite" | mmdebstrap --quiet --mode=root --variant=minbase --include="$3" \
        --aptopt="$settings" "$suite" "$root" -

    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$(hostname)" >"$root/etc/hosts" # as the installer does
    cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
    [ ! -x "$root/usr/sbin/update-ca-certificates" ] || chroot "$root" update-ca-certificates >/dev/null 2>&1
    {
        echo "[global]"
        pip_settings | awk '{ name = $1; $1 = ""; last[name] = $0 } END { for (name in last) print name " =" last[name] }'
    } >"$root/etc/pip.conf"
    named_files | while read -r path; do
        mkdir -p "$root${path%/*}"
        cp -L "$path" "$root$path"
    done
    rm -f "$settings"
}

make_root() { # SUITE FOLDER
    bare_root "$1" "$2" git,make,ca-certificates
    settings=$2.settings
    repository=$(cd "$(dirname "$0")/../.." && pwd)
    # The clone may be another user's; only a file of settings reaches the git that reads it.
    printf '[safe]\n\tdirectory = *\n' >"$settings"
    GIT_CONFIG_GLOBAL=$settings git clone --quiet --bare --depth=1 "file://$repository" "$root/srv/latency-exporter.git"
    rm -f "$settings"
    chroot "$root" git clone --quiet /srv/latency-exporter.git "$clone"
}

# Where this machine gets Debian from, for another suite of it too: lines of a sources.list.
sources() { # SUITE
    here=$(. /etc/os-release && echo "${VERSION_CODENAME:?this machine is no Debian release}")
    for part in "" -updates -security; do
        if [ "$1$part" = sid-updates ]; then break; fi # it has no others
        apt-get update --print-uris | sed -n "s|^'\(.*\)/dists/$here$part/InRelease'.*|deb \1 $1$part main|p" | head -n 1
    done
}

# What pip is told here, as lines of `NAME VALUE`, the last of a name being the one that counts. Folders of packages on
# this machine are left out.
pip_settings() {
    {
        python3 -m pip config list 2>/dev/null | sed -n "s/^[^=]*\.\([a-z-]*\)='\(.*\)'\$/\1 \2/p"
        env | sed -n 's/^PIP_\([A-Z_]*\)=/\1 /p' | while read -r name value; do echo "$(echo "$name" | tr A-Z_ a-z-) $value"; done
    } | grep -vE '(index-url|find-links) (/|file:)'
}

# Files of this machine that those settings or the environment name, such as authorities.
named_files() {
    { pip_settings | cut -d' ' -f2-; env | sed -n '/^[A-Z0-9_]*\(CERT\|_CA_\|CAINFO\)[A-Z0-9_]*=/s/^[^=]*=//p'; } | sort -u |
        while read -r value; do case $value in /*) [ ! -f "$value" ] || printf '%s\n' "$value" ;; esac; done
}

enter() { # FOLDER COMMAND...
    root=$1
    shift
    for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
        case $name in
            CI | TERM | PATH | PWD | FRESH_CACHE | npm_config_* | *CERT* | *_CA_* | *CAINFO | *_proxy | *_PROXY) ;;
            *) unset "$name" ;;
        esac
    done
    # Namespaces of its own: mounts end with them, and so does every process, however this one ends. `ip netns` needs a
    # root that is one (pivot_root), which a mere chroot is not.
    export HOME=/root LANG=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin exec unshare --mount --pid --fork \
        --kill-child --propagation private sh "$0" inside "$root" "$@"
}

inside() { # FOLDER COMMAND...: as the first process of the namespaces
    cd "$1"
    shift
    mount --bind . .
    cd "$PWD" # into the mount
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs dev/shm
    if [ -n "${FRESH_CACHE:-}" ]; then
        . ./etc/os-release
        for each in "apt-$VERSION_CODENAME:var/cache/apt/archives" pip:root/.cache/pip; do
            mkdir -p "$FRESH_CACHE/${each%%:*}" "${each#*:}"
            mount --bind "$FRESH_CACHE/${each%%:*}" "${each#*:}"
        done
    fi
    mkdir -p old
    pivot_root . old
    umount -l /old
    unset FRESH_CACHE
    [ ! -d "$clone" ] || cd "$clone"
    "$@" # not exec: the first process waits for orphans
}

case $1 in
    make) make_root "$2" "$3" ;;
    bare) bare_root "$2" "$3" "$4" ;;
    enter | inside) "$@" ;;
esac
