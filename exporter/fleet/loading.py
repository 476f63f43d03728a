"""A path -> a Fleet, or every problem of the file at once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.config_files.hints import Hints
from exporter.config_files.problems import BadFile, Finding
from exporter.config_files.reading import FileKind, read
from exporter.config_files.schema_errors import findings_of
from exporter.fleet.checks import check
from exporter.fleet.fleet import Fleet
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
_FOR_ANCHORS = "x-"
"""How the keys of sections begin that only hold anchors."""


def load(path: Path) -> Fleet:
    """Read and check a fleet file; raises BadFile, whatever its bytes are."""
    file = read(path, _FLEET_FILE)
    sections, findings = _checked({key: of for key, of in file.sections.items() if not key.startswith(_FOR_ANCHORS)})
    problems, warnings = file.problems_and_warnings(findings)
    if sections is None or problems:
        raise BadFile(problems)
    return Fleet(
        **{name: getattr(sections, name) for name in Sections.model_fields},
        meshes={name: Mesh(sections.hosts, probe) for name, probe in sections.probes.items()},
        source_file=file.name,
        config_hash=int.from_bytes(hashlib.sha256(file.data).digest()[:6]),
        warnings=tuple(warnings),
        tree=file.tree,
    )


def _checked(plain: dict[str, Any]) -> tuple[Sections | None, list[Finding]]:
    """Check each section, and one against another; return them, if they can be used, and what is wrong."""
    hints = Hints()
    try:
        sections = Sections.model_validate(plain)
    except ValidationError as error:
        findings = findings_of(error, keys_in(plain), hints)
        rest = repaired(plain, findings)
        return None, [*findings, *independent(check(rest, hints) if rest else (), findings)]
    return sections, check(sections, hints)
