"""The folder that the servers read: which files would change in it, and their change, each file as a whole."""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from collectors.terms import Seconds
from exporter.clock import wall_clock
from exporter.fleet import Fleet
from exporter.recording.metrics import cost
from exporter.scrape_configs.alloy import component_text
from exporter.scrape_configs.targets import stanzas
from exporter.scrape_configs.text import StanzaFormat, StanzaSettings, files_named, stanzas_text, target_list

STANZAS = "jobs.yml"
_STANZAS_OF: dict[StanzaFormat, str] = {"otel": "jobs.otel.yml", "alloy": "jobs.alloy"}
"""Names of their own, so that one folder may serve these beside Prometheus, from the same lists."""
_SAMPLE_LIMIT_FACTOR, _SAMPLE_LIMIT_EXTRA = 1.5, 1000
"""How far a page may grow beyond what the fleet file says before a scrape of it is refused."""
_NEW = ".new-"
"""How the names of files begin that are being written."""
_ABANDONED: Seconds = 60.0
"""After this time the writer of such a file has surely been killed."""


class CannotWrite(Exception):
    """The files cannot be had where they are wanted, or not safely; the message says what to do."""


class Change(NamedTuple):
    """A file that is not as it should be; ``before`` is None if there is none yet."""

    path: Path
    before: str | None
    after: str


def stanzas_file(stanza_format: StanzaFormat) -> str:
    """Return the name of the file that names the lists of targets."""
    return _STANZAS_OF.get(stanza_format, STANZAS)


def files(fleet: Fleet, targets_location: str, stanza_format: StanzaFormat = "paste") -> dict[str, str]:
    """Return the texts of all files by their names, last the one that names the others; raises BadFile."""
    if stanza_format != "http-sd" and (odd := re.search(r"[*?\[\]\\\ud800-\udfff]", targets_location)):
        raise CannotWrite(f"--targets-dir: {targets_location!r} holds {odd[0]!r}, which servers misread; name another")
    all_stanzas = stanzas(fleet)
    # As text, which a server falls back to that takes no native histograms.
    limit = (
        math.ceil(max(cost.of_each_exporter(fleet, native=False), default=0) * _SAMPLE_LIMIT_FACTOR)
        + _SAMPLE_LIMIT_EXTRA
    )
    texts = {} if stanza_format == "http-sd" else {stanza.file: target_list(stanza.groups) for stanza in all_stanzas}
    settings = StanzaSettings(stanza_format, targets_location, limit)
    write_stanzas = component_text if stanza_format == "alloy" else stanzas_text
    return texts | {stanzas_file(stanza_format): write_stanzas(all_stanzas, fleet.scrape, settings)}


def changes(
    fleet: Fleet, output_dir: Path, targets_location: str | None, stanza_format: StanzaFormat = "paste"
) -> list[Change]:
    """Return what is not current in a folder; raises BadFile and CannotWrite.

    ``targets_location`` is where the servers find the targets: this folder as they see it (None: under the same path),
    or an exporter's URL. The file of a job that is gone becomes an empty list, so that its targets leave everywhere: of
    a file that is missing, VictoriaMetrics 1.79 keeps them.
    """
    texts = files(fleet, str(output_dir.absolute()) if targets_location is None else targets_location, stanza_format)
    changed = []
    try:
        named = _text(output_dir / stanzas_file(stanza_format))
        gone = files_named(named or "") if stanza_format != "http-sd" else []
        for name, text in (dict.fromkeys(gone, target_list([])) | texts).items():
            before = _text(output_dir / name)
            if before != text:
                changed.append(Change(output_dir / name, before, text))
    except OSError as error:
        raise CannotWrite(f"{output_dir}: cannot be read: {error.strerror}; name another folder") from None
    return changed


def write(changed: Sequence[Change], *, force: bool = False) -> list[Path]:
    """Make the changes; raises CannotWrite, also for a list that would shrink by more than half: see ``force``."""
    if (shrunk := list(_shrunk(changed))) and not force:
        raise CannotWrite("\n".join(shrunk) + "\nnothing was written; if that is meant, add --force")
    for change in changed:
        try:
            _make(change.path.parent)
            _replace(change.path, change.after.encode())
        except OSError as error:
            raise CannotWrite(
                f"{change.path}: cannot be written: {error.strerror}; name another folder with --output-dir, "
                f"or let this program, which runs as uid {os.geteuid()}, write there"
            ) from None
    return [change.path for change in changed]


def difference(changed: Sequence[Change]) -> str:
    """Return the changes as a unified diff."""
    lines: list[str] = []
    for path, before, after in changed:
        old, new = (before or "").splitlines(keepends=True), after.splitlines(keepends=True)
        lines += difflib.unified_diff(old, new, "/dev/null" if before is None else str(path), str(path))
    return "".join(lines)


def _shrunk(changed: Sequence[Change]) -> Iterator[str]:
    for path, before, after in changed:
        if path.suffix == ".json" and before is not None:
            had, has = _targets(before), _targets(after)
            if has < had / 2:
                yield f"{path}: would shrink from {had} targets to {has}"


def _targets(text: str) -> int:
    """Count the targets of a list; of something else, none."""
    try:
        groups = json.loads(text)
        return sum(len(group["targets"]) for group in groups)
    except (ValueError, TypeError, KeyError):
        return 0


def _text(path: Path) -> str | None:
    return path.read_text("utf-8", errors="replace") if path.exists() else None


def _make(folder: Path) -> None:
    """Make a folder that others can read, whatever our umask; remove what a killed writer has left in it."""
    lacking = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in lacking:
        each.chmod(0o755)
    for left in folder.glob(f"{_NEW}*"):
        with contextlib.suppress(OSError):
            if wall_clock() - left.stat().st_mtime > _ABANDONED:
                left.unlink()


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside and rename it. All may read it: the servers are other users."""
    descriptor, beside = tempfile.mkstemp(prefix=_NEW, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)
