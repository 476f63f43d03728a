"""How the dashboards ask Prometheus: over time, now, or for a heat map; and the selectors that variables fill."""

from __future__ import annotations

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Query = prometheus.Dataquery

RATE = "[$__rate_interval]"
"""The range of a rate: four scrapes at least, whatever the time range."""
PLACES = ("location", "datacenter", "country")


def placed(end: str) -> str:
    """Select the hosts of the chosen places, at one end."""
    return ", ".join(f'{end}_{place}=~"${place}"' for place in PLACES)


MEASURED = f'source=~"$source", {placed("source")}'
"""Selects what the chosen hosts of the chosen places measure."""
SEEN = f'{MEASURED}, target=~"$target", {placed("target")}'
"""Selects the paths that the variables choose. 'All' is no list of names: it would be too long for VictoriaMetrics."""


def over_time(expression: str, legend: str) -> Query:
    """Query the whole time range, each series with a legend of its own."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).range()


def now(expression: str, legend: str = "") -> Query:
    """Query the end of the time range, for rows of a table or one figure."""
    query = prometheus.Dataquery().expr(expression).instant().format(PromQueryFormat.TABLE)
    return query.legend_format(legend) if legend else query


def none_or(bad: str, known: str) -> str:
    """Count what is bad. The result is 0 only while something of its kind is known; else there is none."""
    return f"count({bad}) or 0 * count({known})"


def by_bucket(histogram: str, selector: str) -> Query:
    """Query how many observations fell into each bucket of a histogram in a minute, classic or else native."""
    classic = f"60 * sum by (le) (rate({histogram}_bucket{{{selector}}}{RATE}))"
    expression = f"{classic} or on () 60 * sum(rate({histogram}{{{selector}}}{RATE}))"
    return prometheus.Dataquery().expr(expression).legend_format("{{le}}").format(PromQueryFormat.HEATMAP).range()


def mean(summary: str, selector: str, by: str) -> str:
    """Return the mean of the observations of a summary or a histogram within each step."""
    total, count = (f"sum by ({by}) (rate({summary}_{part}{{{selector}}}{RATE}))" for part in ("sum", "count"))
    return f"{total} / ({count} > 0)"


def quantile(share: float, histogram: str, selector: str, by: str) -> str:
    """Return a quantile of a histogram for which none is recorded; it is absent where nothing was observed."""
    labels = f"{by}, le" if by else "le"
    classic = f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{selector}}}{RATE}))) >= 0"
    return f"{classic} or histogram_quantile({share}, sum by ({by}) (rate({histogram}{{{selector}}}{RATE}))) >= 0"
