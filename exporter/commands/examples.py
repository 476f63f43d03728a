"""Files that come with the program beside its code, to begin with.

``shipped/`` holds links to the folders of the clone; an installed package has the files themselves in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter.scrape_configs import CannotWrite, Change, write

_SHIPPED = Path(__file__).parents[1] / "shipped"
DEFAULT_FLEET = _SHIPPED / "config/exporter.yml"
"""A fleet of one: this machine."""

_RULES, _RULES_OFF = ("recording.yml", "alerts.yml"), ("extra.yml", "n8n.yml", "legacy.yml")
"""The files of rules that are on by default, and those that are not."""
_FILES: dict[str, tuple[str, ...]] = {
    "fleet": ("config/fleet.example.yml",),
    "web": ("config/web.example.yml",),
    "unit": ("deploy/latency-exporter.service",),
    "compose": ("deploy/compose.yml",),
    "n8n": ("deploy/n8n/reader.sql",),
    "rules": tuple(f"prometheus/rules/{name}" for name in (*_RULES, *_RULES_OFF)),
    "alertmanager": ("prometheus/alertmanager.yml",),
    "runbook": ("docs/runbook.md",),
}
NAMES = tuple(_FILES)


def is_there(path: Path) -> bool:
    """Return whether a file is at a path, even one that cannot be read: to read it raises the right error."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def files(name: str) -> dict[str, str]:
    """Return the texts of an example by the names of its files."""
    paths = [_SHIPPED / path for path in _FILES[name]]
    return {path.name: path.read_text("utf-8") for path in paths}


def text(name: str, texts: Mapping[str, str]) -> str:
    """Return the files of an example as one text that can be used as it is, for a file or a pipe."""
    return _one_file(texts) if name == "rules" else "".join(texts.values())


def save(texts: Mapping[str, str], folder: Path, *, force: bool) -> list[Path]:
    """Write the files of an example; raises CannotWrite, also for other content in their place unless ``force``d."""
    changed = [
        Change(folder / file, before, after)
        for file, after in texts.items()
        if (before := _before(folder / file)) != after
    ]
    edited = [str(change.path) for change in changed if change.before is not None]
    if edited and not force:
        raise CannotWrite(
            f"{', '.join(edited)}: there already, with other content; nothing was written. Name another folder with "
            "--output-dir, or add --force to replace"
        )
    return write(changed, force=True)


def _before(path: Path) -> str | None:
    """Return the text that is at a path, or None where nothing is."""
    try:
        return path.read_text("utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be read: {error.strerror}; name another folder with --output-dir") from None


def _one_file(rules: Mapping[str, str]) -> str:
    """Join files of rules to one that Prometheus accepts; those that are off by default become comments."""
    head = "# All rules in one file; with --output-dir they are files of their own.\ngroups:\n"
    on = (f"\n# --- {name}\n" + rules[name].replace("\ngroups:\n", "\n") for name in _RULES)
    off = (f"\n# --- {name}\n" + "".join(map(_commented, rules[name].splitlines())) for name in _RULES_OFF)
    return head + "".join((*on, *off))


def _commented(line: str) -> str:
    return f"# {line}\n" if line and not line.startswith("#") else f"{line or '#'}\n"
