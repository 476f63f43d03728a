"""A server that holds the history of a fleet, with what the rules make of it."""

from __future__ import annotations

from tests.grafana import servers
from tests.grafana.databases import databases
from tests.grafana.exporters import exporters
from tests.grafana.fleet import Fleet
from tests.grafana.history import Clock
from tests.grafana.n8n import n8n
from tests.grafana.network import network
from tests.grafana.servers import Server

PARTS = (network, databases, exporters, n8n)
"""What the history is made of."""


def fill(server: Server, fleet: Fleet, clock: Clock) -> None:
    """Give VictoriaMetrics all of it."""
    for part in PARTS:
        servers.take(server, part(fleet, clock))
    servers.record(server, clock)
