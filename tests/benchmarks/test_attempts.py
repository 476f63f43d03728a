"""A measurement that fails is tried again; what is missing at the end is said at the end."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import missing_at_the_end
from benchmarks.bench import QUICK, Bench, Subject
from benchmarks.programs import FPING, fping
from benchmarks.rows import NOT_MEASURED, Errors, Failure, MeasuredRow, Results

OUT_OF_STEP = LookupError("the numbers of its rtt are out of step with the packets")


@pytest.fixture
def results(tmp_path):
    results = Results(tmp_path / "raw")
    results.begin()
    return results


@pytest.fixture
def subject(results, monkeypatch):
    monkeypatch.setattr("benchmarks.bench.is_installed", lambda _recipe, _field: True)
    bench = Bench(None, results, run=1, seconds=0.0, sizes=QUICK)  # type: ignore[arg-type] # nothing is started
    return Subject(bench, "icmp-truth", fping(quiet=False), 50)


def measurement(subject, *ends):
    """One that adds a row and errors, and then ends each time as said."""
    remaining = list(ends)

    def look():
        subject.add(probes_per_second=float(len(remaining)))
        subject.add_errors("rtt", [float(len(remaining))])
        if error := remaining.pop(0):
            raise error

    return look


def test_what_fails_once_is_tried_again_and_nothing_of_the_first_attempt_stays(subject, results):
    subject.measure(measurement(subject, OUT_OF_STEP, None))
    rows, errors = (
        [MeasuredRow(1, "icmp-truth", FPING, 50, "probes_per_second", 1.0)],
        [Errors(1, "icmp-truth", FPING, 50, "rtt", (1.0,))],
    )
    assert (results.rows, results.errors, results.failures) == (rows, errors, [])
    assert Results.read(results.folder) == results


def test_what_fails_twice_is_noted_with_its_reason_and_not_tried_for_ever(subject, results):
    subject.measure(measurement(subject, OUT_OF_STEP, OUT_OF_STEP, None))
    assert results.rows == [MeasuredRow(1, "icmp-truth", FPING, 50, NOT_MEASURED, 1)]
    assert results.failures == [Failure("icmp-truth", str(subject), str(OUT_OF_STEP))]


def test_a_bug_is_no_failure_of_what_is_measured(subject, results):
    with pytest.raises(ZeroDivisionError):
        subject.measure(measurement(subject, ZeroDivisionError()))
    assert results.rows == []


def test_the_end_says_what_is_missing_that_the_rest_stands_and_how_it_is_measured_alone():
    failures = [
        Failure("icmp-truth", "run 1, icmp-truth, smokeping_prober, 50 targets", "out of step"),
        Failure("load-http", "run 1, load-http, latency-exporter, 20 targets", "no page in time"),
    ]
    assert missing_at_the_end(failures) == (
        "NOT MEASURED, although it was tried twice:\n"
        "  run 1, icmp-truth, smokeping_prober, 50 targets: out of step\n"
        "  run 1, load-http, latency-exporter, 20 targets: no page in time\n"
        "Everything else in the table stands. Other load on this machine is the usual cause. Again, in a folder of its "
        'own: make bench BENCH_ARGS="--only icmp-truth,load --output benchmarks/results/again"'
    )


def test_the_end_of_a_whole_run_says_so():
    assert missing_at_the_end([]) == "everything was measured"
