"""Makes the sections of a bad file pass the schema, so that one run also has the findings of the cross-checks.

A stand-in takes the place of each item with an error, under the item's name. What the cross-checks find
at a stand-in, or because of one, is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from exporter.config_files.problems import Finding, Loc
from exporter.fleet.schema import Sections

_STAND_INS: dict[str, dict[str, object]] = {
    "hosts": {"address": "stand-in.invalid"},
    "probes": {"protocol": "http", "url": "http://stand-in.invalid/"},
    "endpoints": {"probe": {"protocol": "http", "url": "http://stand-in.invalid/"}},
    "databases": {"type": "postgresql", "host": "192.0.2.1"},
    "n8n": {"database": "stand-in"},
}


def repaired(plain: dict[str, Any], errors: list[Finding]) -> Sections | None:
    """Replace the items with errors, in ``plain`` itself, and check the sections again.

    None where that is in vain: where a whole section or a name is wrong, every reference to it would seem wrong, too.
    """
    wrong = {error.loc for error in errors}
    if any(len(loc) == 1 for loc in wrong):
        return None
    for section, item, *_ in wrong:
        if section not in _STAND_INS:
            plain[str(section)] = {}
        elif not _replace(plain[str(section)], str(section), item, wrong):
            return None
    try:
        return Sections.model_validate(plain)
    except ValidationError:
        return None


def _replace(items: dict[Any, Any], section: str, item: str | int, wrong: set[Loc]) -> bool:
    stand_in = dict(_STAND_INS[section])
    if section != "probes":
        written = items[item]
        if not isinstance(written, dict) or "name" not in written or (section, item, "name") in wrong:
            return False
        stand_in["name"] = written["name"]
    items[item] = stand_in
    return True


def independent(findings: Iterable[Finding], errors: list[Finding]) -> Iterator[Finding]:
    """Leave out the cross-checks' findings that may only be there because of a stand-in."""
    places = {error.loc[:2] for error in errors}
    sections = {error.loc[0] for error in errors}
    for finding in findings:
        by_defaults = "defaults" in sections and finding.loc[-1] in {"interval", "timeout", "source_address"}
        by_jobs = "scrape" in sections and "scrape" in finding.loc
        if finding.loc[:2] not in places and not by_defaults and not by_jobs:
            yield finding
