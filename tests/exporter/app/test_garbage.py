"""What the garbage collector is told at the end of each reload."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from exporter.app.garbage import Garbage


class Circle:
    """Garbage that only the collector finds, of so many blocks of memory."""

    def __init__(self, blocks: int) -> None:
        self.blocks = [object() for _ in range(blocks)]
        self.itself = self


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    gc.collect()
    yield
    gc.unfreeze()


def dropped_after_a_reload(garbage: Garbage, blocks: int) -> weakref.ref[Circle]:
    circle = Circle(blocks)
    garbage.spare()
    return weakref.ref(circle)


def test_what_was_under_way_at_a_reload_is_freed_at_a_later_one_once_it_is_much() -> None:
    garbage = Garbage()
    gone = [dropped_after_a_reload(garbage, 100_000) for _ in range(40)]
    assert sum(circle() is not None for circle in gone) < 20


def test_the_first_reload_looks_at_nothing_that_stays_though_it_has_two_configurations() -> None:
    garbage = Garbage()
    gone = dropped_after_a_reload(garbage, 10)
    configuration = [object() for _ in range(sys.getallocatedblocks() // 2)]
    garbage.spare()
    assert gone() is not None
    del configuration


def test_a_reload_does_not_look_at_what_stays_for_a_little_garbage() -> None:
    garbage = Garbage()
    gone = dropped_after_a_reload(garbage, 10)
    garbage.spare()
    assert gone() is not None


def test_what_is_new_and_gone_is_freed_at_once() -> None:
    gone = weakref.ref(Circle(10))
    Garbage().spare()
    assert gone() is None
