"""Eight writers that do to a real PostgreSQL what n8n does, and a reader that must count each end exactly once."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from collectors.contract import Facts
from collectors.n8n.reader import Reader
from collectors.n8n.reading import N8nReading
from tests.collectors.targets import context
from tests.system import n8n_tables
from tests.system.database_server import Server
from tests.system.databases import requires_databases, started
from tests.system.n8n_tables import Place

pytestmark = requires_databases

WRITERS = 8
RUNS = 150
"""Of each writer, in each of the three phases."""
WORKFLOWS = ("w1", "w2", "w3")


@dataclasses.dataclass
class World:
    """What has really happened: the truth that the reader is held against."""

    server: Server
    place: Place
    ends: collections.Counter[tuple[str, str, str]] = dataclasses.field(default_factory=collections.Counter)
    """By workflow, mode and status."""
    unsaved: int = 0
    abandoned: list[tuple[int, str, str]] = dataclasses.field(default_factory=list)
    """Runs whose n8n was killed."""
    ended: collections.deque[tuple[float, int]] = dataclasses.field(default_factory=collections.deque)
    """When an end was committed, and whose."""
    read_until: float = 0.0
    """When the latest read that has succeeded began."""
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    @property
    def table(self) -> str:
        return self.place.table("execution_entity")

    def note_end(self, number: int, workflow: str, mode: str, status: str) -> None:
        with self.lock:
            self.ends[workflow, mode, status] += 1
            self.ended.append((time.monotonic(), number))


class Writer:
    """One of n8n's processes."""

    def __init__(self, world: World, seed: int, connection: Any) -> None:
        self.world, self.random, self.connection = world, random.Random(seed), connection
        connection.autocommit = False

    def sql(self, statement: str, *values: object) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(statement.replace("EXECUTIONS", self.world.table), values)
            return cursor.fetchone()[0] if cursor.description else None

    def run_one(self) -> None:
        workflow, mode = self.random.choice(WORKFLOWS), self.random.choice(["trigger", "webhook", "manual"])
        kinds: list[tuple[int, Callable[[str, str], None]]] = [
            (40, self.plain),
            (15, self.committed_late),
            (8, self.rolled_back),
            (15, self.not_kept),
            (12, self.waits),
            (10, self.killed),
        ]
        (kind,) = self.random.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])
        kind(workflow, mode)

    def insert(self, workflow: str, mode: str, status: str = "running") -> int:
        number = self.sql(
            'INSERT INTO EXECUTIONS (mode, status, "workflowId", "createdAt", "startedAt")'
            " VALUES (%s, %s, %s, clock_timestamp(), clock_timestamp()) RETURNING id",
            mode,
            status,
            workflow,
        )
        return int(number)

    def end(self, number: int, workflow: str, mode: str) -> None:
        (status,) = self.random.choices(["success", "error", "canceled", "crashed", "unknown"], [60, 25, 8, 4, 3])
        self.sql('UPDATE EXECUTIONS SET status = %s, "stoppedAt" = clock_timestamp() WHERE id = %s', status, number)
        self.connection.commit()
        self.world.note_end(number, workflow, mode, status)

    def pause(self, longest: float) -> None:
        time.sleep(self.random.uniform(0, longest))

    def plain(self, workflow: str, mode: str) -> None:
        number = self.insert(workflow, mode, "new")
        self.connection.commit()
        self.pause(0.01)
        self.sql("UPDATE EXECUTIONS SET status = 'running' WHERE id = %s", number)
        self.connection.commit()
        self.end(number, workflow, mode)

    def committed_late(self, workflow: str, mode: str) -> None:
        number = self.insert(workflow, mode)
        self.pause(0.15)
        if self.random.random() < 0.5:
            self.connection.commit()
            self.pause(0.02)
        self.end(number, workflow, mode)

    def rolled_back(self, workflow: str, mode: str) -> None:
        self.insert(workflow, mode)
        self.pause(0.03)
        self.connection.rollback()

    def not_kept(self, workflow: str, mode: str) -> None:
        number = self.insert(workflow, mode)
        self.connection.commit()
        self.pause(0.05)
        if self.world.place.major == 1:
            self.sql("DELETE FROM EXECUTIONS WHERE id = %s", number)
        else:
            self.sql("UPDATE EXECUTIONS SET \"deletedAt\" = now() - interval '1 hour' WHERE id = %s", number)
        self.connection.commit()
        with self.world.lock:
            self.world.unsaved += 1

    def waits(self, workflow: str, mode: str) -> None:
        number = self.insert(workflow, mode)
        self.connection.commit()
        waiting = 'UPDATE EXECUTIONS SET status = %s, "stoppedAt" = now(), "waitTill" = \'3000-01-01\' WHERE id = %s'
        for status in ("waiting", "crashed", "waiting") if self.random.random() < 0.4 else ("waiting",):
            self.sql(waiting, status, number)
            self.connection.commit()
            self.pause(0.05)
        again = ', "startedAt" = now()' if self.world.place.major == 1 else ""
        self.sql(f"UPDATE EXECUTIONS SET status = 'running', \"waitTill\" = NULL{again} WHERE id = %s", number)
        self.connection.commit()
        self.end(number, workflow, mode)

    def killed(self, workflow: str, mode: str) -> None:
        number = self.insert(workflow, mode)
        self.connection.commit()
        with self.world.lock:
            self.world.abandoned.append((number, workflow, mode))


def write(world: World, phase: int) -> None:
    """Let all writers do their runs, while old executions are pruned."""

    def one(seed: int) -> None:
        with n8n_tables.connected(world.server) as connection:
            writer = Writer(world, seed, connection)
            for _ in range(RUNS):
                writer.run_one()

    with ThreadPoolExecutor(WRITERS) as pool, pruning(world):
        list(pool.map(one, range(phase * WRITERS, (phase + 1) * WRITERS)))


class pruning:  # noqa: N801 - it reads as what it does
    """Deletes executions that have been read, and n8n 2.x's marked ones, until the end of a block."""

    def __init__(self, world: World) -> None:
        self.world, self.over = world, threading.Event()
        self.thread = threading.Thread(target=self.prune)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def prune(self) -> None:
        with n8n_tables.connected(self.world.server) as connection, connection.cursor() as cursor:
            while not self.over.wait(0.2):
                old = []
                with self.world.lock:
                    while self.world.ended and self.world.ended[0][0] < self.world.read_until:
                        old.append(self.world.ended.popleft()[1])
                cursor.execute(f"DELETE FROM {self.world.table} WHERE id = ANY(%s)", (old[len(old) // 2 :],))


def crash_is_written(world: World, abandoned: list[tuple[int, str, str]], *, counts: bool = True) -> None:
    """Let n8n start anew: it marks what its predecessor left behind, with a time in the past."""
    n8n_tables.run(
        world.server,
        f'UPDATE {world.table} SET status = \'crashed\', "stoppedAt" = "startedAt" WHERE id = ANY(%s)',
        [number for number, _, _ in abandoned],
    )
    for number, workflow, mode in abandoned if counts else ():
        world.note_end(number, workflow, mode, "crashed")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started("postgresql", options=["-c", "max_connections=40"]) as made:
        yield made


@pytest.mark.parametrize("major", [1, 2])
async def test_each_end_is_counted_exactly_once(server, major, tmp_path):
    place = Place(major, f"n8n {major}", "p_")
    world = World(server, place)
    n8n_tables.run(server, n8n_tables.create(place))
    for workflow in WORKFLOWS:
        n8n_tables.run(server, f"INSERT INTO {place.table('workflow_entity')} VALUES (%s, %s, true)", workflow, "name")
    await asyncio.to_thread(stands_already, world)

    readings = Readings(world, str(tmp_path / "state"))
    await readings.read()
    await readings.during(write, world, 0)
    early, world.abandoned = world.abandoned[::3], [one for one in world.abandoned if one not in world.abandoned[::3]]
    crash_is_written(world, early)

    n8n_tables.run(server, f"CREATE TABLE backup_{major} AS SELECT * FROM {world.table}")
    (last_id,) = n8n_tables.run(server, f"SELECT max(id) FROM {world.table}")[0]
    before_backup, world.abandoned = world.abandoned, []
    await readings.during(write, world, 1)
    ended_after_backup, open_in_backup = before_backup[::2], before_backup[1::2]
    crash_is_written(world, ended_after_backup)
    await readings.read()

    n8n_tables.run(server, f"DELETE FROM {world.table}; INSERT INTO {world.table} SELECT * FROM backup_{major}")
    sequence = f"pg_get_serial_sequence('{world.table}', 'id')"
    n8n_tables.run(server, f"SELECT setval({sequence}, {last_id})")
    lost, world.abandoned = len(world.abandoned), []
    world.ended.clear()
    await readings.during(write, world, 2)
    crash_is_written(world, ended_after_backup, counts=False)
    crash_is_written(world, [*open_in_backup, *world.abandoned])
    last = await readings.read()

    assert readings.counted(last) == dict(world.ends)
    assert sum(world.ends.values()) >= 2_500
    assert not last.open
    assert (last.resets, last.overflow, last.backlog) == (1, 0, 0)
    assert lost < last.vanished <= lost + world.unsaved
    assert readings.restarts > 5


def stands_already(world: World) -> None:
    """Fill in executions of before: they are not counted."""
    n8n_tables.run(
        world.server,
        f'INSERT INTO {world.table} (mode, status, "workflowId", "createdAt", "startedAt", "stoppedAt")'
        " SELECT 'trigger', 'success', 'w1', now(), now(), now() FROM generate_series(1, 3000)",
    )


class Readings:
    """Reads again and again, with a program that now and then starts anew."""

    def __init__(self, world: World, state_file: str) -> None:
        self.world, self.state_file = world, state_file
        self.restarts = 0

    def counted(self, reading: N8nReading) -> dict[tuple[str, str, str], int]:
        return {(key.workflow, key.mode, str(key.status)): number for key, number in reading.finished.items() if number}

    async def read(self) -> N8nReading:
        """Read once, in a program of its own."""
        with contextlib.closing(Reader(context())) as reader:
            self.restarts += 1
            target = n8n_tables.target(self.world.server, self.world.place, state_file=self.state_file)
            began = time.monotonic()
            reading = await reader.read(target, Facts())
            self.world.read_until = began
        for closed in reader._closed.values():
            await asyncio.wrap_future(closed)
        return reading

    async def during(self, work: Callable[..., None], *arguments: object) -> None:
        """Read while something is done, and once more after it."""
        task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
        while not task.done():
            await self.read()
            await self.read_for(0.5, task)
        await task
        await self.read()

    async def read_for(self, seconds: float, task: asyncio.Future[None]) -> None:
        """Read with one program for a while."""
        until = time.monotonic() + seconds
        with contextlib.closing(Reader(context())) as reader:
            target = n8n_tables.target(self.world.server, self.world.place, state_file=self.state_file)
            while time.monotonic() < until and not task.done():
                began = time.monotonic()
                await reader.read(target, Facts())
                self.world.read_until = began
                await asyncio.sleep(0.02)
        for closed in reader._closed.values():
            await asyncio.wrap_future(closed)
