#!/bin/sh
# Installs the Debian packages that are missing, or says which line installs them.
#
#   packages.sh WHAT-FOR PACKAGE[:COMMAND]...
#
# A package whose COMMAND is found needs nothing; one without a COMMAND is known by dpkg alone.
# Exit 1 when something is still missing.
set -eu

purpose=$1
shift
missing=
PATH=$PATH:/usr/sbin:/sbin # where ip and iptables are, and where a plain user's PATH does not look
for package; do
    command=${package#*:}
    if [ "$command" != "$package" ]; then
        command -v "$command" >/dev/null && continue
    else
        dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q ' installed$' && continue
    fi
    missing="$missing ${package%%:*}"
done
[ -n "$missing" ] || exit 0

say() { printf '%s\n' "$*" >&2; }
by_hand="apt-get install --no-install-recommends$missing"

if ! command -v apt-get >/dev/null; then
    say "missing, for $purpose:$missing (Debian's names; there is no apt-get here: install them your system's way)"
    exit 1
elif [ "$(id -u)" -ne 0 ]; then
    say "missing, for $purpose:$missing. As root: $by_hand"
    exit 1
fi

# Packages start their services when they are installed, unless this file forbids it (exit 101 is "forbidden").
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
if [ -e "$policy" ]; then
    trap 'rm -f "$log"' EXIT
else
    trap 'rm -f "$log" "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

install() {
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --no-install-recommends $missing </dev/null >>"$log" 2>&1
}

say "installing Debian packages, for $purpose:$missing"
# The lists may be absent or old; they are only fetched again when it does not work without.
if ! install && ! { apt-get -qq update </dev/null >>"$log" 2>&1 && install; }; then
    cat "$log" >&2
    say "apt-get could not install$missing, for $purpose (no network? see above). By hand: $by_hand"
    exit 1
fi
