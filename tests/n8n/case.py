"""n8n, what is done with it, the program that reads its database, and the figures of both sides."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable

from tests.n8n.counted import Figures, Key, not_listed
from tests.n8n.load import Load
from tests.n8n.server import N8n
from tests.n8n.watcher import Watcher
from tests.netlab import wait_until
from tests.system.database_server import Server
from tests.system.running import Page

LAST_END = 240.0
"""Seconds after which the longest wait has ended, and the doubt about a crash of one that waits."""
_OPEN_FOR = 45.0
"""Seconds within which what is left open stays so."""
_BETWEEN_LOOKS = 1.0
_SOME_READS = 6.0


@dataclasses.dataclass(frozen=True)
class Moment:
    """Both sides' figures at a time at which nothing ends."""

    listed: Figures
    not_listed: Counter[Key]
    page: Page

    @property
    def ended(self) -> Counter[Key]:
        """How executions ended by n8n: those that it lists, and those with an end that it lists no more."""
        return self.listed.finished + Counter({key: n for key, n in self.not_listed.items() if key[2] != "running"})

    @property
    def left_without_end(self) -> Counter[Key]:
        """Those that n8n 2 did not keep."""
        return Counter({key: n for key, n in self.not_listed.items() if key[2] == "running"})

    @property
    def counted(self) -> Figures:
        return Figures.of_page(self.page)

    @property
    def is_calm(self) -> bool:
        """Whether both sides agree, and no execution runs."""
        return self.is_equal and not self.open_ones & {"new", "running"}

    @property
    def open_ones(self) -> set[str]:
        """The statuses of executions that n8n lists as open."""
        return {status for _, status in self.listed.open}

    @property
    def is_equal(self) -> bool:
        counted = self.counted
        return (self.ended, self.listed.open, self.listed.lifetime) == (
            counted.finished,
            counted.open,
            counted.lifetime,
        )


@dataclasses.dataclass
class Case:
    """``n8n`` may be replaced by another version on the same database."""

    n8n: N8n
    database: Server
    watcher: Watcher
    load: Load

    def moment(self) -> Moment:
        listed = Figures.of_n8n(self.n8n.editor, self.load.workflows.values())
        return Moment(listed, not_listed(self.database), self.watcher.page())

    def when(self, is_right: Callable[[Moment], bool], within: float) -> Moment:
        """Return the first moment that is right; the last one if none is, for a test to show what is wrong with it."""
        until = time.monotonic() + within
        while not is_right(moment := self.moment()) and time.monotonic() < until:
            time.sleep(_BETWEEN_LOOKS)
        return moment

    def settled(self) -> Moment:
        """Return the figures when all has ended and was read some more times, and some executions are left open."""
        self.when(lambda moment: moment.is_calm, LAST_END)
        seen = time.time() + _SOME_READS
        wait_until(lambda: self.watcher.has_read_since(seen), "some reads", _OPEN_FOR)
        self.load.leave_open()
        return self.when(lambda moment: moment.is_equal and moment.open_ones >= {"running", "waiting"}, _OPEN_FOR)
