#!/bin/sh
# Unpacks the real servers that tests talk to into .cache/servers, without installing them: Debian's packages
# would start services on this machine. Needs no root. `rm -r .cache/servers` to have newer ones.
set -eu

cd "$(dirname "$0")/.."
packages="prometheus prometheus-alertmanager prometheus-pushgateway victoria-metrics"
into=.cache/servers
log=.cache/servers.log
[ "$(cat "$into/.complete" 2>/dev/null)" = "$packages" ] && exit 0

fail() {
    printf 'servers.sh: %s; tests that need %s are left out\n' "$1" "$packages" >&2
    exit 1
}
command -v apt-get >/dev/null || fail "there is no apt-get here"

rm -rf "$into" .cache/debs
mkdir -p "$into" .cache/debs .cache/apt/lists/partial
printf 'unpacking into %s: %s\n' "$into" "$packages" >&2

# Lists of our own beside the system's, which may be absent, old, or not ours to refresh.
own="-o Dir::State::lists=$PWD/.cache/apt/lists -o Dir::Cache=$PWD/.cache/apt -o APT::Sandbox::User="
download() { # shellcheck disable=SC2086 # lists of words
    (cd .cache/debs && apt-get -qq "$@" download $packages) </dev/null >>"$log" 2>&1
}
: >"$log"
# shellcheck disable=SC2086
if ! download -o APT::Sandbox::User= && ! { apt-get -qq $own update </dev/null >>"$log" 2>&1 && download $own; }; then
    cat "$log" >&2
    fail "apt-get could not download them (no network? see above)"
fi
for deb in .cache/debs/*.deb; do
    dpkg-deb -x "$deb" "$into" || fail "could not unpack $deb"
done
rm -rf .cache/debs .cache/apt "$log"
echo "$packages" >"$into/.complete" # last, so that an interrupted download begins anew
