"""What one probe costs: CPU time over a window, by the number of probes that reached the targets in it.

Nothing is scraped or captured meanwhile. The kernel charges a packet's whole way, the targets'
answer included, to the program that sent it; that holds for all programs alike.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.bench import Bench, Seconds, Subject
from benchmarks.ours import account_of
from benchmarks.process import CpuTimes, cpu_between, cpu_times, memory_of
from benchmarks.programs import OURS, Recipe, blackbox, fping, ours, running, smokeping

_AFTER_A_PAGE: Seconds = 1.0
"""How long the request for our page costs CPU time."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was used and done up to one moment."""

    cpu: CpuTimes
    probes: int
    time: Seconds


def icmp_cost(bench: Bench) -> None:
    """CPU per ICMP probe, and memory, of all four programs."""
    for targets in bench.sizes.icmp_cost:
        recipes = [ours("icmp"), fping(quiet=True), smokeping()]
        recipes += [blackbox("icmp")] if targets <= bench.sizes.asked_at_most else []
        for recipe in recipes:
            _cost(bench.subject("icmp-cost", recipe, targets), "icmp")


def tcp_cost(bench: Bench) -> None:
    """CPU per TCP connect, ours and blackbox_exporter's."""
    _stream_cost(bench, "tcp")


def http_cost(bench: Bench) -> None:
    """CPU per HTTP request, ours and blackbox_exporter's."""
    _stream_cost(bench, "http")


def _stream_cost(bench: Bench, protocol: str) -> None:
    recipes: tuple[Recipe, ...] = (ours(protocol), blackbox(protocol))
    for targets in bench.sizes.stream_cost:
        for recipe in recipes:
            _cost(bench.subject(f"{protocol}-cost", recipe, targets), protocol)


def _cost(subject: Subject, protocol: str) -> None:
    subject.measure(lambda: _cost_once(subject, protocol))


def _cost_once(subject: Subject, protocol: str) -> None:
    bench, recipe = subject.bench, subject.recipe
    with running(bench.field, recipe, subject.addresses()) as program:
        time.sleep(recipe.warm_up(subject.targets))
        earlier = _our_page(subject)
        before = _look(subject, protocol, program.pid)
        bench.window()
        after = _look(subject, protocol, program.pid)
        memory = memory_of(program.pid)
        if earlier:
            subject.add(**account_of(_our_page(subject)).since(account_of(earlier)))
        probes = after.probes - before.probes
        subject.add(
            cpu_us=cpu_between(before.cpu, after.cpu) / max(probes, 1) * 1e6,
            probes_per_second=probes / (after.time - before.time),
            resident_mb=memory.resident / 1e6,
            peak_mb=memory.peak / 1e6,
        )


def _look(subject: Subject, protocol: str, pid: int) -> Look:
    return Look(cpu_times(pid), subject.bench.field.received(protocol), time.monotonic())


def _our_page(subject: Subject) -> bytes:
    if subject.recipe.name != OURS:
        return b""
    page = subject.bench.field.get(subject.recipe.port, "/metrics")
    time.sleep(_AFTER_A_PAGE)
    return page
