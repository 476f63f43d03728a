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
"""By which they find one another, and ``latency-exporter doctor`` finds them."""


class Row(NamedTuple):
    """Panels under a heading; each knows its own size, and a line is full at 24."""

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
        """Return it as Grafana knows dashboards, each panel at its place and with a number."""
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
    """Return the uid of the dashboard of a name."""
    return f"{TAG}-{name}"


def _the_others() -> dashboard.DashboardLink:
    """Return a menu of all of ours, which keeps the time and what is chosen."""
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
