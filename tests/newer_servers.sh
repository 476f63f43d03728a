#!/bin/sh
# Unpacks the newest Prometheus and VictoriaMetrics that Debian has (sid) into .cache/newer, beside the ones that
# tests/servers.sh takes from this Debian. What is built from Go runs here all the same. The system's own lists,
# sources and packages stay as they are; needs no root. `rm -r .cache/newer` to have newer ones.
set -eu

cd "$(dirname "$0")/.."
packages="prometheus victoria-metrics"
into=.cache/newer
log=.cache/newer.log
[ "$(cat "$into/.complete" 2>/dev/null)" = "$packages" ] && exit 0

fail() {
    printf 'newer_servers.sh: %s; the tests go without the newer servers\n' "$1" >&2
    exit 1
}
command -v apt-get >/dev/null || fail "there is no apt-get here"

rm -rf "$into" .cache/sid
mkdir -p "$into" .cache/sid/lists/partial .cache/sid/debs
printf 'unpacking from sid into %s: %s\n' "$into" "$packages" >&2
echo 'deb http://deb.debian.org/debian sid main' >.cache/sid/sources.list

own="-o Dir::Etc::SourceList=$PWD/.cache/sid/sources.list -o Dir::Etc::SourceParts=-
    -o Dir::State::lists=$PWD/.cache/sid/lists -o Dir::Cache=$PWD/.cache/sid -o APT::Sandbox::User=
    -o Acquire::Languages=none -o Acquire::http::Timeout=30 -o Acquire::Retries=1"
: >"$log"
# shellcheck disable=SC2086 # lists of words
if ! apt-get -qq $own update </dev/null >>"$log" 2>&1 \
    || ! (cd .cache/sid/debs && apt-get -qq $own download $packages) </dev/null >>"$log" 2>&1; then
    cat "$log" >&2
    fail "apt-get could not download them (see above)"
fi
for deb in .cache/sid/debs/*.deb; do
    dpkg-deb -x "$deb" "$into" || fail "could not unpack $deb"
done
rm -rf .cache/sid "$log"
echo "$packages" >"$into/.complete" # last, so that an interrupted download begins anew
