"""A pair's recent results as a small picture (SVG 1.1, inline): a line with gaps, and a mark for each failure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from collectors.terms import Seconds
from exporter.recording.history import FAILED, RESENT, ROOM, UNMEASURED, is_time
from exporter.wording import span

_STEP, _HEIGHT = 2, 24
"""Pixels."""
_NO_FAILURES = (UNMEASURED, RESENT)


def sparkline(recent: Sequence[Seconds]) -> str:
    """Draw the results, the latest at the right; the scale begins at 0, so that a calm line is calm."""
    top = max(filter(is_time, recent), default=0.0) or 1.0
    points = [(_STEP * (ROOM - len(recent) + number), value) for number, value in enumerate(recent)]
    shapes = []
    for measured, run in groupby(points, key=lambda point: is_time(point[1])):
        if measured:
            shapes.append(_line([(x, _HEIGHT - 2 - (_HEIGHT - 4) * value / top) for x, value in run]))
        else:
            shapes += [f'<path class="lost" d="M{x} {_HEIGHT}v-6"/>' for x, value in run if value not in _NO_FAILURES]
    size = f'width="{_STEP * ROOM}" height="{_HEIGHT}" viewBox="-1 0 {_STEP * ROOM + 1} {_HEIGHT}"'
    return f'<svg role="img" aria-label="{_results_in_words(recent)}" {size}>{"".join(shapes)}</svg>'


def _line(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *others = points
    return f'<path d="M{x} {y:.1f}{"".join(f"L{x} {y:.1f}" for x, y in others) or "h1"}"/>'


def _results_in_words(recent: Sequence[Seconds]) -> str:
    measured = list(filter(is_time, recent))
    lost = sum(math.isnan(value) or value == FAILED for value in recent)
    between = f", between {span(min(measured))} and {span(max(measured))}" if measured else ""
    return f"the last {len(recent)} results: {lost} failed{between}"
