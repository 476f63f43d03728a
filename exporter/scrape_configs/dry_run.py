"""The servers' own judgement of the stanzas: promtool's check and VictoriaMetrics' dry run, where installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from collectors.terms import Seconds
from exporter.scrape_configs.text import NATIVE, StanzaFormat

CHECKED_AS: dict[StanzaFormat, StanzaFormat] = {"otel": "prometheus-include"}
"""What stands below ``config`` in the Collector's file is a configuration of Prometheus."""

_PATIENCE: Seconds = 60.0
_TLS_FILES = re.compile(r"^ *tls_config:\n( *\w+_file: .*\n)+", re.MULTILINE)
"""VictoriaMetrics 1.79 reads them also in a dry run."""
_VICTORIA = ("victoria-metrics", "victoria-metrics-prod", "vmagent", "vmagent-prod")


def complaints(stanzas: str, stanza_format: StanzaFormat) -> Iterator[tuple[str, str | None]]:
    """Yield each checker's name, and what it has against the stanzas. None: accepted.

    Passwords, certificates and target lists are not checked: they are where the servers are.
    """
    with tempfile.TemporaryDirectory() as name:
        jobs, whole, including = (Path(name, file) for file in ("jobs.yml", "prometheus.yml", "victoria.yml"))
        jobs.write_text(_TLS_FILES.sub("", stanzas))
        if promtool := shutil.which("promtool"):
            key = "" if stanza_format == "prometheus-include" else "scrape_configs:\n"
            whole.write_text(key + stanzas)
            yield "promtool", _complaint([promtool, "check", "config", "--syntax-only", str(whole)])
        victoria = next(filter(None, map(shutil.which, _VICTORIA)), None)
        if victoria and stanza_format != "prometheus-include" and NATIVE not in stanzas:
            including.write_text(f"scrape_config_files: [{jobs}]\n")
            yield Path(victoria).name, _complaint([victoria, "-dryRun", f"-promscrape.config={including}"])


def _complaint(command: list[str]) -> str | None:
    """Run a checker; return what it printed if it refused the file."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603 - found on the PATH
    except subprocess.TimeoutExpired:
        return f"it had not ended after {_PATIENCE:g} s"
    return None if done.returncode == 0 else (done.stderr + done.stdout).strip()
