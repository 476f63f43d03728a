"""``latency-exporter dashboards``: write the dashboards, and what makes Grafana show them, for who has no clone."""

from __future__ import annotations

import argparse

from exporter.commands import shipped

_FOLDERS = ("dashboards", "provisioning/dashboards", "provisioning/datasources")
EXPORTER_URL = "http://{source}:9102"
"""Where browsers find the exporter of a host, as the shipped dashboards have it."""
_SOURCES = ("${source}", "${__data.fields.source}")
"""How Grafana writes the name of a host: as a variable, and in the row of a table."""


def run(flags: argparse.Namespace) -> int:
    """Write all files; raises CannotWrite."""
    return shipped.save(files(flags.exporter_url), flags.output_dir, force=flags.force)


def files(exporter_url: str = EXPORTER_URL) -> dict[str, str]:
    """Return the texts of all files by their paths; links of the dashboards lead to exporters at this URL."""
    here = shipped.SHIPPED / "grafana"
    paths = sorted(path for folder in _FOLDERS for path in (here / folder).iterdir() if path.is_file())
    return {str(path.relative_to(here)): _with(exporter_url, path.read_text("utf-8")) for path in paths}


def _with(exporter_url: str, text: str) -> str:
    for source in _SOURCES:
        text = text.replace(EXPORTER_URL.replace("{source}", source), exporter_url.replace("{source}", source))
    return text
