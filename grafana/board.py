"""A dashboard of rows of panels: what all of ours have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardCursorSync,
    DashboardLink,
    DashboardLinkType,
    Panel,
    RowPanel,
    VariableModel,
)

TAG = "latency-exporter"
"""The tag by which the dashboards link to one another, and by which ``latency-exporter doctor`` finds them."""


class Row(NamedTuple):
    """Panels under a heading. Each has its own size; a line is 24 wide."""

    title: str
    panels: Sequence[Builder[Panel]]


class Board(NamedTuple):
    """One dashboard."""

    name: str
    title: str
    description: str
    variables: Sequence[Builder[VariableModel]]
    rows: Sequence[Row]
    links: Sequence[Builder[DashboardLink]] = ()
    annotations: Sequence[Builder[AnnotationQuery]] = ()

    @property
    def uid(self) -> str:
        """Return the end of its address, ``/d/UID``, which never changes."""
        return uid(self.name)

    def build(self) -> Dashboard:
        """Return the dashboard in Grafana's schema, each panel with its place and a number."""
        board = (
            dashboard.Dashboard(f"Latency: {self.title}")
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .time("now-3h", "now")
            .refresh("1m")
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .link(_the_others())
        )
        for link in self.links:
            board.link(link)
        for variable in self.variables:
            board.with_variable(variable)
        for annotation in self.annotations:
            board.annotation(annotation)
        for row in self.rows:
            board.with_row(dashboard.Row(row.title))
            for panel in row.panels:
                board.with_panel(panel)
        return _numbered(board.build())


def uid(name: str) -> str:
    """Return the uid of the dashboard with this name."""
    return f"{TAG}-{name}"


def _the_others() -> dashboard.DashboardLink:
    """Return a menu of all dashboards of this program, which keeps the time range and the chosen values."""
    return (
        dashboard.DashboardLink("Latency")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _numbered(board: Dashboard) -> Dashboard:
    for number, panel in enumerate(board.panels or (), start=1):
        if isinstance(panel, Panel | RowPanel):
            panel.id_val = number
    return board
