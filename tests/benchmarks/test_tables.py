"""Medians and tables as text, what is kept of a run, and where it is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import tables
from benchmarks.asker import body_of, is_complete
from benchmarks.figures import FIGURES
from benchmarks.held import NotingSelector
from benchmarks.machine import version_in
from benchmarks.markdown import number, ratio
from benchmarks.medians import medians
from benchmarks.ours import account_of
from benchmarks.process import cpu_between
from benchmarks.programs import BLACKBOX, FPING, OURS
from benchmarks.publish import BEGIN, END, NoMarkers, lacking, publish
from benchmarks.rows import NOT_MEASURED, Errors, MeasuredRow, Results
from benchmarks.scraper import Wanted
from benchmarks.tables import document


def cost(run, program, targets, value):
    return MeasuredRow(run, "icmp-cost", program, targets, "cpu_us", value)


ROWS = [
    cost(1, OURS, 1000, 30.0),
    cost(2, OURS, 1000, 20.0),
    cost(3, OURS, 1000, 900.0),
    cost(1, FPING, 1000, 48.0),
    cost(1, BLACKBOX, 1000, 930.0),
]


def test_one_bad_run_of_three_does_not_count():
    assert medians(ROWS)["icmp-cost", OURS, 1000, "cpu_us"] == 30.0


def test_the_summary_compares_with_the_best_of_the_others():
    assert "| CPU per ICMP probe | 1,000 | 30 µs | 48 µs | – | 930 µs | 1.6× | `--only icmp-cost` |\n" in document(
        ROWS, "a machine"
    )


def test_the_few_rows_are_of_at_most_a_thousand_targets_and_leave_out_how_they_are_measured_again():
    few = tables.few([*ROWS, cost(1, OURS, 5000, 20.0)], "a machine. Beside it: others.")
    assert "| CPU per ICMP probe | 1,000 | 30 µs | 48 µs | – | 930 µs | 1.6× |\n" in few
    assert "5,000" not in few
    assert few.endswith("\nMedians. Above 1×, ours is better. On a machine.\n")


def test_the_few_rows_have_the_cpu_of_an_icmp_probe_with_few_targets_too():
    few = tables.few([*ROWS, cost(1, OURS, 20, 300.0), cost(1, OURS, 200, 60.0)], "a machine")
    assert [line.split("|")[2].strip() for line in few.splitlines() if "CPU per ICMP probe" in line] == ["20", "1,000"]


def test_the_details_compare_each_with_ours():
    assert "| icmp | 1,000 | blackbox_exporter | 930 | 31× | – | – | – | `--only icmp-cost` |\n" in document(ROWS, "x")


def test_a_row_under_load_compares_with_the_others_without():
    rows = [
        MeasuredRow(1, "load-tcp", OURS, 200, "rtt_p99_us", 5.0),
        MeasuredRow(1, "tcp-truth", BLACKBOX, 200, "rtt_p99_us", 400.0),
    ]
    assert "| 200 | 5 µs | – | – | 400 µs | 80× | `--only load` |\n" in document(rows, "x")


def test_a_share_that_is_nearly_all_is_not_rounded_to_all():
    row = MeasuredRow(1, "icmp-cost", OURS, 1000, "on_time_share", 0.9996)
    assert "| 1,000 | 99.96% | – | – | – | – | `--only icmp-cost` |\n" in document([row], "x")


@pytest.mark.parametrize(
    ("text", "version"),
    [("fping: Version 5.1\nfping: comments", "5.1"), ("smokeping_prober, version 0.6.1 (branch: 2)", "0.6.1")],
)
def test_programs_tell_their_versions_in_words_of_their_own(text, version):
    assert version_in(text) == version


def test_a_program_that_tells_no_version_is_named_all_the_same():
    assert version_in("") == "of unknown version"


def test_a_program_that_failed_in_a_run_is_named():
    row = MeasuredRow(2, "icmp-truth", FPING, 1000, NOT_MEASURED, 1)
    assert "\n**Failed, and not in the medians:** fping in icmp-truth at 1,000 targets (run 2).\n" in document(
        [row], "x"
    )


def test_nothing_is_said_of_failures_where_there_were_none():
    assert "Failed" not in document(ROWS, "x")


def test_what_was_not_measured_has_no_table():
    assert "## Pages" not in document(ROWS, "x")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0, "0"), (3.14159, "3.14"), (31.4, "31.4"), (31415.9, "31,416")],
)
def test_numbers_have_three_digits_that_matter(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (5, "0.50×"), (25, "2.5×"), (250, "25×")])
def test_ratios_are_to_ours(value, text):
    assert ratio(value, 10) == text


def test_what_is_written_can_be_read_again(tmp_path):
    results = Results(tmp_path / "raw")
    results.begin()
    results.add(*ROWS)
    groups = [Errors(run, "icmp-truth", OURS, 200, "rtt", (0.5, -1.25)) for run in (1, 2)]
    for group in groups:
        results.add_errors(group)
    assert Results.read(tmp_path / "raw") == results


def test_publishing_fills_both_texts_between_their_markers(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/performance.md"):
        (tmp_path / name).write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    (tmp_path / "table.md").write_text("| summary |\n\n## More\n\n| details |\n")
    (tmp_path / "few.md").write_text("| few |\n")
    (tmp_path / "cost.svg").write_text("<svg/>")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/rows.csv").write_text("run,value\n")
    publish(tmp_path, tmp_path)
    assert (tmp_path / "README.md").read_text() == f"before\n{BEGIN}\n| few |\n{END}\nafter\n"
    assert "(bench-cost.svg)" in (tmp_path / "docs/performance.md").read_text()
    assert "| summary |\n\n## More\n\n| details |" in (tmp_path / "docs/performance.md").read_text()
    assert (tmp_path / "docs/bench-cost.svg").exists()
    assert (tmp_path / "docs/bench-rows.csv").read_text() == "run,value\n"


def test_part_of_a_benchmark_is_not_published():
    assert lacking(Results(Path(), [MeasuredRow(1, "page", OURS, 20, "resident_mb", 59.0)])) >= {
        "icmp-cost",
        "load-http",
    }
    whole = [MeasuredRow(1, figure.measurement, OURS, 20, figure.name, 1.0) for figure in FIGURES]
    assert lacking(Results(Path(), whole)) == set()


def test_publishing_says_what_is_missing_and_writes_nothing(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(f"{BEGIN}{END}")
    (tmp_path / "docs/performance.md").write_text("no markers")
    (tmp_path / "table.md").write_text("| summary |\n")
    (tmp_path / "few.md").write_text("| few |\n")
    with pytest.raises(
        NoMarkers, match="put <!-- bench:begin --> and <!-- bench:end --> where the figures are to stand"
    ):
        publish(tmp_path, tmp_path)
    assert (tmp_path / "README.md").read_text() == f"{BEGIN}{END}"


def test_the_scraper_takes_the_wanted_samples_alone():
    page = b'# HELP rtt_sum x\nrtt_sum{target="a",probe="icmp"} 0.5\nrtt_sum_x{target="a"} 1\nother{target="a"} 2\n'
    assert list(Wanted(("rtt_sum",), "target").find(page)) == [b"rtt_sum a 0.5"]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
    ],
)
def test_the_asker_knows_when_an_answer_is_complete(answer, body):
    assert is_complete(answer)
    assert not is_complete(answer[:-1])
    assert body_of(answer) == body


def test_threads_that_came_or_went_between_two_looks_do_no_harm():
    assert cpu_between({1: 1_000_000_000, 2: 5}, {1: 3_000_000_000, 3: 500_000_000}) == 2.5


def test_the_longest_hold_is_taken_once():
    now = iter([0.0, 3.0, 3.0, 4.0])
    selector = NotingSelector(clock=lambda: next(now))
    for _ in range(2):
        selector.select(0)
    assert (selector.take_longest(), selector.take_longest()) == (3.0, 0.0)
    selector.close()


def test_the_account_is_what_happened_between_two_pages():
    def page(probes, on_time, user):
        return (
            f'latency_exporter_probe_lateness_seconds_bucket{{le="0.02"}} {on_time}\n'
            f"latency_exporter_probe_lateness_seconds_count {probes}\n"
            f'network_latency_probes_total{{target="a"}} {probes}\n'
            f'network_latency_probe_failures_total{{target="a",reason="timeout"}} 1\n'
            f'latency_exporter_measurements_total{{protocol="icmp",clock="user"}} {user}\n'
        ).encode()

    seen = account_of(page(30, 25, 2)).since(account_of(page(10, 10, 2)))
    assert (seen["on_time_share"], seen["decided"], seen["failures"], seen["by_user_clock"]) == (0.75, 20, 0, 0)
