"""Probes made as the scheduler makes them, for a test that waits for their end."""

import asyncio
import dataclasses
from collections.abc import Iterable, Sized
from typing import Any

from collectors.contract import Attempt, Facts, Outcome, Probe, ProbeFailed
from collectors.terms import Reason


class Asked(Attempt[Any]):
    """An attempt whose end can be awaited: ``answer`` is the Reply, or raises ProbeFailed."""

    def __init__(self, target: object) -> None:
        super().__init__(target, self._answered)
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def _answered(self, _: object, outcome: Outcome) -> None:
        if isinstance(outcome, ProbeFailed):
            self.answer.set_exception(outcome)
            self.answer.exception()  # nobody has to ask: asyncio would complain of each at the end
        else:
            self.answer.set_result(outcome)

    def give_up(self) -> None:
        """End it at its deadline."""
        self.over = True


def begin(probe: Probe[Any], targets: Iterable[object]) -> list[Asked]:
    """Start a slot of probes that end by themselves."""
    slot = [Asked(target) for target in targets]
    assert not probe(slot)
    return slot


async def ended(probe: Probe[Any], attempt: Asked, deadline: float) -> Any:
    """Start an attempt and wait for its end, which its deadline is."""
    try:
        async with asyncio.timeout(deadline):
            return await next(iter(probe([attempt])), attempt.answer)
    finally:
        attempt.give_up()
        if attempt.withdrawal is not None:
            _withdrawals.append(asyncio.ensure_future(attempt.withdrawal()))
            attempt.withdrawal = None


_withdrawals: list[asyncio.Future[None]] = []


async def withdrawn(within: float = 1) -> None:
    """Let what was given up be withdrawn from its servers, within bounds, as the scheduler does."""
    begun = [withdrawal for withdrawal in _withdrawals if withdrawal.get_loop() is asyncio.get_running_loop()]
    _withdrawals.clear()
    if begun:
        await asyncio.wait(begun, timeout=within)
    for withdrawal in begun:
        withdrawal.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


async def ask(probe: Probe[Any], target: object, facts: Facts | None = None, *, deadline: float = 10) -> Any:
    """Make one probe with a deadline, as the scheduler does, for its reply."""
    attempt = Asked(target)
    try:
        return await ended(probe, attempt, deadline)
    finally:
        for field in dataclasses.fields(facts) if facts else ():
            setattr(facts, field.name, getattr(attempt, field.name))


async def given_up(probe: Probe[Any], target: object, heard: Sized) -> None:
    """Make one probe, and end it, as at its deadline, when a peer has heard more."""
    attempt, before = Asked(target), len(heard)
    waiting = asyncio.ensure_future(ended(probe, attempt, 10))
    async with asyncio.timeout(10):
        while len(heard) == before:
            await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()


async def failure(probe: Probe[Any], target: object, facts: Facts | None = None) -> tuple[Reason, str]:
    """Return why a probe failed."""
    try:
        reply = await ask(probe, target, facts)
    except ProbeFailed as error:
        await withdrawn()
        return error.reason, error.detail
    raise AssertionError(f"it succeeded: {reply}")
