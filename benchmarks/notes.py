"""Reads what the scraper, the asker and fping have written, as reported values."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.truth import Reported, Seconds, Sums, singles

_FPING = re.compile(r"^\[[0-9.]+\] (\S+) +: \[(\d+)\], \d+ bytes, ([0-9.]+) ms ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Scrape:
    """A page that was scraped, when, and its size."""

    began: Seconds
    ended: Seconds
    bytes: int
    plain_bytes: int
    lines: int

    @property
    def duration(self) -> Seconds:
        return self.ended - self.began


def scrapes(notes: str) -> Iterator[Scrape]:
    """Yield the scrapes that were answered."""
    for line in notes.splitlines():
        kind, *words = line.split(" ")
        if kind == "scrape":
            yield Scrape(float(words[0]), float(words[1]), int(words[2]), int(words[3]), int(words[4]))


def from_scraper(notes: str, histogram: str) -> Iterator[Reported]:
    """Yield each value that alone came between two scrapes, by the histogram's sum and count of its target."""
    pages: dict[str, list[Sums]] = defaultdict(list)
    for asked, answered, sums in _pages(notes, histogram):
        for target, (count, total) in sums.items():
            pages[target].append(Sums(int(count), total, asked, answered))
    for target, sequence in pages.items():
        yield from singles(target, sequence)


def from_asker(notes: str, metric: str) -> Iterator[Reported]:
    """Yield each answer's value of one metric; the last line may be cut short."""
    for line in notes.splitlines(keepends=True):
        if line.endswith("\n"):
            asked, answered, target, name, value = line.split()
            if name == metric:
                yield Reported(target, float(value), asked=float(asked), answered=float(answered))


def from_fping(output: str) -> Iterator[Reported]:
    """Yield each printed round trip; fping counts from 0."""
    for target, number, milliseconds in _FPING.findall(output):
        yield Reported(target, float(milliseconds) / 1000, number=int(number) + 1)


def _pages(notes: str, histogram: str) -> Iterator[tuple[Seconds, Seconds, Mapping[str, tuple[float, float]]]]:
    """Yield when each page was requested and complete, and target -> count and sum of all that have both."""
    for page in re.split("^scrape ", notes, flags=re.MULTILINE)[1:]:
        asked, answered = page.split(maxsplit=2)[:2]
        samples: dict[str, dict[str, float]] = defaultdict(dict)
        for name, target, value in re.findall(r"^sample (\S+) (\S+) (\S+)$", page, re.MULTILINE):
            samples[target][name] = float(value)
        wanted = f"{histogram}_count", f"{histogram}_sum"
        sums = {
            target: (values[wanted[0]], values[wanted[1]])
            for target, values in samples.items()
            if values.keys() >= set(wanted)
        }
        yield float(asked), float(answered), sums
