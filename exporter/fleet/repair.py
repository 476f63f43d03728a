"""Makes a faulty tree pass the schema, so that the cross-checks can speak in the same run.

An item with a fault keeps its name and is else replaced by a stand-in; what the cross-checks then
find there, or find because of it, is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from exporter.config_files.problems import Loc
from exporter.fleet.findings import Finding
from exporter.fleet.schema import Sections

_STAND_INS: dict[str, dict[str, object]] = {
    "hosts": {"address": "stand-in.invalid"},
    "probes": {"protocol": "http", "url": "http://stand-in.invalid/"},
    "endpoints": {"probe": {"protocol": "http", "url": "http://stand-in.invalid/"}},
    "databases": {"type": "postgresql", "host": "192.0.2.1"},
    "n8n": {"database": "stand-in"},
}


def repaired(plain: dict[str, Any], faults: list[Finding]) -> Sections | None:
    """Replace what is at fault (in place) and read the tree again.

    None where that is hopeless: a whole section or a name is at fault, so that references to what
    is in it would seem wrong.
    """
    at_fault = {fault.loc for fault in faults}
    if any(len(loc) == 1 for loc in at_fault):
        return None
    for section, item, *_ in at_fault:
        if section not in _STAND_INS:
            plain[str(section)] = {}
        elif not _replace(plain[str(section)], str(section), item, at_fault):
            return None
    try:
        return Sections.model_validate(plain)
    except ValidationError:
        return None


def _replace(items: dict[Any, Any], section: str, item: str | int, at_fault: set[Loc]) -> bool:
    stand_in = dict(_STAND_INS[section])
    if section != "probes":
        written = items[item]
        if not isinstance(written, dict) or "name" not in written or (section, item, "name") in at_fault:
            return False
        stand_in["name"] = written["name"]
    items[item] = stand_in
    return True


def independent(findings: Iterable[Finding], faults: list[Finding]) -> Iterator[Finding]:
    """Leave out the cross-checks' findings that may only be there because of a stand-in."""
    places = {fault.loc[:2] for fault in faults}
    sections = {fault.loc[0] for fault in faults}
    for finding in findings:
        by_defaults = "defaults" in sections and finding.loc[-1] in {"interval", "timeout", "source_address"}
        by_jobs = "scrape" in sections and "scrape" in finding.loc
        if finding.loc[:2] not in places and not by_defaults and not by_jobs:
            yield finding
