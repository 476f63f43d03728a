"""One pair at one time, by what was recorded of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Reply, RoundTrip
from collectors.terms import Clock, Reason
from exporter.overview.pair_now import pair_now
from exporter.recording.series import PairSeries
from tests.exporter.pages import Small


@pytest.mark.parametrize("outcome", [RoundTrip(rtt=0.35, clock=Clock.KERNEL), ProbeFailed(Reason.TIMEOUT, "none")])
def test_what_ends_while_a_page_is_made_ended_no_time_ago(tmp_path: Path, outcome: Reply | ProbeFailed) -> None:
    series = PairSeries(tuple(Reason))
    series.record(Facts(address="192.0.2.1"), outcome, 1000.2, 1.7e9)
    seen = pair_now(Small(tmp_path).pair("wf008", "icmp"), series, 1000.0, 1.7e9)
    assert (seen.age, seen.failing_for, seen.first_failure) == (0.0, 0.0, 0.0)
