"""The alert on certificates and what the program says of them are one rule."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.exporter.test_certificate_life import DAY, LIVES
from tests.prometheus.test_rules import RULES

MINUTES = 12
"""The alert's ``for``, and some; promtool's time begins at the epoch."""
EXPIRY, NOT_BEFORE = (f"network_latency_tls_certificate_{name}_timestamp_seconds" for name in ("expiry", "not_before"))


def series(target: str, life: float | None, left: float) -> list[dict[str, str]]:
    """Return what is known of a certificate that has so many days left in the last minute."""
    expiry = left * DAY + MINUTES * 60
    known = {EXPIRY: expiry} if life is None else {EXPIRY: expiry, NOT_BEFORE: expiry - life * DAY}
    return [
        {"series": f'{name}{{target="{target}", probe="http"}}', "values": f"{value:.0f}x{MINUTES}"}
        for name, value in known.items()
    ]


@pytest.mark.servers
def test_the_alert_comes_for_each_certificate_that_the_program_says_ends_soon_and_for_no_other(tmp_path: Path) -> None:
    every: list[tuple[str, tuple[float | None, float, bool]]] = [*LIVES.items()]
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [one for target, (life, left, _) in every for one in series(target, life, left)],
        "promql_expr_test": [
            {
                "expr": 'count by (target) (ALERTS{alertname="CertificateExpiring", alertstate="firing"})',
                "eval_time": f"{MINUTES}m",
                "exp_samples": [
                    {"labels": f'{{target="{target}"}}', "value": 1} for target, (_, _, soon) in every if soon
                ],
            }
        ],
    }
    file = tmp_path / "certificates.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES / "alerts.yml")], "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
