#!/bin/sh
# `make run`, as the README says it, until the round trips of ICMP, TCP and HTTP are on the page.
set -eu

make run &
started=$!
trap 'kill "$started" 2>/dev/null || true; wait "$started" || true' EXIT
page() {
    .venv/bin/python -c 'import urllib.request as r; print(r.urlopen("http://localhost:9102/metrics", timeout=5).read().decode())'
}
numbers() { page 2>/dev/null | grep '^network_latency_rtt_seconds{'; }

for _ in $(seq 300); do
    kill -0 "$started" 2>/dev/null || { echo "make run has ended before there were numbers" >&2 && exit 1; }
    if [ "$(numbers | wc -l)" = 3 ]; then numbers && exit 0; fi
    sleep 1
done
echo "after 5 minutes there are no three round trips on the page" >&2
exit 1
