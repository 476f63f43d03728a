"""/probe: which pairs may be asked for, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.contract import Facts
from exporter.fleet import Pair
from exporter.on_request import OnRequest, chosen
from exporter.overview.timeline import Answer
from exporter.overview.verdict import Here
from exporter.server import Refused

from .pages import ANSWERS, Small, Time


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr("exporter.on_request.time", time)
    return time


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


@pytest.fixture
def on_request(small: Small, time: Time) -> OnRequest:
    async def ask(pairs: Sequence[Pair]) -> list[Answer]:
        return [Answer(pair, Facts(), ANSWERS[pair.protocol], 0.1) for pair in pairs]

    return OnRequest(small.recorder.states, ask, lambda _: Here())


@pytest.mark.parametrize(
    ("target", "probe", "status", "why"),
    [
        ("wf080", None, 404, "this host measures no target 'wf080'; did you mean 'wf008'?"),
        ("x", None, 404, "this host measures no target 'x'; there are: grafana, wf008"),
        ("192.0.2.1", None, 404, "this host measures no target '192.0.2.1'; there are: grafana, wf008"),
        ("wf008", "pong", 404, "this host measures no probe toward wf008 'pong'; did you mean 'ping'?"),
    ],
)
def test_only_what_is_configured_is_probed_and_a_wrong_name_is_told_the_right_ones(
    small: Small, target: str, probe: str | None, status: int, why: str
) -> None:
    with pytest.raises(Refused) as refused:
        chosen(small.pairs, target, probe)
    assert (refused.value.status, str(refused.value)) == (status, why)


def test_one_probe_or_all_of_a_target_are_chosen(small: Small) -> None:
    assert [pair.probe for pair in chosen(small.pairs, "wf008", None)] == ["icmp", "tcp", "ping"]
    assert [pair.probe for pair in chosen(small.pairs, "wf008", "tcp")] == ["tcp"]


async def test_the_same_pair_is_probed_once_a_second_at_most(on_request: OnRequest, time: Time) -> None:
    assert (await on_request.explain("wf008", "icmp")).endswith("verdict: fine\n")
    assert (await on_request.explain("wf008", "tcp")).endswith("verdict: fine\n")
    for probe in ("icmp", None):
        with pytest.raises(Refused, match="at most once in 1 s") as refused:
            await on_request.explain("wf008", probe)
        assert refused.value.status == 429
    time.passed += 1.01
    assert (await on_request.explain("wf008", None)).count("verdict") == 3
