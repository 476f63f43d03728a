"""Executions whose ids are taken long before they are committed, or that are rolled back; written as n8n does."""

from __future__ import annotations

import itertools
import random
import threading
from types import TracebackType
from typing import Self

from tests.system import n8n_tables
from tests.system.database_server import Server

_INSERT = (
    'INSERT INTO execution_entity (finished, mode, status, "workflowId", "createdAt", "startedAt", "stoppedAt")'
    " VALUES (true, 'webhook', 'success', %s, clock_timestamp(), clock_timestamp(), clock_timestamp())"
)
_SHORT = (0.2, 6.0)
"""Seconds between an id and its commit, at least and at most."""
_ONE_IN = 4
"""Of so many one is rolled back."""


class Latecomers:
    """Two that write until the end of a block, and one that commits no earlier than that."""

    def __init__(self, database: Server, workflow: str) -> None:
        self._database, self._workflow = database, workflow
        self._over = threading.Event()
        waits = (_SHORT, _SHORT, (threading.TIMEOUT_MAX, threading.TIMEOUT_MAX))
        self._writers = [threading.Thread(target=self._write, args=each) for each in enumerate(waits)]

    def __enter__(self) -> Self:
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        for writer in self._writers:
            writer.join()

    def _write(self, seed: int, waits: tuple[float, float]) -> None:
        dice = random.Random(seed)
        with n8n_tables.connected(self._database) as connection, connection.cursor() as cursor:
            connection.autocommit = False
            for number in itertools.count(1):
                cursor.execute(_INSERT, (self._workflow,))
                is_over = self._over.wait(dice.uniform(*waits))
                if number % _ONE_IN:
                    connection.commit()
                else:
                    connection.rollback()
                if is_over:
                    break
