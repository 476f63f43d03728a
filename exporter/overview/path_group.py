"""The paths from this host to one datacenter over one family, or all paths over one: how many of them are bad."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from collectors.terms import Seconds
from exporter.overview.paths import Fault, Path
from exporter.wording import plural


class PathGroup:
    """Some paths. A bad one toward a host in maintenance does not count."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.bad = [path for path in paths if path.bad]
        self._heard = sorted(path.heard for path in paths if path.well)
        self.since = max([path.since for path in self.bad if path.fault is Fault.SILENT], default=math.inf)
        """How long ago the first path fell silent; infinite if none did."""

    def well_since(self, since: Seconds) -> int:
        """Count the hosts that are well, and were heard within this time."""
        return bisect_right(self._heard, since)

    def mostly_bad(self, since: Seconds) -> bool:
        """Return whether more paths are bad than were heard to be well within this time."""
        return len(self.bad) > self.well_since(since)

    def evidence(self, whole: str) -> str:
        """Write how many paths are bad, and how; ``whole`` has places for a number and the noun: ``its {} {}``."""
        bad, of = len(self.bad), len(self.bad) + len(self._heard)
        hosts = whole.format(of, plural("host", of))
        part = f"all {hosts}" if bad == of else f"{bad} of {hosts}"
        faults = {path.fault for path in self.bad}
        if faults == {Fault.SILENT}:
            return f"none of {hosts} answers" if bad == of else f"{part} do not answer"
        if faults == {Fault.LOSSY}:
            return f"packets to {part} get lost"
        return (
            f"{part} are slower than usual" if faults == {Fault.SLOW} else f"{part} lose packets, or are slow or silent"
        )
