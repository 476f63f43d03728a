"""When silence is our own link's, and which other pair shows that a host is there."""

from __future__ import annotations

from functools import partial

import pytest

from collectors.terms import Reason
from exporter.overview.pair_now import PairNow
from exporter.overview.unreached import all_are_silent, witness

well = partial(PairNow, probe="icmp", age=1.0)
silent = partial(PairNow, probe="icmp", age=1.0, reason=Reason.TIMEOUT, silent=True, first_failure=40.0)
refused = partial(PairNow, probe="tcp", age=1.0, reason=Reason.REFUSED)
nameless = partial(PairNow, probe="ping", age=1.0, reason=Reason.DNS)


@pytest.mark.parametrize(
    ("places", "verdict"),
    [
        ([], False),
        ([[silent()]], False),
        ([[silent()], [silent()]], True),
        ([[silent()], [silent()], [well()]], False),
        ([[silent()], [silent()], [well(age=41.0)]], True),
        ([[silent()], [silent()], [refused()]], False),
        ([[silent()], [silent()], [nameless()]], True),
        ([[silent()], [silent(), refused()]], False),
    ],
    ids=[
        "nobody at all",
        "one place alone",
        "two places",
        "a third answers",
        "a third answered before the silence began",
        "a third refuses",
        "a third has no name, which shows nothing",
        "only ICMP of the second",
    ],
)
def test_our_own_link_is_suspected_when_several_are_silent_and_nobody_is_heard(
    places: list[list[PairNow]], *, verdict: bool
) -> None:
    assert all_are_silent(places) is verdict


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], None),
        ([well()], 0),
        ([refused()], 0),
        ([well(ip_family="ipv6"), refused()], 1),
        ([well(ip_family="ipv6"), silent()], 0),
        ([well(age=41.0), nameless(), silent()], None),
    ],
    ids=["nobody", "who is well", "who refuses", "the same family first", "else the other one", "nobody since then"],
)
def test_a_witness_has_reached_the_host_since_the_failure(others: list[PairNow], expected: int | None) -> None:
    assert witness(silent(), others) is (None if expected is None else others[expected])
