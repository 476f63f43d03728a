"""Asks a blackbox_exporter for each target once a second, spread over the second, as Prometheus would.

A process of its own, over connections that are kept::

    python -m benchmarks.asker PORT MODULE TARGETS_FILE OUTPUT METRIC...

Each answer is a line, ``ASKED ANSWERED TARGET METRIC VALUE`` per metric found; times are the wall clock's, as the
packets' are. A target whose last answer is not there yet is left out for a second.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import IO

_BETWEEN_FLUSHES = 1.0
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")


class KeptConnection(asyncio.Protocol):
    """One kept connection with at most one question under way."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.target, self.asked, self.received = "", 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_connection makes
        self._transport = transport

    def ask(self, target: str, question: bytes) -> None:
        """Send a question."""
        self.target, self.asked, self.received = target, time.time(), b""
        self._transport.write(question)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if is_complete(self.received):
            self._asker.answered(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._asker.lost(self)


class Asker:
    """All questions, and the connections that are free."""

    def __init__(self, port: int, metrics: list[str], notes: IO[str]) -> None:
        self._port, self._notes = port, notes
        names = "|".join(map(re.escape, metrics))
        self._wanted = re.compile(rf"^({names}) (\S+)$".encode(), re.MULTILINE)
        self._free: list[KeptConnection] = []
        self._under_way: set[str] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def ask(self, target: str, question: bytes) -> None:
        """Ask over a free connection, or over a new one."""
        if target in self._under_way:
            return
        self._under_way.add(target)
        if self._free:
            self._free.pop().ask(target, question)
        else:
            task = asyncio.create_task(self._ask_anew(target, question))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    def answered(self, connection: KeptConnection) -> None:
        """Write down what was measured; the connection is free again."""
        ended = time.time()
        self._under_way.discard(connection.target)
        self._free.append(connection)
        for name, value in self._wanted.findall(body_of(connection.received)):
            line = f"{connection.asked!r} {ended!r} {connection.target} {name.decode()} {value.decode()}\n"
            self._notes.write(line)

    def lost(self, connection: KeptConnection) -> None:
        """Forget a connection that has closed, and its question."""
        self._under_way.discard(connection.target)
        if connection in self._free:
            self._free.remove(connection)

    async def _ask_anew(self, target: str, question: bytes) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: KeptConnection(self), "127.0.0.1", self._port
            )
        except OSError:
            self._under_way.discard(target)
        else:
            connection.ask(target, question)


def is_complete(answer: bytes) -> bool:
    """Tell whether an answer of Go's server is complete: by its length, or by its last chunk."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    length = _LENGTH.search(head + b"\r\n")
    return len(body) >= int(length[1]) if length else body.endswith(b"\r\n0\r\n\r\n")


def body_of(answer: bytes) -> bytes:
    """Return the body of a complete answer, its chunks joined."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if _LENGTH.search(head + b"\r\n"):
        return body
    chunks = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(body[:length])
        body = body[length + 2 :]
    return b"".join(chunks)


async def ask_for_ever(asker: Asker, questions: list[tuple[str, bytes]], notes: IO[str]) -> None:
    """Ask each question once a second, spread evenly over the second."""
    loop = asyncio.get_running_loop()
    began = flushed = loop.time()
    number = 0
    while True:
        due = began + number / len(questions)
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        asker.ask(*questions[number % len(questions)])
        number += 1
        if loop.time() > flushed + _BETWEEN_FLUSHES:
            notes.flush()
            flushed = loop.time()


def main() -> None:
    """Read the targets and ask."""
    port, module, targets, output, *metrics = sys.argv[1:]
    head = "HTTP/1.1\r\nHost: localhost\r\n\r\n"
    questions = [
        (line.split()[0], f"GET /probe?module={module}&target={line.split()[-1]} {head}".encode())
        for line in Path(targets).read_text(encoding="ascii").splitlines()
    ]

    with Path(output).open("w", encoding="ascii") as notes:
        asyncio.run(ask_for_ever(Asker(int(port), metrics, notes), questions, notes))


if __name__ == "__main__":
    main()
