#!/bin/sh
# Unpacks the real servers that tests talk to, without installing them: Debian's packages would start services on
# this machine. Needs no root, and leaves the system's lists and sources as they are.
#
#   tests/servers.sh       those of this Debian, into .cache/servers
#   tests/servers.sh sid   the newest Prometheus and VictoriaMetrics, into .cache/newer: what is built from Go runs here
#
# `rm -r` the folder to have newer ones.
set -eu

cd "$(dirname "$0")/.."
packages="prometheus prometheus-alertmanager prometheus-node-exporter prometheus-pushgateway victoria-metrics"
into=.cache/servers
of=${1:-"this Debian"}
if [ "$of" = sid ]; then packages="prometheus promtool victoria-metrics" into=.cache/newer; fi
work=$into.work
log=$into.log
[ "$(cat "$into/.complete" 2>/dev/null)" = "$packages" ] && exit 0

fail() {
    cat "$log" >&2
    printf 'servers.sh: %s; tests that need %s of %s are left out\n' "$1" "$packages" "$of" >&2
    exit 1
}
rm -rf "$into" "$work"
mkdir -p "$into" "$work/debs" "$work/lists/partial"
: >"$log"
command -v apt-get >/dev/null || fail "there is no apt-get here"
printf 'unpacking into %s: %s\n' "$into" "$packages" >&2

# Lists of our own beside the system's, which may be absent, old, or not ours to refresh.
own="-o Dir::State::lists=$PWD/$work/lists -o Dir::Cache=$PWD/$work -o APT::Sandbox::User="
own="$own -o Acquire::Languages=none -o Acquire::http::Timeout=30 -o Acquire::Retries=1"
if [ "$of" = sid ]; then # from where this Debian comes from
    . /etc/os-release
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | sed -n "s/^${VERSION_CODENAME:-stable} //p" | head -n 1)
    echo "deb ${mirror:-} sid main" >"$work/sources.list"
    own="$own -o Dir::Etc::SourceList=$PWD/$work/sources.list -o Dir::Etc::SourceParts=-"
fi
download() { # shellcheck disable=SC2086 # lists of words
    (cd "$work/debs" && apt-get -qq "$@" download $packages) </dev/null >>"$log" 2>&1
}
if [ "$of" = sid ] || ! download -o APT::Sandbox::User=; then
    # shellcheck disable=SC2086
    apt-get -qq $own update </dev/null >>"$log" 2>&1 && download $own || fail "apt-get could not download them (see above)"
fi
for deb in "$work"/debs/*.deb; do
    dpkg-deb -x "$deb" "$into" || fail "could not unpack $deb"
done
rm -rf "$work" "$log"
echo "$packages" >"$into/.complete" # last, so that an interrupted download begins anew
