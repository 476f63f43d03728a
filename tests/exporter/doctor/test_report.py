"""Findings as a table, as a line, and as JSON."""

from __future__ import annotations

import io
import json

from exporter.doctor import Progress, Report
from exporter.doctor.diagnosis import Diagnosis, Status

WELL = Diagnosis(Status.OK, "prometheus", "healthy and ready, answered in 412 ms")
NOTE = Diagnosis(Status.NOTE, "dashboards", "none of ours among 3 dashboards")
UNSEEN = Diagnosis(Status.UNSEEN, "loki", "internal, and out of reach from here: wfdb01:3100")
WARNING = Diagnosis(Status.WARNING, "alerts", "A{} is firing, says Prometheus")
BROKEN = Diagnosis(Status.BROKEN, "grafana", "nothing listens on wfdb01:3000; start it", ("a", "b"))


def test_the_worst_comes_last_right_above_the_verdict() -> None:
    assert Report((BROKEN, WARNING, WELL, UNSEEN, NOTE), 1.234).text() == (
        "STATUS       WHAT        FINDING\n"
        "ok           prometheus  healthy and ready, answered in 412 ms\n"
        "note         dashboards  none of ours among 3 dashboards\n"
        "not visible  loki        internal, and out of reach from here: wfdb01:3100\n"
        "warning      alerts      A{} is firing, says Prometheus\n"
        "BROKEN       grafana     nothing listens on wfdb01:3000; start it\n"
        "\n"
        "broken: grafana; 1 warning (5 findings in 1.23 s)\n"
    )


def test_the_verdict_is_well_only_if_all_was_seen() -> None:
    assert Report((WELL, NOTE), 1.0).verdict() == "well"
    assert Report((WELL, WARNING), 1.0).verdict() == "well; 1 warning"
    assert Report((WELL, UNSEEN), 1.0).verdict() == (
        "nothing is broken as far as can be seen from here; not visible: loki"
    )
    assert [Report((each,), 1.0).broken for each in (WELL, NOTE, UNSEEN, WARNING, BROKEN)] == [False] * 4 + [True]


def test_many_findings_of_one_kind_are_cut_in_the_table_and_whole_in_json() -> None:
    report = Report(tuple(Diagnosis(Status.BROKEN, f"h{n}", "down") for n in range(1200)), 1.0)
    text = report.text()
    assert "BROKEN        1,150 more like these; --json has them all\n" in text
    assert len(text.splitlines()) == 54
    assert text.splitlines()[-1].startswith("broken: h0, h1, h2, h3, h4, h5, h6, h7 and 1192 more")
    assert len(json.loads(report.json())["findings"]) == 1200


def test_what_a_server_said_commands_no_terminal_and_fills_no_screen() -> None:
    hostile = Diagnosis(Status.BROKEN, "h\x1b[2J\n", "\x1b]0;title\x07" + "x" * 5000)
    lines = Report((hostile,), 1.0).text().splitlines()
    assert len(lines) == 4
    assert all(line.isprintable() and len(line) < 1100 for line in lines)


def test_json_has_all_names_and_the_verdict() -> None:
    whole = json.loads(Report((BROKEN, WELL), 1.5).json())
    assert whole == {
        "verdict": "broken: grafana",
        "broken": True,
        "took_seconds": 1.5,
        "findings": [
            {"status": "ok", "what": "prometheus", "finding": WELL.text, "names": []},
            {"status": "broken", "what": "grafana", "finding": BROKEN.text, "names": ["a", "b"]},
        ],
    }


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_whom_is_waited_for_and_is_clean_in_the_end() -> None:
    terminal = Terminal()
    progress = Progress(terminal)
    for step in (progress.asked, progress.done):
        step("grafana")
    assert terminal.getvalue() == "\r\x1b[Kwaiting for grafana\r\x1b[K"


def test_where_nobody_looks_nothing_is_shown() -> None:
    pipe = io.StringIO()
    Progress(pipe).asked("grafana")
    assert pipe.getvalue() == ""
