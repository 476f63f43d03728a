import asyncio
import contextlib
import resource
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.turn import Stopped, Turn
from collectors.n8n.reader import Reader
from collectors.n8n.target import N8nTarget
from collectors.secret import Secret
from collectors.terms import IpFamily, Phase, Reason
from tests.collectors.peers import Peer
from tests.collectors.sql.scripted import READY, pg
from tests.collectors.targets import context

PASSWORD = "c4nary-Pa55word"
IN = pg(b"R", struct.pack("!i", 0))


def target(port, **changes):
    plain = {
        "address": "127.0.0.1",
        "ip_families": (IpFamily.IPV4,),
        "port": port,
        "socket": None,
        "user": "monitor",
        "password": Secret(PASSWORD),
        "dbname": "n8n",
        "tls": "disable",
        "tls_ca_file": None,
        "timeout": 1.0,
    }
    return N8nTarget(**plain | changes)


@contextlib.contextmanager
def server(answer=None):
    """A listener that accepts, answers one thing or nothing, and keeps the connections in a list."""
    accepted = []

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                accepted.append(listener.accept()[0])
                if answer is not None:
                    accepted[-1].recv(4096)
                    accepted[-1].sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for sock in accepted:
                sock.close()


async def failure(reader, wanted):
    with pytest.raises(ProbeFailed) as failed:
        await reader.read(wanted, Facts())
    assert PASSWORD not in repr(failed.value)
    return failed.value.reason, failed.value.detail


def names_of_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("n8n")]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.clock
async def test_a_server_that_says_nothing_is_waited_for_until_the_deadline_and_its_connection_is_closed():
    with server() as (port, accepted):
        with contextlib.closing(Reader(context())) as reader:
            began = time.monotonic()
            assert await failure(reader, target(port)) == (Reason.TIMEOUT, "log in: no answer in time")
            assert time.monotonic() - began >= 1.0
        accepted[0].settimeout(10)
        accepted[0].recv(4096)
        assert accepted[0].recv(4096) == b""


async def test_a_read_that_is_given_up_ends_its_thread_at_once():
    with server() as (port, accepted):
        with contextlib.closing(Reader(context())) as reader:
            read = asyncio.ensure_future(reader.read(target(port, timeout=600.0), Facts()))
            await until(lambda: accepted)
            read.cancel()
            with pytest.raises(asyncio.CancelledError):
                await read
        await until(lambda: not names_of_threads())


async def test_a_server_that_hangs_holds_up_nobody_else():
    with server() as (port, _), contextlib.closing(Reader(context())) as reader:
        hanging = asyncio.ensure_future(reader.read(target(port, timeout=600.0), Facts()))
        with socket.create_server(("127.0.0.1", 0)) as closed:
            gone = closed.getsockname()[1]
        assert await failure(reader, target(gone)) == (
            Reason.REFUSED,
            "log in: connection refused: nothing listens there, or a firewall refuses it",
        )
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait([hanging])


async def test_an_endless_answer_is_cut_off_before_it_fills_the_memory():
    """Of rows that are small on the way and large in memory."""

    def talk(connection):
        connection.recv(4096)
        settings = (b"client_encoding\0UTF8\0", b"DateStyle\0ISO, MDY\0", b"server_version\x0017.0\0")
        connection.sendall(IN + b"".join(pg(b"S", setting) for setting in settings) + READY)
        connection.recv(4096)
        column = b"relname\0" + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0)
        connection.sendall(pg(b"T", struct.pack("!h", 10) + 10 * column))
        rows = 1000 * pg(b"D", struct.pack("!h", 10) + 10 * struct.pack("!i", -1))
        while True:
            connection.sendall(rows)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Peer(talk) as peer, contextlib.closing(Reader(context())) as reader:
        reason, detail = await failure(reader, target(peer.port, password=None, timeout=60.0))
    assert (reason, detail) == (Reason.PROTOCOL, "look at n8n's tables: the answer is longer than 32768 KiB")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 150


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 100, b"R\xff\xff\xff\xff", b"E\x00\x00\x00\x05\x00"]
)
async def test_a_server_that_is_no_postgresql_fails(answer):
    with server(answer) as (port, _), contextlib.closing(Reader(context())) as reader:
        reason, detail = await failure(reader, target(port))
    assert reason in {Reason.PROTOCOL, Reason.TIMEOUT, Reason.AUTH}
    assert "HTTP" not in detail


@pytest.mark.clock
async def test_the_next_address_is_tried_when_one_does_not_answer():
    async def lookup(_name, _family):
        return ["127.0.0.1", "127.0.0.2"]

    with server() as (port, accepted):
        with contextlib.closing(Reader(context(lookup))) as reader:
            assert await failure(reader, target(port, address="db.example")) == (
                Reason.REFUSED,
                "log in: connection refused: nothing listens there, or a firewall refuses it",
            )
        assert len(accepted) == 1


async def test_a_name_without_an_address_fails():
    async def lookup(_name, _family):
        raise ProbeFailed(Reason.DNS, "no such name")

    with contextlib.closing(Reader(context(lookup))) as reader:
        assert await failure(reader, target(5432, address="db.example")) == (Reason.DNS, "no such name")


@pytest.mark.clock
async def test_a_target_that_is_forgotten_or_never_read_leaves_no_thread():
    with server() as (port, _), contextlib.closing(Reader(context())) as reader:
        wanted = target(port)
        reader.forget(wanted)
        await failure(reader, wanted)
        reader.forget(wanted)
        await until(lambda: not names_of_threads())


def test_a_turn_ends_a_wait_from_another_thread():
    turn = Turn(600.0)
    one, other = socket.socketpair()
    with one, other:
        other.send(b"x")
        assert turn.wait(one.fileno(), 1, 1.0)
        one.recv(1)
        assert not turn.wait(one.fileno(), 1, 0.0)
        threading.Timer(0.01, turn.end).start()
        with pytest.raises(Stopped):
            turn.wait(one.fileno(), 1, 600.0)
    turn.close()
    turn.end()
    turn.close()


@pytest.mark.programs
def test_the_driver_is_imported_by_who_uses_it_alone():
    program = "import sys, collectors.n8n.reader; print([name for name in sys.modules if 'psycopg' in name])"

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_target_shows_no_password():
    assert PASSWORD not in f"{target(5432)!r}{target(5432)}"
    assert str(target(5432)) == "n8n's database at 127.0.0.1 port 5432, tls disable, as monitor"


@pytest.mark.clock
async def test_a_read_that_is_given_up_says_where_it_stood():
    with server() as (port, _), contextlib.closing(Reader(context())) as reader:
        facts = Facts()
        with pytest.raises(ProbeFailed):
            await reader.read(target(port), facts)
        assert (facts.phase, facts.address) == (Phase.AUTH, None)

    async def lookup(_name, _family):
        await asyncio.Event().wait()

    with contextlib.closing(Reader(context(lookup))) as reader:
        facts = Facts()
        read = asyncio.ensure_future(reader.read(target(5432, address="db.example"), facts))
        await until(lambda: facts.phase)
        assert (facts.phase, facts.silence) == (Phase.DNS, Reason.DNS)
        read.cancel()
        await asyncio.wait([read])


@pytest.mark.clock
async def test_the_addresses_of_a_name_that_were_asked_are_noted():
    async def lookup(_name, _family):
        return ["127.0.0.2", "127.0.0.1"]

    with server() as (port, _), contextlib.closing(Reader(context(lookup))) as reader:
        facts = Facts()
        with pytest.raises(ProbeFailed):
            await reader.read(target(port, address="db.example"), facts)
    assert facts.address == "127.0.0.1"
    assert facts.tried == ("127.0.0.2: log in: connection refused: nothing listens there, or a firewall refuses it",)
