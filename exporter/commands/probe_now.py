"""``latency-exporter probe``: one probe of each kind toward a target, from here and now, for people."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from collectors import failures
from collectors.contract import Context, one_by_one
from collectors.literals import literal_family
from collectors.terms import Seconds
from collectors.transport import resolver
from exporter.clock import wall_clock
from exporter.fleet import Pair
from exporter.overview.timeline import Around, explain, is_well
from exporter.probing import collectors, single
from exporter.probing.addresses import Addresses, refreshes
from exporter.probing.scheduler import Scheduler
from exporter.probing.single import ProbeResult
from exporter.recording.own_health import OwnHealth
from exporter.wording import span

_LOOKUPS: Seconds = 5.5
"""As long as a refresh of an address may take."""
_KEEP: Seconds = 60.0
_HOPS, _PER_HOP, _HOP_TIMEOUT = 30, 2, 1.0


async def probe_now(pairs: Sequence[Pair]) -> list[ProbeResult]:
    """Probe each pair once, with collectors and look-ups of our own."""
    addresses = Addresses(resolver.addresses, lambda _target: None)
    context = Context(
        address=addresses.get, lookup=resolver.addresses, notice=lambda _notice: None, others=addresses.others
    )
    async with collectors.probes(context) as probes, Scheduler("", addresses, at_once=True) as refresher:
        names = refreshes(pairs, _KEEP)
        addresses.expect(names, _KEEP)
        refresher.replace((name, one_by_one(addresses.refresh)) for name in names)
        await addresses.answered(_LOOKUPS)
        return await single.ask(pairs, probes)


def describe(answers: Sequence[ProbeResult], asked: Sequence[Pair]) -> tuple[str, bool]:
    """Return what became of the probes that were asked for, and whether all is well; the others are witnesses."""
    now, wall = time.monotonic(), wall_clock()
    told = zip(answers, explain(answers, Around((), OwnHealth(), now, wall)), strict=True)
    shown = [(text, is_well(answer)) for answer, text in told if answer.pair in asked]
    return "\n".join(text for text, _ in shown), all(well for _, well in shown)


def routes(answers: Sequence[ProbeResult]) -> Iterator[str]:
    """Walk to each address that was asked, hop by hop; it takes a second for each router that keeps silent."""
    walked = set()
    for answer in answers:
        name, ip_family = answer.pair.place, answer.pair.ip_family
        address = answer.facts.address or (name if literal_family(name) else None)
        if address not in walked and answer.pair.aim.host:
            walked.add(address)
            yield f"\nroute to {name} over {ip_family}\n"
            yield from _route(address, 6 if ip_family == "ipv6" else 4) if address else ("  it has no address\n",)


def _route(address: str, family: int) -> Iterator[str]:
    import icmplib  # noqa: PLC0415 - this command's alone, and the program that runs for months is measured by the MB

    try:
        hops = icmplib.traceroute(
            address, count=_PER_HOP, timeout=_HOP_TIMEOUT, max_hops=_HOPS, fast=True, family=family
        )
    except icmplib.SocketPermissionError:
        yield "  needs a raw socket: run it as root, or grant CAP_NET_RAW\n"
    except (icmplib.ICMPLibError, OSError) as error:
        why = failures.from_os_error(error).detail if isinstance(error, OSError) else error
        yield f"  not to be walked: {why}\n"
    else:
        distance = 0
        for hop in hops:
            if hop.distance > distance + 1:
                yield f"  {distance + 1}-{hop.distance - 1} no answer\n"
            distance = hop.distance
            yield f"  {hop.distance:<3} {hop.address:<40} {span(hop.avg_rtt / 1000)}\n"
        if not hops:
            yield f"  nobody answered within {_HOPS} hops\n"
