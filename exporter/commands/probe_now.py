"""``latency-exporter probe``: one probe of each kind toward a target now, explained for people."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence

from collectors import failures
from collectors.contract import Context
from collectors.literals import literal_family
from collectors.terms import Seconds
from collectors.transport import resolver
from exporter import logs
from exporter.clock import wall_clock
from exporter.commands import default_fleet
from exporter.commands.terminal import BAD_CONFIGURATION, FAULT, FINE, complain, print_data, tell
from exporter.configuration import identified
from exporter.discovery import with_hosts_from
from exporter.fleet import BadFile, Pair, survey
from exporter.overview.timeline import VerdictContext, explain, is_well
from exporter.probing import Addresses, ProbeResult, Scheduler, collectors, refreshes, single
from exporter.recording.own_health import OwnHealth
from exporter.wording import span

_LOOKUPS: Seconds = 5.5
"""As long as a refresh of an address may take."""
_KEEP: Seconds = 60.0
"""How long an address is kept: longer than the command runs, so that each name is looked up once."""
_HOPS, _REQUESTS_PER_HOP = 30, 2
_HOP_TIMEOUT: Seconds = 1.0


def run(flags: argparse.Namespace) -> int:
    """Probe the target that ``flags`` name and print how that went, then the routes there; raises BadFile."""
    logs.configure("error", "logfmt")
    default_fleet.choose(flags)
    fleet, lacking = with_hosts_from(flags.config_file)
    for problem in lacking:
        tell(f"warning: {problem}")
    host = identified(fleet, flags.host)
    toward_target, missing = survey(fleet, host, target=flags.target)
    try:
        asked = single.chosen([*survey(fleet, host)[0], *toward_target], flags.target, flags.probe, here=host.name)
    except single.NoSuchPair as error:
        return complain(f"{flags.config_file}: {error}", BAD_CONFIGURATION)
    if missing:
        raise BadFile(missing)
    results = asyncio.run(probe_now(toward_target))
    text, all_well = describe(results, asked, OwnHealth(host=host.name, datacenter=host.datacenter))
    printed = print_data(text)
    if flags.route and printed == FINE:
        for part in routes([result for result in results if result.pair in asked]):
            printed = printed or print_data(part)
    return printed or (FINE if all_well else FAULT)


async def probe_now(pairs: Sequence[Pair]) -> list[ProbeResult]:
    """Probe each pair once, with collectors and look-ups for this alone."""
    addresses = Addresses(resolver.addresses, lambda _target: None)
    context = Context(
        address=addresses.get, lookup=resolver.addresses, notice=lambda _notice: None, others=addresses.others
    )
    async with collectors.probes(context) as probes, Scheduler("", addresses, at_once=True) as refresher:
        addresses.keep_fresh(refreshes(pairs, _KEEP), _KEEP, refresher)
        await addresses.answered(_LOOKUPS)
        return await single.ask(pairs, probes)


def describe(results: Sequence[ProbeResult], asked: Sequence[Pair], own: OwnHealth) -> tuple[str, bool]:
    """Return how the probes went that were asked for, and whether all went well; the others are witnesses."""
    context = VerdictContext((), own, time.monotonic(), wall_clock())
    explained = zip(results, filter(None, explain(results, context)), strict=True)
    of_asked = [(text, is_well(result)) for result, text in explained if result.pair in asked]
    return "\n".join(text for text, _ in of_asked), all(well for _, well in of_asked)


def routes(results: Sequence[ProbeResult]) -> Iterator[str]:
    """Yield the route to each address that was probed, hop by hop; a router that is silent takes a second."""
    walked = set()
    for result in results:
        name, ip_family = result.pair.place, result.pair.ip_family
        address = result.facts.address or (name if literal_family(name) else None)
        if address not in walked and result.pair.aim.host:
            walked.add(address)
            yield f"\nroute to {name} over {ip_family}\n"
            yield from _route(address, 6 if ip_family == "ipv6" else 4) if address else ("  it has no address\n",)


def _route(address: str, family: int) -> Iterator[str]:
    import icmplib  # noqa: PLC0415 - this command's alone, and the program that runs for months is measured by the MB

    try:
        hops = icmplib.traceroute(
            address, count=_REQUESTS_PER_HOP, timeout=_HOP_TIMEOUT, max_hops=_HOPS, fast=True, family=family
        )
    except icmplib.SocketPermissionError:
        yield "  needs a raw socket: run it as root, or grant CAP_NET_RAW\n"
    except (icmplib.ICMPLibError, OSError) as error:
        why = failures.from_os_error(error).detail if isinstance(error, OSError) else error
        yield f"  the route cannot be traced: {why}\n"
    else:
        distance = 0
        for hop in hops:
            if hop.distance > distance + 1:
                yield f"  {distance + 1}-{hop.distance - 1} no answer\n"
            distance = hop.distance
            yield f"  {hop.distance:<3} {hop.address:<40} {span(hop.avg_rtt / 1000)}\n"
        if not hops:
            yield f"  nobody answered within {_HOPS} hops\n"
