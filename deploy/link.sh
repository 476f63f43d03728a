#!/bin/sh
# For `make install`: how the program is called.
#
#   link.sh FOLDER           says how to have FOLDER's latency-exporter on the PATH
#   link.sh FOLDER PREFIX    makes a link to it in PREFIX/bin
set -eu

program=$1/latency-exporter
if [ -z "${2:-}" ]; then
    echo "$program is ready. To call it by its name alone, one of:"
    echo "  export PATH=\"$1:\$PATH\"    # in this shell; in ~/.profile for later ones"
    echo "  make install PREFIX=/usr/local    # as root: a link for everybody"
    exit 0
fi

case $2 in /*) folder=$2/bin ;; *) folder=$PWD/$2/bin ;; esac
link=$folder/latency-exporter
if [ -e "$link" ] && [ ! -L "$link" ]; then
    echo "$link is there and is no link: remove it, or choose another PREFIX" >&2
    exit 1
fi
if ! { (umask 022 && mkdir -p "$folder") && ln -sfn "$program" "$link"; }; then
    echo "$link could not be made: as root, or in a place of your own: make install PREFIX=$HOME/.local" >&2
    exit 1
fi
echo "latency-exporter is ready: $link"
case :$PATH: in
    *":$folder:"*) ;;
    *) echo "$folder is not on your PATH: export PATH=\"$folder:\$PATH\"" ;;
esac
obstacle=$(sh "$(dirname "$0")/python.sh" closed "$folder")
if [ -n "$obstacle" ]; then
    echo "Only the user $(id -un) can call it there: $obstacle is closed to others." >&2
    echo "Remedy, if others shall: chmod go+x '$obstacle', or another PREFIX." >&2
fi
