"""Truth once more under load: a thread that holds the interpreter's lock, a log that is read slowly, five scrapers.

Only ours: the others have no interpreter. Their truth without load stands beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator

from benchmarks.accuracy import measure
from benchmarks.bench import Bench, Seconds
from benchmarks.field import Field
from benchmarks.programs import OUR_PORT, helper, ours

_MORE_SCRAPERS = 4
_SILENT = 20
"""Targets that never answer: each failure is a line in the log."""
_PIPE_BYTES = 4096
_PER_READ, _BETWEEN_READS = 100, 0.1
"""1 kB a second."""


def load(bench: Bench) -> None:
    """Error of all round trips, ours under load in its own interpreter."""
    sizes = {"icmp": bench.sizes.icmp_truth[-1], "tcp": bench.sizes.stream_truth, "http": bench.sizes.stream_truth}
    for protocol, targets in sizes.items():
        with slow_reader(bench.field) as pipe, _scrapers(bench.field):
            launcher = ("-m", "benchmarks.loaded", pipe)
            recipe = ours(protocol, launcher=launcher, silent=_SILENT, flags=["--log.level=debug"])
            measure(bench.subject(f"load-{protocol}", recipe, targets), protocol)


@contextlib.contextmanager
def slow_reader(field: Field) -> Iterator[str]:
    """Make a named pipe that is small, and read slower than it is written."""
    path = field.folder / "log"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    stopping = threading.Event()
    reader = threading.Thread(target=_read_slowly, args=(descriptor, stopping, _BETWEEN_READS), daemon=True)
    reader.start()
    try:
        yield str(path)
    finally:
        stopping.set()
        reader.join()
        os.close(descriptor)
        path.unlink()


def _read_slowly(descriptor: int, stopping: threading.Event, pause: Seconds) -> None:
    while not stopping.wait(pause):
        with contextlib.suppress(BlockingIOError):
            os.read(descriptor, _PER_READ)


@contextlib.contextmanager
def _scrapers(field: Field) -> Iterator[None]:
    """Run four scrapers beside the one that is compared; until the program answers they fail."""
    with contextlib.ExitStack() as end:
        for number in range(_MORE_SCRAPERS):
            notes = field.folder / f"scraped-{number}"
            end.enter_context(helper(field, "scraper", str(OUR_PORT), "--output", str(notes)))
        yield
