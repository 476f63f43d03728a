#!/bin/sh
# `make install` as docs/install.md has it: called by its name, by a user who is not its owner, in a folder without a fleet file.
set -eu

make install PREFIX=/usr/local
cd /
setpriv --reuid=65534 --regid=65534 --clear-groups latency-exporter check
setpriv --reuid=65534 --regid=65534 --clear-groups latency-exporter example fleet | grep -q '^hosts:'
