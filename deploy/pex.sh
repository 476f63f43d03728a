#!/bin/sh
# Makes latency-exporter.pex of wheels: one file for CPython 3.11 on this kind of machine. It unpacks itself at its first
# start, because compiled packages cannot be imported from a zip file.
#
#   pex.sh BIN WHEELS INTO     BIN has pex
set -eu
cd "$(dirname "$0")/.."
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

mkdir -p "$3"
# Without --no-pypi and --no-build something else than the wheels could get in.
"$1/pex" --no-pypi --find-links "$2" --no-build --interpreter-constraint 'CPython==3.11.*' --inherit-path=false \
    --venv prepend --venv-site-packages-copies --sh-boot --console-script latency-exporter \
    --output-file "$3/latency-exporter.pex" latency-exporter
echo "run it: $3/latency-exporter.pex"
