"""The questions to each kind of server: a literal table of documented paths, and of what stands there.

Sources: prometheus.io/docs/prometheus/latest/management_api and .../querying/api; alertmanager's README and
api/v2/openapi.yaml; grafana.com/docs (http_api: other, folder_dashboard_search); docs.victoriametrics.com;
grafana.com/docs/loki (api: ready); pushgateway's README.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from exporter.doctor import promql

_MIB = 2**20
HEALTH_LIMIT = 64 * 1024
"""Bytes; real ones have less than a hundred."""


class Health(NamedTuple):
    """A documented path at which the server says whether it is well."""

    path: str
    good: str
    """What it means if all is well: ``healthy``, ``ready``."""
    recognised: Callable[[bytes], bool]
    """Whether it is this kind of server that has answered."""


class Question(NamedTuple):
    """A path of its API, and how many bytes an answer may have."""

    path: str
    limit: int


class ServerKind(NamedTuple):
    """A kind of server."""

    title: str
    health: tuple[Health, ...]
    questions: Mapping[str, Question]
    further: Mapping[str, Question] = {}
    """What is asked only if leftovers of the push path were found."""


def _says(word: bytes) -> Callable[[bytes], bool]:
    return lambda body: word in body.lower() and len(body) < 200  # noqa: PLR2004 - a sentence, and no page


def _is(word: bytes) -> Callable[[bytes], bool]:
    return lambda body: body.strip().lower() == word


def _is_grafana(body: bytes) -> bool:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and "database" in answer


def _query(text: str, limit: int) -> Question:
    return Question(promql.path(text), limit)


_SERIES: Mapping[str, Question] = {
    "targets": Question("/api/v1/targets?state=active", 32 * _MIB),
    "sampled": _query(promql.SAMPLED, 8 * _MIB),
    "state": _query(promql.STATE, 8 * _MIB),
    "pairs": _query(promql.PAIRS, 32 * _MIB),
    "databases": _query(promql.DATABASES, 8 * _MIB),
    "n8ns": _query(promql.N8NS, _MIB),
    "leftovers": _query(promql.LEFTOVERS, _MIB),
}
_COMPARED: Mapping[str, Question] = {
    "pushed": _query(promql.PUSHED, 4 * _MIB),
    "measured": _query(promql.MEASURED, 4 * _MIB),
}

KINDS: Mapping[str, ServerKind] = {
    "prometheus": ServerKind(
        "Prometheus",
        (
            Health("/-/healthy", "healthy", _says(b"prometheus")),
            Health("/-/ready", "ready", _says(b"prometheus")),
        ),
        {
            **_SERIES,
            "rules": Question("/api/v1/rules", 16 * _MIB),
            "alertmanagers": Question("/api/v1/alertmanagers", _MIB),
        },
        _COMPARED,
    ),
    "alertmanager": ServerKind(
        "Alertmanager",
        (Health("/-/healthy", "healthy", _is(b"ok")),),
        {"alerts": Question("/api/v2/alerts", 8 * _MIB)},
    ),
    "grafana": ServerKind(
        "Grafana",
        (Health("/api/health", "healthy", _is_grafana),),
        {"dashboards": Question("/api/search?type=dash-db&limit=5000", 8 * _MIB)},
    ),
    "victoriametrics": ServerKind("VictoriaMetrics", (Health("/health", "healthy", _is(b"ok")),), _SERIES, _COMPARED),
    "loki": ServerKind("Loki", (Health("/ready", "ready", _is(b"ready")),), {}),
    "pushgateway": ServerKind(
        "Pushgateway",
        (Health("/-/healthy", "healthy", _is(b"ok")),),
        {"groups": Question("/api/v1/metrics", 8 * _MIB)},
    ),
}
"""By the key in ``stack``."""
