"""One probe for people: which pairs; each is probed exactly once, all together, and a hanging one costs its timeout."""

from __future__ import annotations

import asyncio
import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed, one_by_one
from collectors.replies import Reply, RoundTrip
from collectors.terms import Reason
from exporter.probing import single
from exporter.probing.single import NoSuchPair, ProbeResult, chosen
from tests.exporter.pages import ANSWERS, Small
from tests.exporter.probing.virtual_time import VirtualLoop, run


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def test_every_pair_is_probed_once_and_answers_in_its_place(small: Small) -> None:
    probed: list[object] = []

    async def answer(target: object, facts: Facts) -> Reply:
        probed.append(target)
        facts.hop_limit = 5
        return ANSWERS["icmp"]

    async def hang(target: object, facts: Facts) -> Reply:
        probed.append(target)
        await asyncio.Event().wait()
        raise AssertionError

    probes = {"icmp": one_by_one(answer), "tcp": one_by_one(answer), "http": one_by_one(hang)}
    answers = run(single.ask(small.pairs, probes))
    assert [answer.pair for answer in answers] == list(small.pairs)
    assert [type(answer.outcome) for answer in answers] == [RoundTrip, RoundTrip, ProbeFailed, ProbeFailed]
    assert answers[0].facts.hop_limit == 5
    assert isinstance(answers[2].outcome, ProbeFailed)
    assert answers[2].outcome.reason is Reason.TIMEOUT
    assert len(probed) == len(small.pairs)


def test_its_targets_are_not_those_that_are_scheduled(small: Small) -> None:
    """What comes too late of a probe for people must not be counted as the pair's."""
    probed: list[object] = []

    async def answer(target: object, facts: Facts) -> Reply:
        probed.append(target)
        return ANSWERS["icmp"]

    run(single.ask(small.pairs[:1], {"icmp": one_by_one(answer)}))
    assert probed == [small.pairs[0].aim]
    assert probed[0] is not small.pairs[0].aim


def test_nothing_to_ask_is_no_answer() -> None:
    assert run(single.ask([], {})) == []


def test_a_host_that_is_held_up_when_the_turn_comes_answers_that_it_was(small: Small) -> None:
    async def answer(target: object, facts: Facts) -> Reply:
        raise AssertionError("too late to ask")

    async def held_up() -> list[ProbeResult]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.call_soon(setattr, loop, "now", loop.now + 5)
        return await single.ask(small.pairs[:1], {"icmp": one_by_one(answer)})

    (result,) = run(held_up())
    assert isinstance(result.outcome, ProbeFailed)
    assert (result.outcome.reason, result.outcome.detail) == (Reason.LOCAL, "this host was held up; ask again")


@pytest.mark.parametrize(
    ("target", "probe", "message"),
    [
        ("wf080", None, "this host measures no target 'wf080'; did you mean 'wf008'?"),
        ("x", None, "this host measures no target 'x'; there are: grafana, wf008"),
        ("192.0.2.1", None, "this host measures no target '192.0.2.1'; there are: grafana, wf008"),
        ("wf001", None, "wf001 is this host itself, and a host does not probe itself"),
        ("wf008", "pong", "this host measures no probe 'pong' toward wf008; did you mean 'ping'?"),
    ],
)
def test_only_what_is_configured_is_probed_and_a_wrong_name_is_told_the_right_ones(
    small: Small, target: str, probe: str | None, message: str
) -> None:
    with pytest.raises(NoSuchPair) as error:
        chosen(small.pairs, target, probe, here=small.host.name)
    assert str(error.value) == message


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
    with pytest.raises(NoSuchPair, match=f"did you mean '{meant}'"):
        chosen(pairs, wrong, None)
    assert len(compared) == 20


def test_of_a_wrong_name_of_any_length_little_is_repeated(small: Small) -> None:
    with pytest.raises(NoSuchPair) as error:
        chosen(small.pairs, "a" * 8000, None)
    assert len(str(error.value)) < 200


def test_one_probe_or_all_of_a_target_are_chosen(small: Small) -> None:
    assert [pair.probe for pair in chosen(small.pairs, "wf008", None)] == ["icmp", "tcp", "ping"]
    assert [pair.probe for pair in chosen(small.pairs, "wf008", "tcp")] == ["tcp"]
