"""What can be chosen above a dashboard. ``datasource`` comes first everywhere: no panel names one itself."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableModel, VariableOption, VariableRefresh, VariableSort

from grafana.queries import PLACES, placed

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
Variable = Builder[VariableModel]

_ALL = VariableOption(selected=True, text="All", value="$__all")


def datasource() -> Variable:
    """Offer every Prometheus that Grafana knows; VictoriaMetrics is one, too."""
    return (
        dashboard.DatasourceVariable("datasource")
        .label("Prometheus")
        .description("Prometheus or VictoriaMetrics, as Grafana knows it.")
        .type("prometheus")
    )


def values(name: str, label: str, metric: str, help_text: str) -> dashboard.QueryVariable:
    """Offer the values that a label has in the chosen time, sorted."""
    return (
        dashboard.QueryVariable(name)
        .description(help_text)
        .datasource(DATASOURCE)
        .query(f"label_values({metric}, {label})")
        .definition(f"label_values({metric}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def many(variable: dashboard.QueryVariable, all_value: str | None = None) -> dashboard.QueryVariable:
    """Let several values be chosen, at first all; without ``all_value``, all are the list of those on offer."""
    variable.multi(True).include_all(True).current(_ALL)
    return variable.all_value(all_value) if all_value else variable


def places() -> list[Variable]:
    """Offer the places of hosts, which shorten the lists of hosts. A host without a place is in every list."""
    return [
        many(
            values(name, f"target_{name}", "target:network_latency_bad:ratio", f"Hosts of this {name}, at both ends."),
            ".*",
        )
        for name in PLACES
    ]


def sources() -> list[Variable]:
    """Offer the measuring hosts of the chosen places."""
    metric = f'up{{job="latency", {placed("source")}}}'
    return [many(values("source", "source", metric, "Hosts that measure."), ".*")]


def ends() -> list[Variable]:
    """Offer hosts at both ends, of the chosen places."""
    metric = f"target:network_latency_bad:ratio{{{placed('target')}}}"
    return [*sources(), many(values("target", "target", metric, "Hosts and endpoints that are measured."), ".*")]


def pair() -> list[Variable]:
    """Offer one path of the chosen places, one IP family, and one of its probes: an alert may name the family alone."""
    sources_ = f"path:network_latency_bad:bool{{{placed('source')}}}"
    targets = f'path:network_latency_bad:bool{{source="$source", {placed("target")}}}'
    families = 'network_latency_probes_total{source="$source", target="$target"}'
    probes = 'network_latency_probes_total{source="$source", target="$target", ip_family="$ip_family"}'
    return [
        values("source", "source", sources_, "The host that measures."),
        values("target", "target", targets, "What it measures."),
        values("ip_family", "ip_family", families, "By which IP family."),
        values("probe", "probe", probes, "By which probe of the fleet file."),
    ]
