"""Queues in which addresses take turns."""

from __future__ import annotations

import asyncio

import pytest

from exporter.web.fair_queues import Busy, FairQueue, OneAtATime, Pace


async def turns_of_the_loop(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_however_many_wait_from_one_address_another_is_next_but_one() -> None:
    queue: FairQueue[str] = FairQueue()
    for address, item in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")):
        queue.add(address, item)
    assert [queue.take() for _ in range(len(queue))] == ["a1", "b1", "a2", "a3"]
    assert not queue


async def test_one_task_at_a_time_has_the_turn_and_another_address_waits_for_two_at_most() -> None:
    one_at_a_time, order = OneAtATime(10, 10), []

    async def use(address: str) -> None:
        async with one_at_a_time.waiting_turn(address):
            order.append(f"{address} begins")
            await turns_of_the_loop(3)
            order.append(f"{address} ends")

    await asyncio.gather(*map(use, ("a", "a", "a", "b")))
    assert order == [f"{address} {what}" for address in ("a", "a", "b", "a") for what in ("begins", "ends")]


@pytest.mark.parametrize(("most", "per_address"), [(1, 10), (10, 1)])
async def test_beyond_the_limit_the_one_that_waits_longest_is_refused(most: int, per_address: int) -> None:
    one_at_a_time = OneAtATime(most, per_address)

    async def use() -> None:
        async with one_at_a_time.waiting_turn("a"):
            await turns_of_the_loop(5)

    first, second, third = await asyncio.gather(*(use() for _ in range(3)), return_exceptions=True)
    assert (first, third) == (None, None)
    assert isinstance(second, Busy)


async def test_a_task_that_is_cancelled_while_it_waits_holds_up_no_other() -> None:
    one_at_a_time, done = OneAtATime(10, 10), []

    async def use(name: str) -> None:
        async with one_at_a_time.waiting_turn("a"):
            await turns_of_the_loop(3)
            done.append(name)

    first, second, third = (asyncio.create_task(use(name)) for name in ("first", "second", "third"))
    await turns_of_the_loop(1)
    second.cancel()
    await asyncio.gather(first, third)
    assert second.cancelled()
    assert done == ["first", "third"]


async def test_a_turn_of_the_loop_begins_a_few_actions_and_the_others_follow_in_the_next() -> None:
    pace, begun = Pace(2), []
    for number in range(5):
        pace.begin("a", lambda number=number: begun.append(number))  # type: ignore[misc]  # a default keeps each number
    counts = [len(begun)]
    for _ in range(3):
        await turns_of_the_loop(1)
        counts.append(len(begun))
    assert counts == [2, 4, 5, 5]
