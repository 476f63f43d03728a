"""The kinds of panels that draw, or show one number; tables are in a file of their own."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import common, dashboard, heatmap, stat, statetimeline, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    ScaleDistribution,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from grafana.cards import Card, Limits, Unit, colored, filled, thresholds
from grafana.queries import Query

_SOFT = {Unit.SHARE: 0.05, Unit.PER_SECOND: 0.1, Unit.COUNT: 1}
"""How far an axis reaches at least: without it, an axis of zeros reaches to 10,000 %."""


def lines(card: Card, *queries: Query) -> timeseries.Panel:
    """Draw each series as a line, with its last and its largest value in the legend."""
    panel = timeseries.Panel().min(0).line_width(1).fill_opacity(0).show_points(VisibilityMode.NEVER)
    if card.unit in _SOFT:
        panel.axis_soft_max(_SOFT[card.unit])
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    panel.legend(_legend(["lastNotNull", "max"]))
    return filled(panel, card, queries)


def steps(card: Card, *queries: Query) -> timeseries.Panel:
    """Draw values that change seldom and by little: in steps, and not from 0."""
    panel = timeseries.Panel().line_width(2).line_interpolation(LineInterpolation.STEP_AFTER).decimals(0)
    panel.show_points(VisibilityMode.NEVER).legend(_legend(["lastNotNull", "min", "max"]))
    return filled(panel, card, queries)


def stacked(card: Card, *queries: Query) -> timeseries.Panel:
    """Draw series upon one another, for parts of a whole."""
    panel = lines(card, *queries).fill_opacity(60)
    return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))


def by_word(panel: timeseries.Panel, colors: Mapping[str, str]) -> timeseries.Panel:
    """Draw each series in the colour of the last word of its name, whatever stands before it."""
    for word, color in colors.items():
        panel.override_by_regexp(f"(.*: )?{word}", [colored(color)])
    return panel


def logarithmic(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw by powers of ten, so that values of very different sizes can be seen together."""
    return panel.scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10))


def figure(card: Card, query: Query, limits: Limits = ()) -> stat.Panel:
    """Show one number, coloured where limits are given."""
    panel = stat.Panel().graph_mode(BigValueGraphMode.NONE).thresholds(thresholds(limits))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.color_mode(BigValueColorMode.BACKGROUND if limits else BigValueColorMode.VALUE)
    panel.mappings([_no_colour(card.nothing)])
    return filled(panel, card, [query])


def _no_colour(nothing: str | None) -> SpecialValueMap:
    """Keep what has no value from the colour of what is below all limits, green."""
    result = ValueMappingResult(text=nothing or "No data", color="gray")
    return SpecialValueMap(options=DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL, result=result))


def states(card: Card, words: dict[int, tuple[str, str]], *queries: Query) -> statetimeline.Panel:
    """Draw when each series had which value, as a word with a colour."""
    mappings = {str(value): ValueMappingResult(text=word, color=color) for value, (word, color) in words.items()}
    panel = statetimeline.Panel().mappings([ValueMap(options=mappings)]).show_value(VisibilityMode.NEVER)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)).fill_opacity(80)
    return filled(panel, card, queries)


def heat_map(card: Card, query: Query) -> heatmap.Panel:
    """Draw how many observations fell into each bucket, rare ones visibly, too."""
    colors = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Spectral").reverse(False).steps(64)
    panel = heatmap.Panel().color(colors.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.4)).cell_gap(1)
    panel.y_axis(heatmap.YAxisConfig().unit(card.unit)).show_value(VisibilityMode.NEVER).show_legend()
    panel.tooltip(heatmap.HeatmapTooltip().mode(TooltipDisplayMode.SINGLE).y_histogram(True))
    return filled(panel, card, [query])


def _legend(calculations: list[str]) -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
    return legend.display_mode(LegendDisplayMode.TABLE).calcs(calculations)
