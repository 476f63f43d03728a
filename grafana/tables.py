"""Tables: a row for each series, or a matrix of two of their labels."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, dashboard, table
from grafana_foundation_sdk.models.common import TableCellBackgroundDisplayMode, TableColoredBackgroundCellOptions
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    ValueMappingResult,
)

from grafana.cards import Card, Limits, custom, filled, thresholds
from grafana.queries import Query

_WIDE, _NARROW, _NUMBER = {"what"}, {"who": 230, "alert": 180}, 90
"""The columns of sentences, which are wrapped; columns with their width in pixels; the width of numbers."""
_ENDS = "from ↓ to →"
"""The heading of a matrix's first column."""
_BLANK = SpecialValueMap(
    options=DashboardSpecialValueMapOptions(
        match=SpecialValueMatch.NULL, result=ValueMappingResult(text=" ", color="transparent")
    )
)
"""A cell of a matrix in which nothing is measured."""


def rows(
    card: Card,
    query: Query,
    columns: dict[str, str],
    *,
    limits: Limits = (),
    links: Sequence[dashboard.DashboardLink] = (),
) -> table.Panel:
    """Show a row for each series, with the named labels and ``Value`` under new headings, in this order."""
    shown = {
        "indexByName": {label: position for position, label in enumerate(columns)},
        "renameByName": {label: heading for label, heading in columns.items() if heading != label},
        "includeByName": dict.fromkeys(columns, True),
    }
    panel = _table(card, query).with_transformation(DataTransformerConfig(id_val="organize", options=shown))
    panel.data_links(list(links))
    for heading in columns.values():
        if heading in _WIDE:
            panel.override_by_name(heading, [custom("cellOptions", {"type": "auto", "wrapText": True})])
        if heading in _NARROW:
            panel.override_by_name(heading, [custom("width", _NARROW[heading])])
    if "Value" in columns:
        panel.sort_by([common.TableSortByFieldState().display_name(columns["Value"]).desc(True)])
        panel.override_by_name(columns["Value"], [custom("width", _NUMBER), *_as_background(limits)])
    return panel


def matrix(
    card: Card, query: Query, ends: tuple[str, str], limits: Limits, link: dashboard.DashboardLink
) -> table.Panel:
    """Show one label of the series as rows, another as columns, and the values as coloured cells with a link."""
    row, column = ends
    grouped = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "null"}
    panel = (
        _table(card, query)
        .with_transformation(
            DataTransformerConfig(id_val="sortBy", options={"fields": {}, "sort": [{"field": column}]})
        )
        .with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=grouped))
        .sort_by([common.TableSortByFieldState().display_name(_ENDS)])
    )
    panel.override_by_name(f"{row}\\{column}", [DynamicConfigValue(id_val="displayName", value=_ENDS)])
    linked = DynamicConfigValue(id_val="links", value=[link.build()])
    blank = [DynamicConfigValue(id_val="noValue", value=""), DynamicConfigValue(id_val="mappings", value=[_BLANK])]
    return panel.override_by_field_type("number", [*_as_background(limits), linked, *blank])


def _table(card: Card, query: Query) -> table.Panel:
    return filled(table.Panel().min_width(50), card, [query])


def _as_background(limits: Limits) -> list[DynamicConfigValue]:
    if not limits:
        return []
    background = TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC)
    return [
        DynamicConfigValue(id_val="thresholds", value=thresholds(limits).build()),
        DynamicConfigValue(id_val="color", value={"mode": FieldColorModeId.THRESHOLDS}),
        custom("cellOptions", background),
    ]
