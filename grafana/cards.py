"""What every panel has: a title, a sentence of help, a unit, a size; and what its values' colours mean."""

from __future__ import annotations

import string
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import dashboard, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId, Threshold, ThresholdsMode

from grafana.queries import Query
from grafana.variables import DATASOURCE


class Unit(StrEnum):
    """How Grafana writes a number."""

    SECONDS = "s"
    SHARE = "percentunit"
    BYTES = "bytes"
    COUNT = "short"
    PER_SECOND = "suffix:/s"
    PER_MINUTE = "suffix:/min"
    TIMES = "suffix:×"
    WORDS = "string"


class Card(NamedTuple):
    """What every panel has, of whatever kind."""

    title: str
    help: str
    unit: Unit
    width: int
    height: int = 8
    nothing: str | None = None
    """What the panel says while its query returns nothing; None: that would be a fault."""


UNKNOWN = "not known"
"""Where nothing is known all is not well, though nothing is bad. A figure's text is as small as its panel needs."""

Shown = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel | heatmap.Panel
P = TypeVar("P", bound=Shown)
Limits = Sequence[tuple[float, str]]
"""From which value on a panel has which colour; below the first it is green."""

REASONS = {
    "timeout": "red",
    "unreachable": "dark-red",
    "refused": "orange",
    "reset": "dark-orange",
    "dns": "yellow",
    "tls": "purple",
    "auth": "dark-purple",
    "limit": "light-purple",
    "query": "blue",
    "status": "light-blue",
    "body": "dark-blue",
    "protocol": "light-red",
    "local": "gray",
}
"""The colour of each reason why a probe failed, in every panel the same; none of them is green."""

PHASES = {
    "dns": "purple",
    "connect": "blue",
    "tls": "orange",
    "auth": "yellow",
    "query": "green",
    "processing": "semi-dark-green",
    "transfer": "light-blue",
}
"""Likewise of each part of an exchange."""

ANY_IS_BAD: Limits = ((1, "red"),)
LOSS: Limits = ((0.01, "yellow"), (0.05, "orange"), (0.5, "red"))
SLOWER: Limits = ((1.2, "yellow"), (1.5, "orange"), (2, "red"))


def filled(panel: P, card: Card, queries: Sequence[Query]) -> P:
    """Give a panel, of whatever kind, the properties of its card and its queries."""
    panel.title(card.title).description(card.help).unit(card.unit).span(card.width).height(card.height)
    panel.datasource(DATASOURCE)
    if card.unit is Unit.TIMES:
        panel.decimals(2)
    for letter, query in zip(string.ascii_uppercase, queries, strict=False):
        panel.with_target(query.ref_id(letter).datasource(DATASOURCE))
    if card.nothing is not None:
        panel.no_value(card.nothing)
    return panel


def thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    """Return limits in Grafana's schema."""
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_steps(limits))


def _steps(limits: Limits) -> list[Threshold]:
    return [Threshold(value=None, color="green"), *(Threshold(value=value, color=color) for value, color in limits)]


def custom(key: str, value: object) -> DynamicConfigValue:
    """Return a property of this kind of panel, as an override for some series."""
    return DynamicConfigValue(id_val=f"custom.{key}", value=value)


def colored(color: str) -> DynamicConfigValue:
    """Return one colour, as an override for some series."""
    return DynamicConfigValue(id_val="color", value={"mode": FieldColorModeId.FIXED, "fixedColor": color})
