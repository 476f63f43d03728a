"""/probe: which pairs may be asked for, and how often."""

from __future__ import annotations

import dataclasses
import difflib
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


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("worker-0100.brazil.example", "worker-0100.brasil.example"),
        ("wrker-0100.brasil.example", "worker-0100.brasil.example"),
        ("0100.brasil.example", "worker-0100.brasil.example"),
        ("frontdor", "frontdoor"),
    ],
)
def test_of_a_thousand_names_a_few_are_compared_and_the_right_one_is_among_them(
    small: Small, monkeypatch: pytest.MonkeyPatch, wrong: str, meant: str
) -> None:
    compared: list[str] = []

    def compare(name: str, names: Sequence[str], n: int) -> list[str]:
        compared.extend(names)
        return close(name, names, n)

    close = difflib.get_close_matches
    monkeypatch.setattr(difflib, "get_close_matches", compare)
    names = [*(f"worker-{number:04}.brasil.example" for number in range(1000)), "frontdoor"]
    pairs = [dataclasses.replace(small.pairs[0], target=name) for name in names]
    with pytest.raises(Refused, match=f"did you mean '{meant}'"):
        chosen(pairs, wrong, None)
    assert len(compared) == 20


def test_of_a_wrong_name_of_any_length_little_is_repeated(small: Small) -> None:
    with pytest.raises(Refused) as refused:
        chosen(small.pairs, "a" * 8000, None)
    assert len(str(refused.value)) < 200


async def test_what_a_wrong_name_meant_is_looked_for_once_a_second_at_most(on_request: OnRequest, time: Time) -> None:
    async def told(target: str) -> str:
        with pytest.raises(Refused) as refused:
            await on_request.explain(target, None)
        assert refused.value.status == 404
        return str(refused.value).partition("; ")[2]

    assert await told("wf080") == "did you mean 'wf008'?"
    assert {await told("wf080") for _ in range(9)} == {"the page / shows what it measures"}
    time.passed += 1.01
    assert await told("wf080") == "did you mean 'wf008'?"


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
