"""Where a click leads: from a matrix to the pair, from the pair to ``/probe`` of the host that measures it."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from grafana.board import uid

EXPORTER = "http://${source}:9102"
"""The URL of a host's exporter for the browser; ``latency-exporter dashboards --exporter-url`` writes another one."""
_KEPT = "${__url_time_range}&${datasource:queryparam}"


def to_pair(source: str, target: str) -> DashboardLink:
    """Lead to the dashboard of a pair, whose ends are fields of the row or cell that was clicked."""
    url = f"/d/{uid('pair')}?{_KEPT}&var-source={_encoded(source)}&var-target={_encoded(target)}"
    return DashboardLink("The pair ${" + source + "} → ${" + target + "}").url(url)


def _encoded(variable: str) -> str:
    """Have Grafana encode a value for a URL's query; by default it leaves ``&``, ``+`` and ``#`` as they are."""
    return f"${{{variable}:percentencode}}"


def from_matrix_to_pair() -> DashboardLink:
    """Lead from a cell to its pair: its row is the source, its column the target."""
    return to_pair("__data.fields[0]", "__field.name")


def from_row_to_pair() -> DashboardLink:
    """Lead from a row with a source and a target to its pair."""
    return to_pair("__data.fields.source", "__data.fields.target")


def into_datacenters() -> DashboardLink:
    """Lead from a cell of datacenters to the hosts of both."""
    chosen = f"var-datacenter={_encoded('__data.fields[0]')}&var-datacenter={_encoded('__field.name')}"
    url = f"/d/{uid('fleet')}?{_KEPT}&{chosen}"
    return DashboardLink("Hosts of ${__data.fields[0]} and ${__field.name}").url(url)


def to_probe() -> DashboardLink:
    """Lead out of Grafana: the host that measures probes the pair now, and explains it."""
    return (
        DashboardLink("Probe now")
        .type(DashboardLinkType.LINK)
        .url(f"{EXPORTER}/probe?target={_encoded('target')}&probe={_encoded('probe')}")
        .tooltip("${source} probes ${target} once, now, and explains it phase by phase.")
        .icon("bolt")
        .target_blank(True)
    )


def to_overview() -> DashboardLink:
    """Lead to the page of a host that measures, whose name is a field of the row."""
    return (
        DashboardLink("Its own page").url(EXPORTER.replace("${source}", "${__data.fields.source}")).target_blank(True)
    )
