"""The rules of n8n over five weeks of an ordinary n8n: nothing fires; and a workflow that stops is noticed."""

from __future__ import annotations

import bisect
import itertools
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.prometheus.firing import IN_A_HURRY
from tests.prometheus.test_rules import PROMTOOLS, RULES
from tests.yaml_files import content

HOUR = 3600
DAY = 24 * HOUR
WEEK = 7 * DAY
STEP = HOUR // 2
"""Between two samples, and two evaluations."""
NIGHT_OF_NO_SCRAPES = range(9 * DAY, 9 * DAY + 6 * HOUR)
RESTARTS = (3 * DAY + 5 * HOUR, 17 * DAY, 17 * DAY + 2 * HOUR, 30 * DAY)
READER_FAILS = range(24 * DAY, 25 * DAY)
_OURS = 'source="wf001", host="wf001", n8n="n8n"'

Series = dict[str, list[float | None]]
"""Name and labels -> a value for each step."""
Times = list[int]
"""When runs succeed, in seconds."""


def office_hours() -> Times:
    """Each hour from 8 to 18 on five days of the week."""
    return [day * DAY + hour * HOUR for day in range(-7, 35) if day % 7 < 5 for hour in range(8, 19)]


def every(period: int, *, at: int, unlike: int) -> Times:
    """At a time of each period, and up to so much later."""
    chance = random.Random(period)
    return [start + at + chance.randrange(unlike) for start in range(-period, 5 * WEEK, period)]


def by_chance(mean: int) -> Times:
    """As users come: a webhook."""
    chance = random.Random(mean)
    gaps = itertools.accumulate((chance.expovariate(1 / mean) for _ in range(10 * WEEK // mean)), initial=-WEEK)
    return [int(time) for time in gaps]


WORKFLOWS = {
    "office": office_hours(),
    "weekly": every(WEEK, at=3 * HOUR, unlike=2 * HOUR),
    "nightly": every(DAY, at=2 * HOUR, unlike=HOUR),
    "often": every(60 * 5, at=0, unlike=60),
    "webhook": by_chance(3 * HOUR),
}


def sampled(read: Callable[[int], float | None]) -> list[float | None]:
    """Return a value for each step; none while nothing is scraped."""
    return [None if time in NIGHT_OF_NO_SCRAPES else read(time) for time in range(0, 5 * WEEK, STEP)]


def counted(times: Iterable[int]) -> list[float | None]:
    """Return a counter that begins anew at each restart of the exporter."""
    known = sorted(times)

    def count(now: int) -> float:
        since = max((restart for restart in (0, *RESTARTS) if restart <= now), default=0)
        return bisect.bisect(known, now) - bisect.bisect(known, since)

    return sampled(count)


def of_workflow(name: str, times: Times) -> Series:
    """Return what is exposed of a workflow: a run of twenty or so fails, and the next one succeeds."""
    chance = random.Random(name)
    failed = [time for time in times if chance.random() < 0.05]
    good = sorted(set(times) - set(failed))
    labels = f'{_OURS}, workflow_id="{name}"'
    ended = f'n8ndb_executions_finished_total{{{labels}, mode="trigger", status='
    return {
        f"n8ndb_workflow_active{{{labels}}}": sampled(lambda _: 1),
        f'n8ndb_workflow_last_run_timestamp_seconds{{{labels}, kind="production", result="success"}}': sampled(
            lambda now: good[bisect.bisect(good, now) - 1]
        ),
        f'{ended}"success"}}': counted(good),
        f'{ended}"error"}}': counted(failed),
        f'{ended}"canceled"}}': counted(good[::3]),
    }


def of_n8n() -> Series:
    """Return the rest: the nightly run takes most of an hour, and others queue meanwhile."""
    nightly = f'{_OURS}, workflow_id="nightly"'
    bucket = f'n8ndb_execution_duration_seconds_bucket{{{nightly}, status="success", le='
    ends = [time + HOUR for time in WORKFLOWS["nightly"]]

    def runs(now: int) -> int | None:
        return next((start for start in WORKFLOWS["nightly"] if start <= now < start + HOUR - 300), None)

    def size(now: int) -> float:
        return 8e9 * (1 + 0.003 * now / DAY + 0.01 * (now % DAY < DAY / 2) + 0.3 * (20 * DAY < now < 22 * DAY))

    return {
        f"n8ndb_up{{{_OURS}}}": sampled(lambda _: 1),
        f"n8ndb_last_read_timestamp_seconds{{{_OURS}}}": sampled(float),
        f'n8ndb_execution_oldest_timestamp_seconds{{{nightly}, status="running"}}': sampled(runs),
        f'{bucket}"1800"}}': counted([]),
        f'{bucket}"3600"}}': counted(ends),
        f'{bucket}"+Inf"}}': counted(ends),
        f'n8ndb_executions_open{{{nightly}, status="new"}}': sampled(lambda now: 200.0 * (runs(now) is not None)),
        f'n8ndb_table_bytes{{{_OURS}, table="execution_data"}}': sampled(size),
    }


def ordinary() -> Series:
    """Return the five weeks."""
    series = of_n8n()
    for name, times in WORKFLOWS.items():
        series |= of_workflow(name, times)
    return series


def unread(series: Series, of: range) -> Series:
    """Return the same while the database can't be read: gauges are absent, counters stand still."""

    def kept(name: str, values: list[float | None]) -> list[float | None]:
        counts = "_total" in name or "_bucket" in name
        meanwhile = 0.0 if name.startswith("n8ndb_up") else values[of.start // STEP] if counts else None
        return [meanwhile if step * STEP in of else value for step, value in enumerate(values)]

    return {name: kept(name, values) for name, values in series.items()}


def fired(promtool: str, folder: Path, series: Series, expected: dict[str, dict[int, bool]]) -> None:
    """Assert which alerts are there, by name and time: True, False; and that no other ever is."""
    all_that_fired = 'group by (alertname) (last_over_time(ALERTS{alertstate="firing"}[5w]))'
    names = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected]
    checks = [{"expr": all_that_fired, "eval_time": "5w", "exp_samples": names}]
    for name, times in expected.items():
        checks += [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                "eval_time": f"{time}s",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for time, fires in times.items()
        ]
    groups = [group["name"] for group in content(RULES / "n8n.yml")["groups"]]
    inputs = [
        {"series": name, "values": " ".join("_" if value is None else f"{value:.0f}" for value in values)}
        for name, values in series.items()
    ]
    suite = {
        "rule_files": [str(RULES / "n8n.yml")],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": groups,
        "tests": [{"interval": f"{STEP}s", "input_series": inputs, "promql_expr_test": checks}],
    }
    file = folder / "weeks.yml"
    file.write_text(json.dumps(suite))
    done = subprocess.run(
        [promtool, "test", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=os.environ | IN_A_HURRY,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_five_ordinary_weeks_alert_nobody(promtool: str, tmp_path: Path) -> None:
    fired(promtool, tmp_path, ordinary(), {})


@pytest.mark.servers
def test_a_workflow_that_stops_is_noticed_and_while_the_reader_fails_nothing_else_alerts(tmp_path: Path) -> None:
    """Of office hours: twice the weekend that is usual is five days."""
    stops, last = 28 * DAY, 25 * DAY + 18 * HOUR
    series = ordinary() | of_workflow("office", [time for time in WORKFLOWS["office"] if time < stops])
    noon, after = READER_FAILS.start + 12 * HOUR, READER_FAILS.stop + HOUR
    times = {
        "N8nReadFailing": {noon: True, after: False},
        "N8nNoSuccess": {last + 5 * DAY: False, last + 5 * DAY + 8 * HOUR: True},
    }
    fired("promtool", tmp_path, unread(series, READER_FAILS), times)
