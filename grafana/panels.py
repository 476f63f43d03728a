"""The kinds of panels: each has a title, a sentence of help, a unit and a size."""

from __future__ import annotations

import string
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    ScaleDistribution,
    SortOrder,
    StackingMode,
    TableCellBackgroundDisplayMode,
    TableColoredBackgroundCellOptions,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from grafana.queries import Query
from grafana.variables import DATASOURCE


class Unit(StrEnum):
    """How Grafana writes a number."""

    SECONDS = "s"
    SHARE = "percentunit"
    BYTES = "bytes"
    COUNT = "short"
    PER_SECOND = "suffix:/s"
    TIMES = "suffix:×"
    WORDS = "string"


class Card(NamedTuple):
    """What every panel has, whatever it shows."""

    title: str
    help: str
    unit: Unit
    width: int
    height: int = 8
    nothing: str | None = None
    """What stands there while there is nothing to show; without it, nothing is a fault."""


Shown = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel | heatmap.Panel
P = TypeVar("P", bound=Shown)
Limits = Sequence[tuple[float, str]]
"""From which value on which colour; below the first it is green."""

ANY_IS_BAD: Limits = ((1, "red"),)
_SOFT = {Unit.SHARE: 0.05, Unit.PER_SECOND: 0.1, Unit.COUNT: 1}
"""How far an axis reaches at least: without it, that of nothing but 0 reaches to 10,000 %."""
LOSS: Limits = ((0.01, "yellow"), (0.05, "orange"), (0.5, "red"))
SLOWER: Limits = ((1.2, "yellow"), (1.5, "orange"), (2, "red"))


_WIDE, _NARROW, _NUMBER = {"what"}, {"who": 230}, 90
"""Columns of sentences, which are wrapped; columns of a width in pixels; that of a number."""
_ENDS = "from ↓ to →"
"""Over the first column of a matrix."""
_BLANK = SpecialValueMap(
    options=DashboardSpecialValueMapOptions(
        match=SpecialValueMatch.NULL, result=ValueMappingResult(text=" ", color="transparent")
    )
)
"""A cell of a matrix in which nothing is measured."""


def lines(card: Card, *queries: Query) -> timeseries.Panel:
    """Draw each series as a line, with its last and its largest value in the legend."""
    panel = timeseries.Panel().min(0).line_width(1).fill_opacity(0).show_points(VisibilityMode.NEVER)
    if card.unit in _SOFT:
        panel.axis_soft_max(_SOFT[card.unit])
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    panel.legend(_legend(["lastNotNull", "max"]))
    return _filled(panel, card, queries)


def steps(card: Card, *queries: Query) -> timeseries.Panel:
    """Draw what changes seldom and by little: in steps, and not from 0."""
    panel = timeseries.Panel().line_width(2).line_interpolation(LineInterpolation.STEP_AFTER).decimals(0)
    panel.show_points(VisibilityMode.NEVER).legend(_legend(["lastNotNull", "min", "max"]))
    return _filled(panel, card, queries)


def stacked(card: Card, *queries: Query) -> timeseries.Panel:
    """Draw series upon one another, for parts of a whole."""
    panel = lines(card, *queries).fill_opacity(60)
    return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))


def figure(card: Card, query: Query, limits: Limits = ()) -> stat.Panel:
    """Show one number, coloured where limits are given."""
    panel = stat.Panel().graph_mode(BigValueGraphMode.NONE).thresholds(_thresholds(limits))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.color_mode(BigValueColorMode.BACKGROUND if limits else BigValueColorMode.VALUE)
    return _filled(panel, card, [query])


def states(card: Card, words: dict[int, tuple[str, str]], *queries: Query) -> statetimeline.Panel:
    """Draw when each series had which value, as a word with a colour."""
    mappings = {str(value): ValueMappingResult(text=word, color=color) for value, (word, color) in words.items()}
    panel = statetimeline.Panel().mappings([ValueMap(options=mappings)]).show_value(VisibilityMode.NEVER)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)).fill_opacity(80)
    return _filled(panel, card, queries)


def heat_map(card: Card, query: Query) -> heatmap.Panel:
    """Draw how many observations fell into each bucket; what was seen rarely is seen, too."""
    colors = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Spectral").reverse(False).steps(64)
    panel = heatmap.Panel().color(colors.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.4)).cell_gap(1)
    panel.y_axis(heatmap.YAxisConfig().unit(card.unit)).show_value(VisibilityMode.NEVER).show_legend()
    panel.tooltip(heatmap.HeatmapTooltip().mode(TooltipDisplayMode.SINGLE).y_histogram(True))
    return _filled(panel, card, [query])


def rows(
    card: Card,
    query: Query,
    columns: dict[str, str],
    *,
    limits: Limits = (),
    links: Sequence[dashboard.DashboardLink] = (),
) -> table.Panel:
    """Show a row for each series: the named labels, and ``Value``, under new headings and in this order."""
    shown = {
        "indexByName": {label: position for position, label in enumerate(columns)},
        "renameByName": {label: heading for label, heading in columns.items() if heading != label},
        "includeByName": dict.fromkeys(columns, True),
    }
    panel = _table(card, query).with_transformation(DataTransformerConfig(id_val="organize", options=shown))
    panel.data_links(list(links))
    for heading in _WIDE & set(columns.values()):
        panel.override_by_name(heading, [custom("cellOptions", {"type": "auto", "wrapText": True})])
    for heading in set(columns.values()) & set(_NARROW):
        panel.override_by_name(heading, [custom("width", _NARROW[heading])])
    if "Value" in columns:
        panel.sort_by([common.TableSortByFieldState().display_name(columns["Value"]).desc(True)])
        panel.override_by_name(columns["Value"], [custom("width", _NUMBER), *_colored(limits)])
    return panel


def matrix(
    card: Card, query: Query, ends: tuple[str, str], limits: Limits, link: dashboard.DashboardLink
) -> table.Panel:
    """Show one label of the series downwards, another across, and their values as coloured cells with a link."""
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
    return panel.override_by_field_type("number", [*_colored(limits), linked, *blank])


def custom(key: str, value: object) -> DynamicConfigValue:
    """Return a property of the kind of panel, to be overridden for some series."""
    return DynamicConfigValue(id_val=f"custom.{key}", value=value)


def colored(color: str) -> DynamicConfigValue:
    """Return one colour, to be overridden for some series."""
    return DynamicConfigValue(id_val="color", value={"mode": FieldColorModeId.FIXED, "fixedColor": color})


def _table(card: Card, query: Query) -> table.Panel:
    return _filled(table.Panel().min_width(50), card, [query])


def _filled(panel: P, card: Card, queries: Sequence[Query]) -> P:
    panel.title(card.title).description(card.help).unit(card.unit).span(card.width).height(card.height)
    panel.datasource(DATASOURCE)
    if card.unit is Unit.TIMES:
        panel.decimals(2)
    for letter, query in zip(string.ascii_uppercase, queries, strict=False):
        panel.with_target(query.ref_id(letter).datasource(DATASOURCE))
    if card.nothing is not None:
        panel.no_value(card.nothing)
    return panel


def _legend(calculations: list[str]) -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
    return legend.display_mode(LegendDisplayMode.TABLE).calcs(calculations)


def _steps(limits: Limits) -> list[Threshold]:
    return [Threshold(value=None, color="green"), *(Threshold(value=value, color=color) for value, color in limits)]


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_steps(limits))


def _colored(limits: Limits) -> list[DynamicConfigValue]:
    if not limits:
        return []
    background = TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC)
    return [
        DynamicConfigValue(id_val="thresholds", value=_thresholds(limits).build()),
        DynamicConfigValue(id_val="color", value={"mode": FieldColorModeId.THRESHOLDS}),
        custom("cellOptions", background),
    ]


def logarithmic(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw by powers of ten: what is a hundred times another is seen beside it."""
    return panel.scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10))
