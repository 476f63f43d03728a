"""What the cross-checks yield, and how they walk over a fleet's probes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exporter.fleet.probe_schema import AnyProbe
from exporter.fleet.problems import Loc
from exporter.fleet.schema import Sections


class Finding(NamedTuple):
    """Something between two places of the file; a warning lets the file pass."""

    loc: Loc
    message: str
    is_warning: bool = False


def probes_written(sections: Sections) -> Iterator[tuple[Loc, AnyProbe]]:
    """Give every probe where it is written: in ``probes`` and within endpoints."""
    for name, probe in sections.probes.items():
        yield ("probes", name), probe
    for index, endpoint in enumerate(sections.endpoints):
        if not isinstance(endpoint.probe, str):
            yield ("endpoints", index, "probe"), endpoint.probe
