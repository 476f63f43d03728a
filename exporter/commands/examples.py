"""The examples of ``latency-exporter example``: which files they are, to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter.commands.shipped import SHIPPED

DEFAULT_FLEET = SHIPPED / "config/exporter.yml"
"""A fleet of one: this machine."""

_RULES = ("recording.yml", "alerts.yml")
_RULES_OFF = ("extra.yml", "n8n.yml", "legacy.yml", "legacy-blackbox.yml", "legacy-smokeping.yml")
"""The files of rules that are on by default, and those that are not."""
_FILES: dict[str, tuple[str, ...]] = {
    "fleet": ("config/fleet.example.yml",),
    "web": ("config/web.example.yml",),
    "unit": ("deploy/latency-exporter.service",),
    "compose": ("deploy/compose.yml",),
    "stack": ("deploy/stack.yml",),
    "n8n": ("deploy/n8n/reader.sql",),
    "rules": tuple(f"prometheus/rules/{name}" for name in (*_RULES, *_RULES_OFF)),
    "prometheus": ("prometheus/prometheus.yml",),
    "victoriametrics": ("prometheus/victoriametrics.yml",),
    "agent": ("prometheus/agent.yml",),
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
    paths = [SHIPPED / path for path in _FILES[name]]
    return {path.name: path.read_text("utf-8") for path in paths}


def text(name: str, texts: Mapping[str, str]) -> str:
    """Return the files of an example as one text that can be used as it is, for a file or a pipe."""
    return _one_file(texts) if name == "rules" else "".join(texts.values())


def _one_file(rules: Mapping[str, str]) -> str:
    """Join files of rules to one that Prometheus accepts; those that are off by default become comments."""
    head = "# All rules in one file; with --output-dir they are files of their own.\ngroups:\n"
    on = (f"\n# --- {name}\n" + rules[name].replace("\ngroups:\n", "\n") for name in _RULES)
    off = (f"\n# --- {name}\n" + "".join(map(_commented, rules[name].splitlines())) for name in _RULES_OFF)
    return head + "".join((*on, *off))


def _commented(line: str) -> str:
    return f"# {line}\n" if line and not line.startswith("#") else f"{line or '#'}\n"
