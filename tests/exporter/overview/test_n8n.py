"""What the page says of an n8n: what is open, what is stuck, what fails; singular and plural."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.n8n.reading import LifetimeKey, LifetimeRuns, OpenRuns
from collectors.n8n.rows import OpenStatus, Workflow
from collectors.terms import Phase, Reason
from exporter.overview import Overview, PageFormat
from exporter.overview.n8n import in_words, n8n_now, unwell
from tests.exporter.pages import DATABASE, SMALL, Small, Time
from tests.exporter.readings import N8N, READ_AT, reading

NEW, RUNNING, WAITING = OpenStatus.NEW, OpenStatus.RUNNING, OpenStatus.WAITING


def opened(*runs: tuple[str, OpenStatus, int, float]) -> dict[str, Any]:
    """So many executions of a workflow in a state, the oldest for so many seconds."""
    return {"open": {(workflow, status): OpenRuns(number, READ_AT - age) for workflow, status, number, age in runs}}


def failing(*names: str) -> dict[str, Any]:
    """Active workflows of these names, whose latest run in production failed."""
    numbered = [(f"w{number}", name) for number, name in enumerate(names)]
    return {
        "workflows": [Workflow(number, name, active=True, archived=False) for number, name in numbered],
        "lifetime": {LifetimeKey(number, "production", "error"): LifetimeRuns(1, READ_AT) for number, _ in numbered},
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"open": {}}, "0 executions open"),
        (opened(("w1", RUNNING, 1, 90)), "1 execution open, the oldest for 90 s"),
        (opened(("w1", NEW, 2, 5), ("w2", WAITING, 1, 3600)), "3 executions open, the oldest for 1 h"),
        ({"open": {}} | failing("A"), "0 executions open, 1 workflow fails"),
        ({"open": {}} | failing("A", "B"), "0 executions open, 2 workflows fail"),
    ],
)
def test_what_is_open_and_what_fails_is_counted(changes: dict[str, Any], expected: str) -> None:
    assert in_words(n8n_now(reading(**changes))) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        (opened(("w1", NEW, 9, 299), ("w1", RUNNING, 9, 3599), ("w1", WAITING, 9, 1e6)), ""),
        (opened(("w1", NEW, 1, 2400)), "1 execution has waited for 40 min to start"),
        (opened(("w1", NEW, 1, 2400), ("w2", NEW, 2, 1)), "3 executions have waited for up to 40 min to start"),
        (opened(("w1", RUNNING, 1, 7200)), "1 execution has run for 2 h"),
        (opened(("w1", RUNNING, 2, 7200)), "2 executions have run for up to 2 h"),
        ({"overdue": {"w1": 1}}, "1 execution waits though the time to go on has passed"),
        ({"overdue": {"w1": 1, "w2": 2}}, "3 executions wait though the time to go on has passed"),
        (failing("Invoices"), "1 workflow fails: Invoices"),
        (failing("Invoices", "Orders"), "2 workflows fail: Invoices, Orders"),
        (
            opened(("w1", NEW, 1, 600)) | failing("Invoices"),
            "1 execution has waited for 10 min to start; 1 workflow fails: Invoices",
        ),
    ],
)
def test_what_is_stuck_or_fails_is_a_sentence(changes: dict[str, Any], expected: str) -> None:
    assert unwell(n8n_now(reading(**changes))) == (f"{expected}; the database is well" if expected else "")


def dates(succeeded: float | None, failed: float | None, kind: str = "production") -> dict[str, Any]:
    """When the workflow ``w1`` last succeeded and failed."""
    counts = (("success", succeeded), ("error", failed))
    return {"lifetime": {LifetimeKey("w1", kind, result): LifetimeRuns(1, latest) for result, latest in counts}}


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        (dates(READ_AT - 2, READ_AT - 1), True),
        (dates(READ_AT - 1, READ_AT - 2), False),
        (dates(None, READ_AT), True),
        (dates(READ_AT, None), False),
        (dates(READ_AT - 2, READ_AT - 1, kind="manual"), False),
        (dates(None, READ_AT) | {"workflows": [Workflow("w1", "Old", active=False, archived=False)]}, False),
        (dates(None, READ_AT) | opened(("w1", WAITING, 1, 1)), False),
    ],
    ids=["failed last", "succeeded last", "never succeeded", "never failed", "by hand", "inactive", "waits (1.x)"],
)
def test_a_workflow_fails_if_its_latest_run_in_production_did(changes: dict[str, Any], *, fails: bool) -> None:
    assert bool(n8n_now(reading(**changes)).failing) == fails


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    for module in ("exporter.recording.recorder.time", "exporter.clock.time", "exporter.overview.overview.time"):
        monkeypatch.setattr(module, time)
    return time


@pytest.fixture
def small(time: Time, tmp_path: Path) -> Small:
    return Small(tmp_path, SMALL + DATABASE + N8N)


def written(small: Small, shape: PageFormat = "text") -> str:
    overview = Overview(lambda: small.host.name, small.recorder.states, small.recorder.own_health)
    return b"".join(overview.pieces(shape, {}, 1)).decode()


def line(small: Small) -> str:
    (row,) = (line for line in written(small).splitlines() if line.startswith("orders "))
    return row


def test_its_line_says_when_it_was_read_what_is_open_and_that_it_is_fine(small: Small, time: Time) -> None:
    small.decide("orders", "read", reading())
    time.passed += 3
    assert [cell.strip() for cell in line(small).split("  ")][-3:] == [
        "read 3 s ago in 12.5 ms: 2 executions open, the oldest for 30 s",
        "loss 0 %",
        "fine",
    ]
    assert "1 n8n" not in written(small)


def test_what_is_stuck_is_its_verdict_and_no_fault_of_the_database(small: Small, time: Time) -> None:
    small.decide("orders", "read", reading(**opened(("w1", NEW, 3, 2400))))
    assert line(small).endswith("n8n: 3 executions have waited for up to 40 min to start; the database is well")
    assert ", 1 n8n" in written(small).splitlines()[0]
    assert '<tr class="n8n">' in written(small, "html")


def test_counts_that_would_not_survive_a_restart_are_mentioned(small: Small, time: Time) -> None:
    small.decide("orders", "read", reading(state_problem="/x/n8n.json: can't be written: Permission denied"))
    assert line(small).endswith("fine: /x/n8n.json: can't be written: Permission denied")


@pytest.mark.parametrize(
    ("reason", "detail", "phase", "expected"),
    [
        (Reason.TIMEOUT, "no answer within 10 s", Phase.CONNECT, "network: no answer: network or host down"),
        (
            Reason.TIMEOUT,
            "no answer within 10 s",
            Phase.QUERY,
            "database: it connects, and then no answer within 10 s (query)",
        ),
        (
            Reason.QUERY,
            "read executions: the user may not read it any more; grant it SELECT again (42501)",
            Phase.QUERY,
            "database: read executions: the user may not read it any more; grant it SELECT again (42501)",
        ),
        (Reason.LOCAL, "tls_ca_file can't be read", Phase.CONNECT, "this host: tls_ca_file can't be read"),
    ],
)
def test_a_read_that_fails_is_judged_as_any_login_is(
    small: Small, time: Time, reason: Reason, detail: str, phase: Phase, expected: str
) -> None:
    small.decide("orders", "read", reading())
    time.passed += 15
    small.decide("orders", "read", ProbeFailed(reason, detail), Facts(phase=phase))
    assert expected in line(small)


def test_json_has_the_numbers(small: Small, time: Time) -> None:
    small.decide("orders", "read", reading(**opened(("w1", NEW, 3, 2400)), **failing("A")))
    (orders,) = (pair for pair in json.loads(written(small, "json"))["pairs"] if pair["target"] == "orders")
    assert orders["n8n"] == {
        "read_at": READ_AT,
        "open": {"new": 3},
        "oldest": {"new": 2400.0},
        "overdue": 0,
        "failing": ["A"],
        "state_problem": None,
    }
    assert not orders["own_clock"]


def test_a_name_can_neither_command_a_terminal_nor_leave_its_cell(small: Small, time: Time) -> None:
    small.decide("orders", "read", reading(**failing("\x1b[31m<b>red</b>\u202e")))
    assert "\x1b" not in written(small)
    assert "\u202e" not in written(small)
    assert "<b>red" not in written(small, "html")
