"""``latency-exporter check``: what the fleet file means for one host, in words and numbers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from exporter.clock import wall_clock
from exporter.commands import default_fleet, samples
from exporter.commands.terminal import FINE, print_data, tell
from exporter.configuration import identified, lacking_for_lists, unlisted_host
from exporter.discovery import with_hosts_from
from exporter.fleet import (
    BadFile,
    Fleet,
    Host,
    NotListed,
    Pair,
    Problem,
    double_host_warning,
    in_maintenance,
    load,
    survey,
    until_in_words,
)
from exporter.recording import metrics
from exporter.recording.metrics import cost, series_of
from exporter.wording import counted, legible, listed, plural, quoted

_MANY_SERIES = 10_000


def run(flags: argparse.Namespace) -> int:
    """Print what the fleet file means for the host that ``flags`` name, or for this one; raises BadFile."""
    default_fleet.choose(flags)
    fleet = _fleet(flags)
    try:
        host = identified(fleet, flags.host)
    except NotListed:
        if not fleet.hosts_from or flags.discover:
            raise
        return _of_a_host_that_may_be_found(fleet, flags.host)
    pairs, missing = survey(fleet, host)
    metrics.ensure_recorded(fleet, pairs)
    _tell_what_is_missing([*lacking_for_lists(fleet), *missing], host, is_elsewhere=flags.host is not None)
    for warning in warnings(fleet, pairs):
        tell(f"warning: {warning}")
    if double := double_host_warning(fleet, host):
        tell(f"warning: {double}")
    return print_data(describe(fleet, host, pairs))


def _of_a_host_that_may_be_found(fleet: Fleet, name: str | None) -> int:
    host = unlisted_host(name)
    _tell_what_is_missing(lacking_for_lists(fleet), host, is_elsewhere=name is not None)
    for warning in warnings(fleet, ()):
        tell(f"warning: {warning}")
    tell(
        f"warning: {fleet.source_file}: has no fault; {quoted(host.name)} is none of its own hosts: "
        "whether a list has it, and which pairs it has then, is known with --discover"
    )
    return FINE


def _tell_what_is_missing(missing: Sequence[Problem], host: Host, *, is_elsewhere: bool) -> None:
    """Warn of secrets and certificates; raises BadFile where this host itself would not start without them."""
    if missing and not is_elsewhere:
        raise BadFile(missing)
    for problem in missing:  # --host may look at a host from elsewhere, without its secrets
        tell(f"warning: needed on {legible(host.name)}, and not to be had here: {problem}")


def _fleet(flags: argparse.Namespace) -> Fleet:
    """Read the fleet file; where hosts are found, ask for them if that is wanted, and say what was asked."""
    if not flags.discover:
        fleet = load(flags.config_file)
        for entry in fleet.hosts_from:
            tell(f"hosts_from: {entry}, not asked now: see --discover")
        return fleet
    fleet, problems = with_hosts_from(flags.config_file, at_length=True)
    if problems:
        raise BadFile(problems)
    for entry in fleet.hosts_from:
        hosts = counted(len(fleet.lists[entry]), "host")
        tell(f"hosts_from: {entry}, {hosts}")
    return fleet


def describe(fleet: Fleet, host: Host, pairs: Sequence[Pair]) -> str:
    """Return what this host will probe, a line per pair, then the sum; addresses are as written, not looked up."""
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
            str(series_of(pair, buckets, native=fleet.scrape.native_histograms)),
        )
        for pair in pairs
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    measured = cost.measured(pairs)
    rate = sum(1 / pair.interval for pair in measured)
    total = (
        f"{legible(host.name)}: {counted(len(measured), 'pair')}, "
        f"at most {cost.series(fleet, measured):,} series of theirs, {rate:.3g} probes per second"
    )
    costs = cost.of_each_exporter(fleet, cost.measured)
    whole = (
        f"the fleet: {len(costs)} {plural('exporter', len(costs))}, at most {sum(costs):,} series in Prometheus, "
        f"{sum(costs) / fleet.scrape.interval:,.0f} samples per second at a scrape every {fleet.scrape.interval:g} s"
    )
    if fleet.n8n:
        read = sum(cost.of_each_exporter(fleet)) - sum(costs)
        whole += f"; of n8n at most {read:,} series more, by its workflows"
    sampled = samples.in_words(fleet)
    ends = in_maintenance(fleet.hosts, wall_clock())
    quiet = [f"in maintenance: {listed(f'{name} {until_in_words(end)}'.rstrip() for name, end in ends.items())}"]
    return "\n".join([*(table if pairs else []), total, whole, *sampled, *(quiet if ends else []), ""])


def warnings(fleet: Fleet, pairs: Sequence[Pair]) -> list[str]:
    """Return what is allowed but should be known: the file's own warnings, and the cost when it is high."""
    texts = [str(warning) for warning in fleet.warnings]
    if (count := cost.series(fleet, cost.measured(pairs))) > _MANY_SERIES:
        texts.append(
            f"{fleet.source_file}: {count:,} series on this host, more than {_MANY_SERIES:,}; "
            "measure fewer pairs with 'from' and 'to' of the probes, or leave out histograms with 'histogram: false'"
        )
    return texts
