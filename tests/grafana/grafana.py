"""What Grafana does between a dashboard and a server: choose values of variables, fill them in, ask, name series."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.grafana.boards import Asked, variables
from tests.grafana.history import HOUR
from tests.grafana.servers import Server

_PATTERN = re.compile(r"label_values\((?P<selector>.*), (?P<label>\w+)\)", re.DOTALL)
_RESULT = re.compile(r"query_result\((?P<query>.*)\)", re.DOTALL)


class Answer(NamedTuple):
    """What a server says to a query: its series by their names, and how long it took."""

    names: list[str]
    values: list[float]
    seconds: float


class Chosen(NamedTuple):
    """The variables as they are filled in, the first value of each, and how long the values took."""

    texts: dict[str, str]
    firsts: dict[str, str]
    seconds: dict[str, float]


def choose(server: Server, board: dict[str, Any], wanted: Mapping[str, str], at: int) -> Chosen:
    """Choose of each variable all that is on offer at a time; or the ``wanted`` one, where only one can be chosen."""
    chosen = Chosen({}, {}, {})
    for variable in variables(board):
        if variable["type"] == "datasource":
            continue
        offered, took = server.timed(functools.partial(_offered, server, variable, chosen.texts, at))
        assert offered, f"{board['title']}: nothing is on offer for {variable['name']}"
        chosen.texts[variable["name"]] = _chosen(variable, offered, wanted)
        chosen.firsts[variable["name"]], chosen.seconds[variable["name"]] = offered[0], took
    return chosen


def _chosen(variable: dict[str, Any], offered: list[str], wanted: Mapping[str, str]) -> str:
    if variable.get("multi"):
        return variable.get("allValue") or "(" + "|".join(map(_escaped, offered)) + ")"
    only = wanted.get(variable["name"], offered[0])
    assert only in offered, f"{only} is not on offer for {variable['name']}: {offered}"
    return only


def _escaped(value: str) -> str:
    """Return a value as Grafana puts it into a regular expression of PromQL, within a string."""
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value)


def _offered(server: Server, variable: dict[str, Any], chosen: Mapping[str, str], at: int) -> list[str]:
    text = filled(variable["query"], chosen, 60)
    if match := _PATTERN.fullmatch(text):
        return server.label_values(match["label"], match["selector"], at - HOUR, at)
    match = _RESULT.fullmatch(text)
    assert match, text
    result = server.get("query", {"query": match["query"], "time": at})["result"]
    expression = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
    series = (",".join(f'{name}="{value}"' for name, value in sorted(each["metric"].items())) for each in result)
    return [match["value"] for each in series if (match := expression.search(each))]


def filled(text: str, chosen: Mapping[str, str], rate: int, step: int = 60) -> str:
    """Return a text with all its variables in place."""
    whole = {**chosen, "__rate_interval": f"{rate}s", "__interval": f"{step}s", "__range": f"{HOUR}s"}
    return re.sub(r"\$(?:\{(\w+)\}|([a-z_]\w*))", lambda match: whole[match[1] or match[2]], text)


def ask(server: Server, asked: Asked, chosen: Chosen, scrape: int, at: int) -> Answer:
    """Ask as Grafana does, and name the series."""
    series, took = server.timed(lambda: result(server, asked, chosen, scrape, at))
    names = [_named(asked.legend, each["metric"]) for each in series]
    values = [float(pair[1]) for each in series for pair in each.get("values", [each.get("value")])]
    return Answer(names, values, took)


def result(server: Server, asked: Asked, chosen: Chosen, scrape: int, at: int) -> Any:
    """Return what a server has for the hour before a time, or for its end."""
    step = max(scrape, _seconds(asked.interval))
    one = {asked.repeated: _escaped(chosen.firsts[asked.repeated])} if asked.repeated else {}
    expression = filled(asked.expression, chosen.texts | one, max(step + scrape, 4 * scrape), step)
    if asked.instant:
        return server.get("query", {"query": expression, "time": at})["result"]
    span = {"start": at - HOUR, "end": at, "step": step}
    return server.get("query_range", {"query": expression, **span})["result"]


def _named(legend: str, labels: Mapping[str, str]) -> str:
    """Return the name of a series; what has no legend is named by its labels."""
    if not legend:
        return str(sorted(labels.items()))
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), legend)


def _seconds(interval: str | None) -> int:
    return int(interval.removesuffix("m")) * 60 if interval else 0
