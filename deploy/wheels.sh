#!/bin/sh
# The wheels that packages are made of: the program's, and those of requirements.lock for CPython 3.11, whatever Python this
# is, on a kind of machine as `uname -m` has it.
#
#   wheels.sh fetch PYTHON FOLDER MACHINE   puts them into a folder; PYTHON has pip and setuptools
#   wheels.sh unpack PYTHON FOLDER INTO     unpacks those that the program needs while it runs
set -eu
cd "$(dirname "$0")/.."

pip() { # PYTHON ARGUMENTS...
    python=$1
    shift
    "$python" -m pip --disable-pip-version-check --quiet "$@"
}

fetch() { # PYTHON FOLDER MACHINE
    platforms="--platform manylinux2014_$3"
    for glibc in 2_5 2_17 2_24 2_26 2_27 2_28 2_31 2_34; do # up to that of Debian 12, 2.36
        platforms="$platforms --platform manylinux_${glibc}_$3"
    done
    if ! cmp -s requirements.lock "$2/requirements.lock"; then
        rm -rf "$2"
        # shellcheck disable=SC2086 # a list of words
        pip "$1" download --require-hashes --requirement requirements.lock --dest "$2" \
            --only-binary=:all: --no-deps --implementation cp --python-version 3.11 $platforms
        cp requirements.lock "$2"
    fi
    rm -rf build "$2"/latency_exporter-*.whl # setuptools would take what an earlier build left
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct)}
    export SOURCE_DATE_EPOCH
    pip "$1" wheel --no-deps --no-build-isolation --wheel-dir "$2" .
    rm -rf build
}

unpack() { # PYTHON FOLDER INTO
    for wheel in "$2"/*.whl; do
        case ${wheel##*/} in setuptools-*) continue ;; esac # builds wheels, and is not imported
        "$1" -m zipfile --extract "$wheel" "$3"
    done
    rm "$3"/*.dist-info/RECORD # of whom would uninstall it, which is not pip
}

"$@"
