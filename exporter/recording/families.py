"""What families of metrics are: their names and texts, and how the values of their samples are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exporter.recording.histogram import Histogram

Labels = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """A metric family: its head, and how its samples are named and read.

    ``samples`` takes an owner and returns (suffix of the name, further labels) of each of its lines. ``read`` takes the
    owner's state and the time by the monotonic clock, and returns the values in the same order, or None when there is
    nothing to show.
    """

    name: str
    """As in its samples; a counter's with ``_total``."""
    kind: str
    help: str
    samples: Callable[[Any], Iterable[tuple[str, Labels]]]
    read: Callable[[Any, float], Sequence[float] | None]
    histogram: Callable[[Any], Histogram] | None = None
    """Takes the owner's state and returns the histogram that ``read`` reads, whose native buckets no line has."""

    def head(self, *, openmetrics: bool) -> bytes:
        """Return the HELP and TYPE lines; OpenMetrics names a counter's family without ``_total``."""
        name = self.name.removesuffix("_total") if openmetrics and self.kind == "counter" else self.name
        text = self.help.replace("\\", "\\\\").replace("\n", "\\n")
        return f"# HELP {name} {text}\n# TYPE {name} {self.kind}\n".encode()


@dataclasses.dataclass(frozen=True, slots=True)
class KeyedFamily:
    """A metric family whose series come and go with what was read, so that no line can be made before a scrape.

    ``read`` takes an owner's state and the time by the monotonic clock. It yields the values of the ``labels`` of each
    group of lines, and the values of its ``samples``.
    """

    name: str
    kind: str
    help: str
    labels: Sequence[str]
    """Beside the owner's."""
    samples: Sequence[tuple[str, Labels]]
    read: Callable[[Any, float], Iterable[tuple[Sequence[str], Sequence[float]]]]


def bucket_samples(bounds: Sequence[float]) -> list[tuple[str, Labels]]:
    """Return a histogram's samples; ``le`` is a float in either format, so that queries need not tell them apart."""
    buckets = [("_bucket", (("le", repr(float(bound))),)) for bound in bounds]
    return [*buckets, ("_bucket", (("le", "+Inf"),)), ("_sum", ()), ("_count", ())]
