"""Whatever happens in whatever order: what has ended is counted once."""

import copy
import random

import pytest

from tests.collectors.n8n.book import OPEN, Book, counted
from tests.collectors.n8n.test_state import restarted

OFTEN = ["start", "end at once", "end", "wait", "take id", "commit", "roll back", "vanish", "seem to crash"]
RARELY = ["prune", "restart", "back up", "restore"]


class History:
    """What happened, by what an execution is known by: its id and its time of creation."""

    def __init__(self) -> None:
        self.book = Book()
        self.book.oldest_running = 1  # any transaction that has taken an id may still commit
        self.book.stop(self.book.start())
        self.book.read()
        self.pending: list[int] = []
        self.backup: tuple = ({}, 0)
        self.ended: set[tuple[int, float]] = set()
        self.vanished: set[tuple[int, float]] = set()
        self.back_up(0)

    def do(self, what: str, number: int) -> None:
        self.book.now += 0.01
        getattr(self, what.replace(" ", "_"))(number)

    def some_open(self, number: int) -> int | None:
        numbers = [row.id for row in self.book.rows.values() if row.status in OPEN and not row.deleted]
        return numbers[number % len(numbers)] if numbers else None

    def end_of(self, number: int) -> None:
        self.book.stop(number, ["success", "error", "canceled", "crashed"][number % 4], wait_till=None)
        self.ended.update({(number, self.book.rows[number].created)} - self.vanished)

    def start(self, _: int) -> None:
        self.book.start()

    def end_at_once(self, _: int) -> None:
        self.end_of(self.book.start())

    def end(self, number: int) -> None:
        if (chosen := self.some_open(number)) is not None:
            self.end_of(chosen)

    def wait(self, number: int) -> None:
        if (chosen := self.some_open(number)) is not None:
            self.book.stop(chosen, "waiting", wait_till=self.book.now + 9e9)

    def take_id(self, _: int) -> None:
        self.pending.append(self.book.take_id())

    def commit(self, number: int) -> None:
        if self.pending:
            self.book.commit(chosen := self.pending.pop(number % len(self.pending)))
            if number % 2:
                self.end_of(chosen)

    def roll_back(self, number: int) -> None:
        if self.pending:
            self.pending.pop(number % len(self.pending))

    def vanish(self, number: int) -> None:
        """Let a run that was seen go without an end; if a backup brings it back, it has gone all the same."""
        if (chosen := self.some_open(number)) is None:
            return
        self.book.read()
        self.vanished.add((chosen, self.book.rows[chosen].created))
        if number % 2:
            del self.book.rows[chosen]
        else:
            self.book.write(chosen, deleted=True)
        self.book.read()

    def seem_to_crash(self, number: int) -> None:
        """Read in the moment in which n8n, as it starts, calls crashed what waits."""
        chosen = self.some_open(number)
        if chosen is not None and self.book.rows[chosen].status == "waiting":
            self.book.write(chosen, status="crashed")
            self.book.read()
            self.book.write(chosen, status="waiting")
            self.book.read()

    def prune(self, number: int) -> None:
        self.book.read()
        for row in list(self.book.rows.values()):
            if row.status not in OPEN and row.id % 3 == number % 3:
                del self.book.rows[row.id]

    def restart(self, _: int) -> None:
        restarted(self.book)

    def back_up(self, _: int) -> None:
        self.backup = copy.copy(self.book.rows), self.book.last_id

    def restore(self, _: int) -> None:
        """What ended since the last read is lost for everybody."""
        self.book.read()
        rows, self.book.last_id = self.backup
        self.book.rows = copy.copy(rows)
        self.pending.clear()


@pytest.mark.parametrize("seed", range(100))
def test_what_has_ended_is_counted_once_whatever_happens(seed):
    chance, history = random.Random(seed), History()
    for _ in range(300):
        (what,) = chance.choices([*OFTEN, *RARELY], [10] * len(OFTEN) + [1] * len(RARELY))
        history.do(what, chance.randrange(10_000))
        if chance.random() < 0.1:
            history.book.read()

    reading = history.book.read()

    assert sum(counted(reading).values()) == len(history.ended)
    assert counted(history.book.read()) == counted(reading)
