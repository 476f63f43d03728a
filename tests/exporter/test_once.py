"""One probe for people: each pair is probed exactly once, all together, and a hanging one costs its timeout."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed, Reason, Reply, RoundTrip, one_by_one
from exporter import once
from exporter.overview.timeline import Answer

from .pages import ANSWERS, Small
from .virtual_time import VirtualLoop, run


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
    answers = run(once.ask(small.pairs, probes))
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

    run(once.ask(small.pairs[:1], {"icmp": one_by_one(answer)}))
    assert probed == [small.pairs[0].spec]
    assert probed[0] is not small.pairs[0].spec


def test_nothing_to_ask_is_no_answer() -> None:
    assert run(once.ask([], {})) == []


def test_a_host_that_is_held_up_when_the_turn_comes_answers_that_it_was(small: Small) -> None:
    async def answer(target: object, facts: Facts) -> Reply:
        raise AssertionError("too late to ask")

    async def held_up() -> list[Answer]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.call_soon(setattr, loop, "now", loop.now + 5)
        return await once.ask(small.pairs[:1], {"icmp": one_by_one(answer)})

    (found,) = run(held_up())
    assert isinstance(found.outcome, ProbeFailed)
    assert (found.outcome.reason, found.outcome.detail) == (Reason.LOCAL, "this host was held up; ask again")
