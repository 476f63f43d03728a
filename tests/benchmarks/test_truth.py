"""Reported values and the wire's, paired by value."""

from __future__ import annotations

import pytest

from benchmarks.notes import from_asker, from_fping, from_scraper, scrapes
from benchmarks.truth import (
    Reported,
    Sums,
    Trip,
    aligned,
    best_shift,
    errors_us,
    impossible,
    pair,
    percentile,
    singles,
    wire_of,
)
from tests.netlab import Exchange, Packet

FIRST = "10.79.1.0"
WIRE = {FIRST: [Trip(1.0, 10e-6), Trip(2.0, 30e-6), Trip(3.0, 20e-6)]}


def packet(time, *, out=True):
    src, dst = ("10.78.1.1", FIRST) if out else (FIRST, "10.78.1.1")
    return Packet(time, "out" if out else "in", "to-targets", src, dst, "icmp echo-request", 84, 64)


def test_only_a_probe_that_came_alone_between_two_pages_has_a_value():
    pages = [Sums(1, 1.0), Sums(2, 1.5), Sums(2, 1.5), Sums(4, 2.5), Sums(5, 2.75)]
    assert [(report.number, report.value) for report in singles(FIRST, pages)] == [(2, 0.5), (5, 0.25)]


def test_a_restart_gives_no_value():
    assert list(singles(FIRST, [Sums(5, 1.0), Sums(1, 0.1)])) == []


def test_the_nth_value_belongs_to_the_nth_exchange():
    assert errors_us(pair([Reported(FIRST, 31e-6, number=2)], WIRE)) == [pytest.approx(1.0)]


def test_after_a_lost_answer_nobody_knows_which_exchange_is_meant():
    wire = {FIRST: [Trip(1.0, None), Trip(2.0, 30e-6)]}
    assert pair([Reported(FIRST, 31e-6, number=2)], wire) == []


@pytest.mark.parametrize("number", [4, -1])
def test_a_number_without_an_exchange_is_left_out(number):
    assert pair([Reported(FIRST, 31e-6, number=number)], WIRE) == []


def test_what_was_asked_for_belongs_to_the_only_exchange_meanwhile():
    assert errors_us(pair([Reported(FIRST, 32e-6, asked=1.9, answered=2.1)], WIRE)) == [pytest.approx(2.0)]
    assert pair([Reported(FIRST, 32e-6, asked=1.9, answered=3.1)], WIRE) == []


def test_a_program_that_missed_its_first_replies_is_renumbered_without_a_look_at_its_values():
    reports = [Reported(FIRST, 0.5, number=1, asked=2.5, answered=2.6)]
    assert [report.number for report in aligned(reports, WIRE)] == [2]


def test_a_page_asked_for_while_a_reply_arrived_says_nothing_of_the_numbering():
    reports = [Reported(FIRST, 0.5, number=1, asked=1.99, answered=2.1)]
    assert list(aligned(reports, WIRE)) == []


def test_numbers_that_are_out_of_step_are_seen():
    wire = {FIRST: [Trip(second, trip) for second, trip in enumerate((10e-6, 30e-6, 20e-6, 50e-6, 40e-6))]}
    late = [Reported(FIRST, 21e-6, number=2), Reported(FIRST, 51e-6, number=3)]
    assert best_shift(late, wire) == 1
    assert impossible(errors_us(pair(late, wire))) == 1


def test_the_wire_tells_trips_by_the_address_that_was_asked():
    lost = Exchange((packet(2.0),), ())
    answered = Exchange((packet(1.0),), (packet(1.5, out=False),))
    assert wire_of([answered, lost]) == {FIRST: [Trip(1.0, 0.5), Trip(2.0, None)]}


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.75, 3), (0.99, 4), (1.0, 4)])
def test_percentiles_are_values_that_occurred(share, value):
    assert percentile([4, 2, 1, 3], share) == value


def test_what_the_scraper_noted_is_read_back():
    notes = (
        "failed 0.5 0.6 ConnectionRefusedError\n"
        "scrape 1.0 1.25 10 100 7\nsample rtt_sum a 1.0\nsample rtt_count a 1.0\n"
        "scrape 2.0 2.5 10 100 7\nsample rtt_sum a 1.5\nsample rtt_count a 2.0\nsample rtt_sum b 1.0\n"
    )
    assert [scrape.duration for scrape in scrapes(notes)] == [0.25, 0.5]
    assert list(from_scraper(notes, "rtt")) == [Reported("a", 0.5, 2, 2.0, 2.5)]


def test_what_the_asker_noted_is_read_back_but_for_a_line_cut_short():
    notes = '1.0 1.1 a seconds{phase="rtt"} 5e-05\n1.0 1.1 a seconds{phase="setup"} 1\n2.0 2.1 a seconds{phase="rtt"} 6'
    assert list(from_asker(notes, 'seconds{phase="rtt"}')) == [Reported("a", 5e-05, asked=1.0, answered=1.1)]


def test_fping_counts_from_nought_in_milliseconds():
    output = "[1795872233.25899] 10.79.1.0 : [0], 64 bytes, 0.079 ms (0.079 avg, 0% loss)\n"
    (report,) = from_fping(output)
    assert (report.target, report.number, report.value) == (FIRST, 1, pytest.approx(79e-6))
