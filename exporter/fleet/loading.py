"""A path -> a Fleet, or every problem of the file at once."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter import secrets
from exporter.config_files.problems import BadFile, Hints, Problem, key_of
from exporter.config_files.source import MAX_BYTES, Duplicate, Node, parse, read
from exporter.config_files.yaml_errors import Unreadable
from exporter.fleet.checks import check
from exporter.fleet.findings import Finding
from exporter.fleet.fleet import Fleet
from exporter.fleet.messages import faults_of
from exporter.fleet.repair import independent, repaired
from exporter.fleet.schema import Sections
from exporter.wording import quoted


def load(path: Path) -> Fleet:
    """Read and check a fleet file; raises BadFile, whatever its bytes are."""
    file = str(path)
    data = _read(path)
    try:
        tree, duplicates = parse(_decoded(data))
        plain = _top_level(tree)
    except Unreadable as error:
        raise BadFile([Problem(file, error.line, key_of(error.loc), error.message)]) from None
    sections, findings = _checked(plain)
    problems = [_duplicate(file, duplicate) for duplicate in duplicates]
    warnings: list[Problem] = []
    for finding in findings:
        problem = Problem(file, tree.line_of(finding.loc), key_of(finding.loc), finding.message)
        (warnings if finding.is_warning else problems).append(problem)
    if sections is None or problems:
        raise BadFile(problems)
    return Fleet(
        **{name: getattr(sections, name) for name in Sections.model_fields},
        source_file=file,
        config_hash=int.from_bytes(hashlib.sha256(data).digest()[:6]),
        warnings=tuple(warnings),
        tree=tree,
    )


def _read(path: Path) -> bytes:
    try:
        data = read(path, MAX_BYTES + 1)
    except FileNotFoundError:
        message = "no such file; create it, or name another one with --config.file"
    except IsADirectoryError:
        message = "is a directory; name the file in it with --config.file"
    except PermissionError:
        message = secrets.not_ours(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no valid path"
        message = f"cannot be read: {reason}; check the file that --config.file names, and its permissions"
    else:
        if len(data) <= MAX_BYTES:
            return data
        message = f"is larger than {MAX_BYTES // 2**20} MiB; is this the fleet file?"
    raise BadFile([Problem(str(path), 0, "", message)])


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file in UTF-8"
        raise Unreadable(line, message) from None
    if mark := re.search("^\ufeff", text, re.MULTILINE):
        message = "a byte order mark (U+FEFF) stands here, as where files were joined; remove it"
        raise Unreadable(text.count("\n", 0, mark.start()) + 1, message)
    return text


def _top_level(tree: Node) -> dict[str, Any]:
    """Give the sections: without those for anchors (``x-``) and those left empty."""
    plain = tree.plain()
    if not isinstance(plain, dict):
        raise Unreadable(1, f"expected sections such as 'hosts:', not {quoted(plain)}")
    return {key: value for key, value in plain.items() if not key.startswith("x-") and value != ""}


def _checked(plain: dict[str, Any]) -> tuple[Sections | None, list[Finding]]:
    """Read the sections; find all that is wrong in and between them, and what to warn of."""
    hints = Hints()
    try:
        sections = Sections.model_validate(plain)
    except ValidationError as error:
        faults = faults_of(error, hints)
        rest = repaired(plain, faults)
        return None, [*faults, *independent(check(rest, hints) if rest else (), faults)]
    return sections, check(sections, hints)


def _duplicate(file: str, duplicate: Duplicate) -> Problem:
    message = f"duplicate key; it stands in line {duplicate.first_line} already; remove one of them"
    return Problem(file, duplicate.line, key_of(duplicate.loc), message)
