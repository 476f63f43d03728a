#!/bin/sh
# What the README tells people to run, on machines that lack everything; as root. Takes a quarter of an hour.
set -eu
cd "$(dirname "$0")/../.."
. tests/steps.sh
export CI="${CI:-true}" # everything is to be had here, so a test left out is a failure (tests/conftest.py)

[ "$(id -u)" -eq 0 ] || { echo "make fresh-test needs root, for roots and namespaces of its own" >&2 && exit 1; }
sh tests/packages.sh "a fresh root" mmdebstrap:mmdebstrap git:git
[ -z "$(git -c safe.directory='*' status --porcelain)" ] || echo "what is not committed is not tested" >&2

# Where nothing was left by a run that was killed: the folders' names hold the process that made them.
work=/var/tmp/latency-exporter-fresh
for folder in "$work".*; do
    [ ! -e "$folder" ] || kill -0 "${folder##*.}" 2>/dev/null || rm -rf --one-file-system "$folder"
done
work=$work.$$
trap 'rm -rf --one-file-system "$work"' EXIT
rm -rf --one-file-system "$work"
mkdir "$work"

# Downloads alone are kept. Beside another run there are none: apt allows one at a time.
FRESH_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/latency-exporter-fresh
mkdir -p "$FRESH_CACHE"
exec 9>"$FRESH_CACHE/lock"
if flock --nonblock 9; then export FRESH_CACHE; else unset FRESH_CACHE; fi

in_root() { # LIMIT SUITE COMMAND...
    limit=$1 suite=$2
    shift 2
    step "$limit" sh tests/fresh/root.sh enter "$work/$suite" "$@"
}

step 10m sh tests/fresh/root.sh make bookworm "$work/bookworm"
in_root 10m bookworm sh tests/fresh/first_numbers.sh
in_root 2m bookworm sh tests/fresh/installed.sh
in_root 40m bookworm make test
in_root 5m bookworm make --keep-going check
rm -rf --one-file-system "$work/bookworm"

step 10m sh tests/fresh/root.sh make trixie "$work/trixie" # Python 3.13
in_root 15m trixie make test-unit test-programs test-copies

end_of_steps "a fresh machine"
