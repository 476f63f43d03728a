"""The pages of other programs, which may be newer, broken or hostile."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from exporter.fleet_view.reports import BadReport, HostReport, read
from tests.exporter.fleet_view.fleets import pair

PAGE: dict[str, Any] = {
    "title": "t",
    "this_host": {
        "egress_queue": None,
        "lateness": None,
        "skipped": 0,
        "overflows": 0,
        "verdict": {"word": "fine", "why": ""},
    },
    "pairs": [pair("b")],
}


def page(**differs: Any) -> bytes:
    """Return a page whose only pair differs so."""
    return json.dumps({**PAGE, "pairs": [pair("b") | differs]}).encode()


def one(**differs: Any):
    (only,) = read(page(**differs)).pairs
    return only


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff\xfe",
        b'{"this_host": {}, "pairs": []}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps({**PAGE, "pairs": {}}).encode(),
        json.dumps({**PAGE, "pairs": [None]}).encode(),
        json.dumps({**PAGE, "this_host": {**PAGE["this_host"], "skipped": "0"}}).encode(),
        json.dumps({**PAGE, "this_host": {**PAGE["this_host"], "skipped": -1}}).encode(),
        json.dumps({**PAGE, "this_host": {**PAGE["this_host"], "lateness": True}}).encode(),
    ],
)
def test_what_is_no_page_of_this_program_is_refused(body: bytes) -> None:
    with pytest.raises(BadReport):
        read(body)


@pytest.mark.parametrize(
    "differs",
    [
        {"target": 5},
        {"target": None},
        {"target": "x" * 1001},
        {"probe": ["icmp"]},
        {"ip_family": "ipv5"},
        {"verdict": "network"},
        {"verdict": {"word": 5}},
        {"reason": "x" * 41},
        {"success": "yes"},
        {"success": 1},
        {"rtt": "0.1"},
        {"rtt": float("nan")},
        {"rtt": float("inf")},
        {"rtt": -1},
        {"rtt": 10**400},
        {"usual_loss": 1.5},
        {"path": {"fault": "hostile", "uneven": False}},
        {"path": {"fault": None, "uneven": None}},
        {"path": "lossy"},
        {"recent": 5},
        {"recent": "lost"},
        {"recent": [{}]},
        {"recent": [None]},
        {"recent": [True]},
        {"recent": [-1]},
        {"recent": ["x" * 21]},
        {"recent": [0.1] * 1001},
    ],
)
def test_wrong_types_and_numbers_out_of_bounds_are_refused_with_their_place(differs: dict[str, Any]) -> None:
    with pytest.raises(BadReport) as caught:
        read(page(**differs))
    assert str(caught.value).startswith("pairs.0.")


def test_what_is_refused_is_not_repeated() -> None:
    with pytest.raises(BadReport) as caught:
        read(page(rtt="\x1b[2Jcanary"))
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_text_is_on_one_line_of_bounded_length_and_harmless_to_a_terminal() -> None:
    only = one(verdict={"word": "peer", "why": "\x1b[2Ja\nb\u202e" + "x" * 5000}, reason="sta\ttus", probe="p\x07")
    assert only.verdict.why.startswith("[2Ja b x")
    assert len(only.verdict.why) == 200
    assert (only.reason, only.probe) == ("sta tus", "p")


def test_a_page_is_read_no_further_than_the_first_thing_that_is_wrong() -> None:
    wrong = [{**PAGE, "pairs": [{}] * 100_000}, {**PAGE, "pairs": [pair("b", recent=[None] * 1000)] * 100}]
    for body in map(json.dumps, wrong):
        tracemalloc.start()
        try:
            with pytest.raises(BadReport, match=r"pairs\.0\."):
                read(body.encode())
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_half_of_a_letter_is_refused() -> None:
    with pytest.raises(BadReport):
        read(page(probe="PROBE").replace(b"PROBE", rb"\ud800"))


def test_what_a_newer_version_says_more_is_no_matter() -> None:
    assert read(json.dumps({**PAGE, "new": {"deep": [1]}}).encode()).pairs[0].target == "b"


def test_a_large_page_costs_little_memory() -> None:
    body = json.dumps({**PAGE, "pairs": [pair(f"h{number}", recent=[0.0123] * 60) for number in range(3000)]}).encode()
    tracemalloc.start()
    try:
        assert isinstance(read(body), HostReport)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("recent", "failures", "loss"),
    [
        ([], 0, 0.0),
        ([0.1, 0.1], 0, 0.0),
        (["lost", 0.1, "sent again", 0.1], 0, 0.5),
        ([0.1, "lost", "failed"], 2, 1 / 3),
        (["not measured", "not measured", "lost"], 1, 1.0),
    ],
)
def test_of_the_results_is_kept_how_many_fail_in_a_row_and_the_share_that_got_lost(
    recent: list[Any], failures: int, loss: float
) -> None:
    assert one(recent=recent).recent[:2] == (failures, loss)


def test_of_an_older_version_no_path_is_known() -> None:
    older = {name: value for name, value in pair("b").items() if name != "path"}
    assert read(json.dumps({**PAGE, "pairs": [older]}).encode()).pairs[0].path is None
