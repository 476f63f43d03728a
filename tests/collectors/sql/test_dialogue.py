"""What a dialogue counts: flights that wait for an answer, and how long that takes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from collectors import kernel
from collectors.contract import Facts, ProbeFailed
from collectors.sql.dialogue import Dialogue
from collectors.terms import Reason
from collectors.transport.stream import Stream
from tests.collectors.peers import Peer

GREETING = b"hello"


def echo(connection: socket.socket) -> None:
    """Greets, and then answers each flight by the same bytes."""
    connection.sendall(GREETING)
    while data := connection.recv(65536):
        connection.sendall(data)


@contextlib.contextmanager
def greeted() -> Iterator[tuple[Dialogue, kernel.Moment]]:
    with Peer(echo) as peer:
        sock, connected = socket.create_connection(("127.0.0.1", peer.port)), kernel.now()
        sock.setblocking(False)
        with Stream(sock, 65536, Facts()) as stream:
            yield Dialogue(stream), connected


async def ask(dialogue: Dialogue) -> None:
    await dialogue.send(b"question")
    assert await dialogue.exactly(8) == b"question"


async def test_a_greeting_is_a_round_trip_that_nothing_was_sent_for() -> None:
    with greeted() as (dialogue, connected):
        assert await dialogue.greeting(len(GREETING), connected) == GREETING
        assert dialogue.stream.round_trips == 1
        assert 0 < dialogue.take_server_time() < 1


async def test_each_flight_is_a_round_trip_and_its_time_is_taken_once() -> None:
    with greeted() as (dialogue, connected):
        await dialogue.greeting(len(GREETING), connected)
        await ask(dialogue)
        await ask(dialogue)
        assert dialogue.stream.round_trips == 3
        assert dialogue.take_server_time() > 0
        assert dialogue.take_server_time() == 0


async def test_what_is_not_counted_adds_neither_time_nor_round_trips() -> None:
    with greeted() as (dialogue, connected):
        await dialogue.greeting(len(GREETING), connected)
        dialogue.take_server_time()
        with dialogue.uncounted():
            await ask(dialogue)
            await ask(dialogue)
        assert dialogue.stream.round_trips == 1
        assert dialogue.take_server_time() == 0
        await ask(dialogue)
        assert dialogue.stream.round_trips == 2
        assert dialogue.take_server_time() > 0


async def test_an_answer_that_has_come_before_is_counted_all_the_same() -> None:
    with greeted() as (dialogue, connected):
        await dialogue.greeting(len(GREETING), connected)
        dialogue.take_server_time()
        await ask(dialogue)
        with dialogue.uncounted():
            await ask(dialogue)
        assert dialogue.take_server_time() > 0


async def fail(dialogue: Dialogue) -> None:
    with dialogue.uncounted():
        await ask(dialogue)
        raise ProbeFailed(Reason.QUERY)


async def test_a_failure_ends_what_is_not_counted() -> None:
    with greeted() as (dialogue, connected):
        await dialogue.greeting(len(GREETING), connected)
        dialogue.take_server_time()
        with pytest.raises(ProbeFailed):
            await fail(dialogue)
        assert dialogue.stream.round_trips == 1
        assert dialogue.take_server_time() == 0
