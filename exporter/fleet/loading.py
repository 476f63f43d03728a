"""A path -> a Fleet, or every problem of the file at once. Hosts that are found come to those of the file."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.config_files.hints import Hints
from exporter.config_files.problems import BadFile, Finding
from exporter.config_files.reading import FileKind, read
from exporter.config_files.schema_errors import findings_of
from exporter.fleet.checked_file import CheckedFile, Lists
from exporter.fleet.checks import check
from exporter.fleet.fleet import Fleet
from exporter.fleet.found import FoundHost, refuse_doubles
from exporter.fleet.known_keys import keys_in
from exporter.fleet.mesh import Mesh
from exporter.fleet.repair import independent, repaired
from exporter.fleet.schema import Sections

_FLEET_FILE = FileKind(
    name="the fleet file",
    flag="--config.file",
    max_bytes=8 * 2**20,  # ten thousand hosts, written at length, are 1.5 MB
    sections=Sections.known_keys(),
    a_section="hosts",
    if_empty="the file is empty; it needs 'hosts' with at least one host",
)
_NO_HOSTS = "missing; this key is required, or 'hosts_from' with lists of them"
_FOR_ANCHORS = "x-"
"""How the keys of sections begin that only hold anchors."""


def load(path: Path) -> Fleet:
    """Read and check a fleet file; raises BadFile, whatever its bytes are. Nothing that it names is asked for hosts."""
    return fleet_of(read_fleet_file(path), {})


def read_fleet_file(path: Path) -> CheckedFile:
    """Read and check a fleet file by itself; raises BadFile, whatever its bytes are."""
    file = read(path, _FLEET_FILE)
    sections, findings = _checked({key: of for key, of in file.sections.items() if not key.startswith(_FOR_ANCHORS)})
    problems, warnings = file.problems_and_warnings(findings)
    if sections is None or problems:
        raise BadFile(problems)
    return CheckedFile(file.name, sections, file.tree, hashlib.sha256(file.data).digest(), tuple(warnings))


def fleet_of(file: CheckedFile, lists: Lists) -> Fleet:
    """Return the fleet of a file and of what was found; raises BadFile where these do not go together."""
    hosts = itertools.chain.from_iterable(lists.get(entry, ()) for entry in file.sections.hosts_from)
    found = tuple(sorted(hosts, key=lambda each: each.host.name))
    sections, findings = _joined(file, found) if found else (file.sections, [])
    fleet = Fleet(
        **{name: getattr(sections, name) for name in Sections.model_fields},
        meshes={name: Mesh(sections.hosts, probe) for name, probe in sections.probes.items()},
        file=file,
        lists=lists,
        found=found,
        config_hash=int.from_bytes(_digest(file, found)[:6]),
        warnings=file.warnings,
    )
    if problems := [fleet.problem(finding.loc, finding.message) for finding in findings if not finding.is_warning]:
        raise BadFile(problems)
    if not found:
        return fleet
    warnings = (fleet.problem(finding.loc, finding.message) for finding in findings)
    return dataclasses.replace(fleet, warnings=tuple(warnings))


def _checked(plain: dict[str, Any]) -> tuple[Sections | None, list[Finding]]:
    """Check each section, and one against another; return them, if they can be used, and what is wrong."""
    hints = Hints()
    if "hosts_from" in plain:
        plain.setdefault("hosts", [])
    try:
        sections = Sections.model_validate(plain)
    except ValidationError as error:
        findings = findings_of(error, keys_in(plain), hints)
        if "hosts" not in plain:
            findings = [each._replace(message=_NO_HOSTS) if each.loc == ("hosts",) else each for each in findings]
        rest = repaired(plain, findings)
        return None, [*findings, *independent(check(rest, hints) if rest else (), findings)]
    return sections, check(sections, hints)


def _joined(file: CheckedFile, found: tuple[FoundHost, ...]) -> tuple[Sections, list[Finding]]:
    """Return the sections with the hosts that were found, and what is wrong or odd then; raises BadFile."""
    taken = {
        item.name: f"{section}[{index}] of {file.source_file}"
        for section in ("databases", "endpoints", "hosts")
        for index, item in enumerate(getattr(file.sections, section))
    }
    refuse_doubles(found, taken)
    hosts = (*file.sections.hosts, *(each.host for each in found))
    sections = file.sections.model_copy(update={"hosts": hosts})
    return sections, check(sections, Hints())


def _digest(file: CheckedFile, found: tuple[FoundHost, ...]) -> bytes:
    """Return what is equal on hosts with one file that found the same, in whatever order and by whatever way."""
    if not file.sections.hosts_from:
        return file.digest
    written = json.dumps([each.host.model_dump(mode="json") for each in found])
    return hashlib.sha256(file.digest + written.encode()).digest()
