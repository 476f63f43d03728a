"""What fires, second by second: the shipped rules on given series, as promtool evaluates them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.prometheus.fleet import STEP, Fleet
from tests.yaml_files import content

RULES = Path(__file__).parents[2] / "prometheus/rules"
FILES = ("recording.yml", "alerts.yml", "extra.yml")
IN_A_HURRY = {"GOGC": "400"}
"""For promtool, which collects garbage for a quarter of its time otherwise."""
FIRING = 'ALERTS{alertstate="firing"}'

Alert = frozenset[tuple[str, str]]
"""Its labels and their values."""
Timeline = Mapping[int, frozenset[Alert]]
"""Second -> what fires then."""


class Seen(NamedTuple):
    """What fires at each evaluation; at the seconds when they are read, the texts of alerts, and what a query has."""

    timeline: Timeline
    texts: str
    rows: Timeline


def alert(**labels: str) -> Alert:
    return frozenset(labels.items())


def label(labels: Alert, name: str) -> str:
    """Return the value of a label, which is empty where there is none, as Alertmanager has it."""
    return dict(labels).get(name, "")


def tried(promtool: str, file: Path, names: Iterable[str], every: int, tests: Iterable[Mapping[str, object]]) -> str:
    """Evaluate shipped rules by tests of promtool's; return what it complains of."""
    groups = [group for name in names for group in content(RULES / name)["groups"]]
    suite = {
        "rule_files": [str(RULES / name) for name in names],
        "evaluation_interval": f"{every}s",
        "group_eval_order": [group["name"] for group in groups],
        "tests": [*tests],
    }
    file.write_text(json.dumps(suite))
    command = [promtool, "test", "rules", str(file)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, env=os.environ | IN_A_HURRY
    )
    assert "SUCCESS" in done.stdout or "exp:" in done.stderr, done.stdout + done.stderr
    return done.stderr


def inputs(series: Mapping[str, str]) -> list[dict[str, str]]:
    """Write series as promtool reads them."""
    return [{"series": name, "values": values} for name, values in series.items()]


def seen(
    promtool: str, folder: Path, fleet: Fleet, *, read_at: Sequence[int] = (), query: str = "", every: int = STEP
) -> Seen:
    """Return what fires, and what a query has then; promtool is made to expect nothing, and its complaints are read."""
    seconds = range(0, fleet.seconds + every, every)
    groups = [group for name in FILES for group in content(RULES / name)["groups"]]
    names = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    asked = [(FIRING, second) for second in seconds] + [(query, second) for second in read_at if query]
    test = {
        "interval": f"{fleet.step}s",
        "input_series": inputs(fleet.series()),
        "promql_expr_test": [{"expr": expr, "eval_time": f"{second}s", "exp_samples": []} for expr, second in asked],
        "alert_rule_test": [
            {"alertname": name, "eval_time": f"{second}s", "exp_alerts": []} for second in read_at for name in names
        ],
    }
    complaints = tried(promtool, folder / "firing.yml", FILES, every, [test])
    nothing = {second: frozenset[Alert]() for second in seconds}
    timeline, rows = (nothing | _answers(complaints, expr) for expr in (FIRING, query))
    return Seen(timeline, "\n".join(re.findall(r"Annotations:(.*)", complaints)), rows)


def _answers(complaints: str, expr: str) -> dict[int, frozenset[Alert]]:
    got = re.findall(r'expr: "(.*)", time: (\w+),\s+exp: nil\s+got: (.*)', complaints)
    return {
        _seconds(time): frozenset(map(_labels, re.findall(r"\{(.*?)\} -?[\d.]+E", series)))
        for asked, time, series in got
        if asked == json.dumps(expr, ensure_ascii=False)[1:-1]
    }


def _seconds(duration: str) -> int:
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([dhms])", duration))


def _labels(text: str) -> Alert:
    labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text))
    return frozenset((name, value) for name, value in labels.items() if name not in {"__name__", "alertstate"})
