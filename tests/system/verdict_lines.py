"""The lines of the overview on a host of a lab: which verdict comes, and within which time."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.netlab import wait_until
from tests.system.running import Exporter

INTERVAL, TIMEOUT = 0.5, 0.4
SLACK = 2.0
"""For the machine, on top of two intervals and a timeout."""


def lines_of(exporter: Exporter) -> dict[tuple[str, str], str]:
    """Return target and probe -> the rest of its line."""
    lines = {}
    for line in exporter.get("/").splitlines()[2:]:
        parts = re.fullmatch(r"(\(this host\)|\S+) +(\S*?)  +(.*)", line)
        assert parts, line
        lines[parts[1], parts[2]] = parts[3]
    return lines


def all_fine(lines: dict[tuple[str, str], str]) -> bool:
    return all(line.endswith("  fine") for (target, _), line in lines.items() if target != "(this host)")


def says(exporter: Exporter, target: str, probe: str, word: str, why: str = "", within: float = 0) -> None:
    def is_so() -> bool:
        line = lines_of(exporter)[target, probe]
        verdict = re.split("  +", line)[-1]
        return verdict.startswith(word) and why in verdict

    limit = within or 2 * INTERVAL + TIMEOUT + SLACK
    eventually(is_so, f"{word}: ...{why} of {target} {probe}", exporter, limit)


def eventually(condition: Callable[[], object], what: str, exporter: Exporter, limit: float) -> None:
    """Wait for it; if it does not come, show what stands there instead."""
    try:
        wait_until(condition, what, limit)
    except TimeoutError as late:
        raise AssertionError(f"{late}, but:\n{exporter.get('/')}") from None
