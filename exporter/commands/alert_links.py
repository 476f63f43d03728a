"""The links in alerts' annotations: paths as shipped, of the clone and of Grafana; the fleet file says of which."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from exporter.fleet import Fleet


class _Link(NamedTuple):
    annotation: str
    shipped: str
    """How the link begins in the shipped rules."""
    begins: Callable[[Fleet], str | None]
    """How the link begins instead; None: as shipped."""


def _dashboards(fleet: Fleet) -> str | None:
    return f"{grafana.base}/d/" if (grafana := fleet.stack.grafana) else None


_LINKS = (
    _Link("runbook_url", "docs/runbook.md", lambda fleet: fleet.rules.runbook_url),
    _Link("dashboard_url", "/d/", _dashboards),
)


def with_links(rules: str, fleet: Fleet) -> str:
    """Return a file of rules with the links that the fleet file asks for; none holds a quote or a backslash."""
    for link in _LINKS:
        if begins := link.begins(fleet):
            line = re.compile(rf'^( +{link.annotation}: )"?{re.escape(link.shipped)}(.*?)"?$', re.MULTILINE)
            rules = line.sub(rf'\1"{begins}\2"', rules)
    return rules
