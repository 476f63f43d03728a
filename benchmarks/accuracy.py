"""How true the reported round trips are, probe by probe, against the kernel's stamps of the packets.

All programs are scraped (or asked) once a second meanwhile, since that is when a program's own clock goes wrong.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence

from benchmarks.bench import Bench, Subject
from benchmarks.field import WEB_PORT
from benchmarks.notes import from_asker, from_fping, from_scraper, scrapes
from benchmarks.programs import (
    BLACKBOX,
    BLACKBOX_METRICS,
    FPING,
    OURS,
    SMOKEPING,
    asker_notes,
    blackbox,
    fping,
    helper,
    ours,
    running,
    smokeping,
)
from benchmarks.truth import Reported, Wire, aligned, best_shift, errors_us, impossible, pair, percentile, wire_of
from tests.netlab import Capture, pair_echoes, pair_handshakes, pair_requests

QUANTITIES = {"icmp": ("rtt",), "tcp": ("rtt",), "http": ("rtt", "response")}
_HISTOGRAMS = {
    (OURS, "rtt"): "network_latency_rtt_distribution_seconds",
    (OURS, "response"): "network_latency_http_response_distribution_seconds",
    (SMOKEPING, "rtt"): "smokeping_response_duration_seconds",
}
_LABELS = {OURS: "target", SMOKEPING: "ip"}


def icmp_truth(bench: Bench) -> None:
    """Error of ICMP round trips, of all four programs."""
    for targets in bench.sizes.icmp_truth:
        for recipe in (ours("icmp"), fping(quiet=False), smokeping(), blackbox("icmp")):
            measure(bench.subject("icmp-truth", recipe, targets), "icmp")


def tcp_truth(bench: Bench) -> None:
    """Error of TCP round trips, ours and blackbox_exporter's."""
    for recipe in (ours("tcp"), blackbox("tcp")):
        measure(bench.subject("tcp-truth", recipe, bench.sizes.stream_truth), "tcp")


def http_truth(bench: Bench) -> None:
    """Error of HTTP round trips and responses, ours and blackbox_exporter's."""
    for recipe in (ours("http"), blackbox("http")):
        measure(bench.subject("http-truth", recipe, bench.sizes.stream_truth), "http")


def measure(subject: Subject, protocol: str) -> None:
    """Compare what a program reports with the packets on the wire, and once more if that fails."""
    subject.measure(lambda: _measure_once(subject, protocol))


def _measure_once(subject: Subject, protocol: str) -> None:
    """Capture from before the program's start to its end, so that its n-th probe is the n-th exchange."""
    field = subject.bench.field
    with field.capture() as capture, running(field, subject.recipe, subject.addresses()) as program:
        time.sleep(subject.recipe.warm_up(subject.targets))
        before, began, since = field.received(protocol), time.monotonic(), time.time()
        reports = _watch(subject, protocol)
        probes = field.received(protocol) - before
        subject.add(probes_per_second=probes / (time.monotonic() - began))
    if not subject.recipe.port:
        reports = {"rtt": list(from_fping(program.output()))}
    wire = _wire(capture, protocol)
    if subject.recipe.name == SMOKEPING:  # it counts only from when all its targets have been started
        reports = {quantity: list(aligned(reported, wire[quantity])) for quantity, reported in reports.items()}
    _compare(subject, reports, wire, since)


def _watch(subject: Subject, protocol: str) -> dict[str, list[Reported]]:
    """Wait for the window's end; return what was reported in it, by quantity."""
    bench, recipe = subject.bench, subject.recipe
    quantities = QUANTITIES[protocol]
    if recipe.name in (FPING, BLACKBOX):
        bench.window()
        if recipe.name == FPING:
            return {}
        notes = asker_notes(bench.field).read_text(encoding="ascii")
        return {quantity: list(from_asker(notes, BLACKBOX_METRICS[protocol, quantity])) for quantity in quantities}
    histograms = {quantity: _HISTOGRAMS[recipe.name, quantity] for quantity in quantities}
    notes = scrape(subject, list(histograms.values()))
    return {quantity: list(from_scraper(notes, histogram)) for quantity, histogram in histograms.items()}


def scrape(subject: Subject, histograms: Sequence[str]) -> str:
    """Scrape the program each second of the window; return the scraper's notes."""
    field, recipe = subject.bench.field, subject.recipe
    path = field.folder / "scraped"
    path.unlink(missing_ok=True)
    names = [f"{histogram}_{part}" for histogram in histograms for part in ("sum", "count")]
    flags = ["--output", str(path), "--label", _LABELS[recipe.name], "--series", *names]
    with helper(field, "scraper", str(recipe.port), *flags):
        subject.bench.window()
    notes = path.read_text(encoding="ascii")
    durations = [scrape.duration for scrape in scrapes(notes)]
    if not durations:
        raise LookupError("no page in time")
    subject.add(
        scrapes=len(durations),
        scrape_median_ms=statistics.median(durations) * 1000,
        scrape_slowest_ms=max(durations) * 1000,
    )
    return notes


def _wire(capture: Capture, protocol: str) -> dict[str, Wire]:
    """Return the captured round trips, by quantity."""
    packets = capture.packets()
    if lost := capture.dropped():
        raise LookupError(f"the capture lost {lost} packets and proves nothing")
    if protocol == "icmp":
        return {"rtt": wire_of(pair_echoes(packets))}
    return {"rtt": wire_of(pair_handshakes(packets)), "response": wire_of(pair_requests(packets, WEB_PORT))}


def _compare(
    subject: Subject, reports: Mapping[str, Sequence[Reported]], wires: Mapping[str, Wire], since: float
) -> None:
    """Compare the probes of the window: the first rounds after a start are not typical."""
    for quantity, reported in reports.items():
        pairs = pair(reported, wires[quantity], since=since)
        errors = errors_us(pairs)
        if not errors:
            raise LookupError(f"no {quantity} could be compared, of {len(reported)} reported")
        if reported[0].number and best_shift(reported, wires[quantity]):
            raise LookupError(f"the numbers of its {quantity} are out of step with the packets")
        subject.add_errors(quantity, errors)
        values = summary(errors) | {
            "reported": len(reported),
            "impossible": impossible(errors),
            "wire_median_us": statistics.median(true for _, true in pairs) * 1e6,
        }
        subject.add(**{f"{quantity}_{name}": value for name, value in values.items()})


def summary(errors: Sequence[float]) -> dict[str, float]:
    """Return the figures that describe many errors."""
    sizes = [abs(error) for error in errors]
    return {
        "compared": len(errors),
        "median_us": statistics.median(sizes),
        "p99_us": percentile(sizes, 0.99),
        "max_us": max(sizes),
        "signed_median_us": statistics.median(errors),
        "signed_p99_us": percentile(errors, 0.99),
    }
