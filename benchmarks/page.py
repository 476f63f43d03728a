"""What a page costs: bytes, seconds, CPU per line, how long the loop is held for it, and memory."""

from __future__ import annotations

import signal
import statistics
import time
from pathlib import Path

from benchmarks.bench import Bench, Seconds, Subject
from benchmarks.notes import Scrape, scrapes
from benchmarks.process import cpu_between, cpu_times, memory_of
from benchmarks.programs import PROTOCOLS, Recipe, helper, ours, running, smokeping
from tests.netlab import Program, wait_until

_AT_MOST: Seconds = 60.0


def page(bench: Bench) -> None:
    """Cost of /metrics at the default interval, of three probes per target, and smokeping_prober's beside it."""
    notes = bench.field.folder / "held"
    subject = bench.subject("page", _ours("-m", "benchmarks.held", str(notes)), bench.sizes.page)
    subject.measure(lambda: _our_page(subject, notes))
    small = bench.subject("page", _ours("-m", "exporter"), bench.sizes.small_page)
    small.measure(lambda: _memory(small))
    other = bench.subject("page", smokeping("15s"), bench.sizes.page)
    other.measure(lambda: _other_page(other))


def _our_page(subject: Subject, notes: Path) -> None:
    with running(subject.bench.field, subject.recipe, subject.addresses()) as program:
        time.sleep(subject.recipe.warm_up(subject.targets))
        for kind in ("plain", "gzip"):
            _held(program, notes)
            _scrape(subject, program, kind)
            subject.add(**{f"{kind}_held_ms": _held(program, notes) * 1000})
        _remember(subject, program)


def _other_page(subject: Subject) -> None:
    with running(subject.bench.field, subject.recipe, subject.addresses()) as program:
        time.sleep(subject.recipe.warm_up(subject.targets))
        for kind in ("plain", "gzip"):
            _scrape(subject, program, kind)
        _remember(subject, program)


def _ours(*launcher: str) -> Recipe:
    return ours(*PROTOCOLS, interval="15s", timeout="10s", launcher=launcher)


def _memory(subject: Subject) -> None:
    """Measure the memory of few targets, after some scrapes."""
    field = subject.bench.field
    notes = field.folder / "scraped"
    with running(field, subject.recipe, subject.addresses()) as program:
        with helper(field, "scraper", str(subject.recipe.port), "--output", str(notes)):
            time.sleep(subject.bench.sizes.memory_after)
        _remember(subject, program)


def _remember(subject: Subject, program: Program) -> None:
    memory = memory_of(program.pid)
    subject.add(resident_mb=memory.resident / 1e6, peak_mb=memory.peak / 1e6)


def _scrape(subject: Subject, program: Program, kind: str) -> None:
    """Ten scrapes: their CPU is what the window took above an idle one of the same length."""
    idle = _cpu_share(program, subject.bench.seconds)
    before, began = cpu_times(program.pid), time.monotonic()
    answered = _ask(subject, kind)
    spent = cpu_between(before, cpu_times(program.pid)) - idle * (time.monotonic() - began)
    lines = sum(scrape.lines for scrape in answered)
    values = {
        "bytes": statistics.median(scrape.bytes for scrape in answered),
        "lines": statistics.median(scrape.lines for scrape in answered),
        "answer_ms": statistics.median(scrape.duration for scrape in answered) * 1000,
        "scrape_ms": spent / len(answered) * 1000,
        "line_us": spent / lines * 1e6,
    }
    subject.add(**{f"{kind}_{name}": value for name, value in values.items()})


def _ask(subject: Subject, kind: str) -> list[Scrape]:
    """Scrape it some times; return the scrapes that were answered."""
    field, count = subject.bench.field, subject.bench.sizes.scrapes
    notes = field.folder / "scraped"
    notes.unlink(missing_ok=True)
    flags = ["--output", str(notes), "--every", "0.5", "--count", str(count), *(["--plain"] if kind == "plain" else [])]
    with helper(field, "scraper", str(subject.recipe.port), *flags) as scraper:
        wait_until(lambda: scraper.poll() is not None, "the scraper's end", _AT_MOST)
    answered = list(scrapes(notes.read_text(encoding="ascii")))
    if not answered:
        raise LookupError("no page in time")
    return answered


def _cpu_share(program: Program, seconds: Seconds) -> float:
    """Return the CPU time that it uses without scrapes, in seconds per second."""
    before, began = cpu_times(program.pid), time.monotonic()
    time.sleep(seconds)
    return cpu_between(before, cpu_times(program.pid)) / (time.monotonic() - began)


def _held(program: Program, notes: Path) -> Seconds:
    """Return the longest time that the loop was held since the last call, as ``benchmarks.held`` writes it down."""
    lines = _lines(notes)
    program.send_signal(signal.SIGUSR1)
    wait_until(lambda: len(_lines(notes)) > len(lines), "a note of the launcher")
    return float(_lines(notes)[-1])


def _lines(notes: Path) -> list[str]:
    return [line for line in notes.read_text(encoding="ascii").splitlines() if line] if notes.exists() else []
