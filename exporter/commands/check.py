"""``latency-exporter check``: what the fleet file means for one host, in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.fleet import Fleet, Host, Pair
from exporter.recording.metrics import cost, series_of
from exporter.wording import legible, plural

_MANY_SERIES = 10_000


def describe(fleet: Fleet, host: Host, pairs: Sequence[Pair]) -> str:
    """Return what this host will probe, a line per pair, then the sum. Addresses are as written: nothing is asked."""
    buckets = fleet.defaults.buckets
    rows = [("TARGET", "PROBE", "PROTOCOL", "FAMILY", "ADDRESS", "EVERY", "TIMEOUT", "SERIES")]
    rows += [
        (
            legible(pair.name),
            legible(pair.probe),
            pair.protocol,
            pair.ip_family.value,
            legible(pair.place),
            f"{pair.interval:g} s",
            f"{pair.timeout:g} s",
            str(series_of(pair, buckets)),
        )
        for pair in pairs
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    rate = sum(1 / pair.interval for pair in pairs)
    total = (
        f"{legible(host.name)}: {len(pairs)} pairs, at most {cost.series(fleet, pairs):,} series of theirs, "
        f"{rate:.3g} probes per second"
    )
    costs = cost.of_each_exporter(fleet)
    whole = (
        f"the fleet: {len(costs)} {plural('exporter', len(costs))}, at most {sum(costs):,} series in Prometheus, "
        f"{sum(costs) / fleet.scrape.interval:,.0f} samples per second at a scrape every {fleet.scrape.interval:g} s"
    )
    return "\n".join([*(table if pairs else []), total, whole, ""])


def warnings(fleet: Fleet, pairs: Sequence[Pair]) -> list[str]:
    """Return what is allowed but should be known: the file's own warnings, and the cost when it is high."""
    found = [f"warning: {warning}" for warning in fleet.warnings]
    if (count := cost.series(fleet, pairs)) > _MANY_SERIES:
        found.append(
            f"warning: {fleet.source_file}: {count:,} series on this host, more than {_MANY_SERIES:,}; "
            "measure fewer pairs with 'from' and 'to' of the probes, or leave out histograms with 'histogram: false'"
        )
    return found
