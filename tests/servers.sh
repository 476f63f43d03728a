#!/bin/sh
# Unpacks the real servers that tests talk to, without installing them: Debian's packages would start services on
# this machine. Needs no root, and leaves the system's lists and sources as they are.
#
#   tests/servers.sh             those of this Debian, into .cache/servers
#   tests/servers.sh peers       programs whose names our rules can give, of this Debian, into .cache/peers
#   tests/servers.sh sid         the newest Prometheus and VictoriaMetrics, into .cache/newer: what is built from Go runs here
#   tests/servers.sh mariadb     the MariaDB of trixie, into .cache/databases/mariadb
#   tests/servers.sh databases   MySQL, PostgreSQL and PgBouncer of sid, into .cache/databases/newest: these two with all
#                                libraries that they need, to be run by chroot (tests/system/rooted.py)
#
# `rm -r` the folder to have newer ones.
set -eu

cd "$(dirname "$0")/.."
packages="prometheus prometheus-alertmanager prometheus-node-exporter prometheus-pushgateway victoria-metrics"
into=.cache/servers
of=${1:-"this Debian"}
suite=sid whole=
case $of in
"this Debian") suite= ;;
peers) packages="prometheus-blackbox-exporter prometheus-smokeping-prober" into=.cache/peers suite= ;;
sid) packages="prometheus promtool victoria-metrics" into=.cache/newer ;;
mariadb) packages=mariadb-server-core into=.cache/databases/mariadb suite=trixie whole=yes ;;
databases) packages="mysql-server-core postgresql-18 pgbouncer dash" into=.cache/databases/newest whole=yes ;;
esac
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
if [ -n "$suite" ]; then # from where this Debian comes from
    . /etc/os-release
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | sed -n "s/^${VERSION_CODENAME:-stable} //p" | head -n 1)
    echo "deb ${mirror:-} $suite main" >"$work/sources.list"
    own="$own -o Dir::Etc::SourceList=$PWD/$work/sources.list -o Dir::Etc::SourceParts=-"
fi
if [ -n "$whole" ]; then # with all that they depend on, but for what only their packages' scripts run
    for name in perl postgresql-common postgresql-client-common locales ssl-cert debconf mysql-common mariadb-common; do
        printf 'Package: %s\nStatus: install ok installed\nVersion: 99:99\nArchitecture: %s\nMulti-Arch: allowed\n\n' \
            "$name" "$(dpkg --print-architecture)"
    done >"$work/status"
    own="$own -o Dir::State::status=$PWD/$work/status -o APT::Install-Recommends=false -o Debug::NoLocking=true"
    own="$own -o Dir::Cache::archives=$PWD/$work/debs"
    mkdir -p "$work/debs/partial"
fi
download() { # shellcheck disable=SC2086 # lists of words
    if [ -n "$whole" ]; then apt-get -qq -y "$@" install --download-only $packages; else
        (cd "$work/debs" && apt-get -qq "$@" download $packages)
    fi </dev/null >>"$log" 2>&1
}
if [ -n "$suite" ] || ! download -o APT::Sandbox::User=; then
    # shellcheck disable=SC2086
    apt-get -qq $own update </dev/null >>"$log" 2>&1 && download $own || fail "apt-get could not download them (see above)"
fi
[ -z "$whole" ] || for folder in bin sbin lib lib64; do mkdir -p "$into/usr/$folder" && ln -s "usr/$folder" "$into/"; done
for deb in "$work"/debs/*.deb; do
    dpkg-deb -x "$deb" "$into" || fail "could not unpack $deb"
done
if [ -n "$whole" ]; then
    mkdir -p "$into/tmp" "$into/proc" "$into/dev" "$into/etc"
    ln -sf dash "$into/bin/sh"
    printf '%s:x:%s:%s::/:/bin/sh\n' root 0 0 nobody 65534 65534 >"$into/etc/passwd"
fi
rm -rf "$work" "$log"
echo "$packages" >"$into/.complete" # last, so that an interrupted download begins anew
