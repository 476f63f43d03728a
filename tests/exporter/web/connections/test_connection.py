"""Hostile clients over real sockets, with the deadlines that are in force; the test moves the clock to them."""

import asyncio
import contextlib
import gc
import re
import signal
import socket
import ssl
import struct
import sys
import tracemalloc
from pathlib import Path

import pytest
from aiohttp import web

from exporter.web.config import WebConfig, load
from exporter.web.connections.connection import ClientConnection
from exporter.web.connections.limits import Limits
from tests.exporter.probing.virtual_time import skip
from tests.exporter.web.served import LONG, Client, serving, until

REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
PAGE = 15 << 20
LIMITS = Limits()


async def turns():
    """Let the server see and do all that it can by now."""
    for _ in range(5):
        await asyncio.sleep(0)


def is_answering():
    """Whether aiohttp has a task, which it has while an answer is made or sent."""
    return len(asyncio.all_tasks()) > 1


def is_open(client):
    try:
        return bool(client.socket.recv(1))
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def closes_after(seconds, client):
    """Wait for a connection's end, at its deadline and not before."""
    await turns()
    skip(0.9 * seconds)
    await turns()
    assert is_open(client)
    skip(0.1 * seconds)
    await client.closed()


async def cut_after(seconds):
    """Let time pass until an answer is cut that nobody takes, and not before its deadline; return after how long.

    What the kernel takes at first may be progress: then it is cut after the next period. And a busy machine makes the
    answer while the test moves the clock.
    """
    await until(is_answering)
    loop = asyncio.get_running_loop()
    started = loop.time()
    while is_answering():
        skip(0.1 * seconds)
        await turns()
    assert 0.9 * seconds < loop.time() - started < 10 * seconds
    return loop.time() - started


async def read_response(client, length):
    answer = b""
    async with asyncio.timeout(LONG):
        while not answer.endswith(b"pong\n"):
            piece = await asyncio.get_running_loop().sock_recv(client.socket, length)
            assert piece, "the server has hung up"
            answer += piece
    return answer


async def rest_of(client):
    answer = b""
    async with asyncio.timeout(LONG):
        while piece := await asyncio.get_running_loop().sock_recv(client.socket, 65536):
            answer += piece
    return answer


@contextlib.asynccontextmanager
async def clients(number, port, **kwargs):
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Client(port, **kwargs)) for _ in range(number)]


async def test_40_readers_that_stall_on_a_large_answer_are_cut_and_their_memory_is_freed():
    page = 4 << 20
    tracemalloc.start()
    try:
        async with serving(page=b"x" * page) as port:
            async with clients(40, port, receive_buffer=4096) as readers:
                for reader in readers:
                    await reader.send(REQUEST)
                await until(lambda: tracemalloc.get_traced_memory()[1] > 4 * page)
                await cut_after(LIMITS.send)
                assert [await reader.closed() < LONG for reader in readers] == [True] * 40
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < 3 * page
            async with Client(port) as scraper:
                assert len(await scraper.get()) > page
    finally:
        tracemalloc.stop()


async def test_over_tls_a_stalled_reader_is_cut_too(written, tmp_path):
    config = load(written("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"))
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # on by default since Python 3.13
    async with (
        serving(lambda: config, page=b"x" * (2 << 20)) as port,
        Client(port, receive_buffer=4096) as reader,
    ):
        _, writer = await asyncio.open_connection(sock=reader.socket.dup(), ssl=context, server_hostname="localhost")
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        writer.write(REQUEST)
        await cut_after(LIMITS.send)
        writer.transport.abort()


async def test_a_slow_reader_that_makes_progress_is_served_to_the_end():
    async with (
        serving(page=b"x" * (2 << 20) + b"pong\n", send_bytes=1000) as port,
        Client(port, receive_buffer=65536) as reader,
    ):
        await reader.send(REQUEST)
        loop = asyncio.get_running_loop()
        started, received = loop.time(), 0
        while received < 2 << 20:
            piece = await loop.sock_recv(reader.socket, 100_000)
            assert piece
            received += len(piece)
            skip(0.15 * LIMITS.send)
            await turns()
        assert loop.time() - started > 2 * LIMITS.send


async def test_a_reader_that_stalls_on_the_last_bytes_is_cut_while_the_connection_is_being_closed():
    async with serving(page=b"x" * PAGE) as port, Client(port, receive_buffer=4096) as reader:
        await reader.send(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        reader.socket.shutdown(1)
        await cut_after(LIMITS.send)


async def test_a_trickled_head_is_cut_however_often_a_byte_comes():
    async with serving() as port:
        async with Client(port) as trickler:
            loop = asyncio.get_running_loop()
            started = loop.time()
            with contextlib.suppress(ConnectionError):
                for byte in REQUEST * 1000:
                    await trickler.send(bytes([byte]) if byte != 13 else b"x")
                    skip(0.1 * LIMITS.head)
                    await turns()
                    assert loop.time() - started < 2 * LIMITS.head
        async with Client(port) as silent:
            await closes_after(LIMITS.head, silent)


async def test_the_head_of_a_second_request_has_the_same_deadline():
    async with serving() as port, Client(port) as client:
        await client.send(REQUEST)
        await read_response(client, 65536)
        skip(2 * LIMITS.head)
        await client.send(REQUEST)
        await read_response(client, 65536)
        await client.send(b"GET / HT")
        await closes_after(LIMITS.head, client)


@pytest.mark.parametrize("cuts", [[9, 28], [27, 29, 30], list(range(1, len(REQUEST)))])
async def test_a_head_in_pieces_is_a_head(cuts):
    async with serving() as port, Client(port) as client:
        for start, end in zip([0, *cuts], [*cuts, None], strict=True):
            await client.send(REQUEST[start:end])
            await turns()
        await read_response(client, 65536)
        skip(1.1 * LIMITS.head)
        await turns()
        await client.send(REQUEST + REQUEST)
        assert (await read_response(client, 65536)).startswith(b"HTTP/1.1 200 OK")


async def test_an_idle_connection_is_closed_after_its_time():
    async with serving() as port, Client(port) as client:
        await client.send(REQUEST)
        await read_response(client, 65536)
        await closes_after(LIMITS.idle, client)


async def send_for_ever(client, data):
    while True:
        await client.send(data)


@pytest.mark.parametrize("body", ["Content-Length: 1000000000", "Transfer-Encoding: chunked"])
async def test_a_body_is_neither_kept_nor_waited_for_and_the_answer_says_that_it_is_the_last(body):
    async with serving() as port, Client(port) as client:
        await client.send(f"POST / HTTP/1.1\r\nHost: test\r\n{body}\r\n\r\n".encode())
        answer = await read_response(client, 65536)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        for _ in range(5):
            await client.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await turns()
        skip(LIMITS.farewell)
        with pytest.raises(ConnectionError):
            await send_for_ever(client, b"10000\r\n" + b"x" * 65536 + b"\r\n")


async def test_a_flood_closes_its_own_connections_and_a_scrape_from_the_same_address_gets_through():
    async with serving(per_address=10) as port, clients(60, port) as flood:
        assert [await client.closed() < 1 for client in flood[:50]] == [True] * 50
        async with Client(port) as scraper:
            assert (await scraper.get()).endswith(b"pong\n")
        assert [client for client in flood[51:] if not is_open(client)] == []


async def test_a_connection_that_brings_requests_stays_while_idle_ones_come_and_go():
    async with serving(per_address=5) as port, Client(port) as scraper, contextlib.AsyncExitStack() as idle:
        for _ in range(4):
            await scraper.send(REQUEST)
            await read_response(scraper, 65536)
            await idle.enter_async_context(clients(4, port))
        assert is_open(scraper)


async def test_a_flood_from_one_address_takes_no_connection_of_another():
    async with serving(per_address=10, connections=50) as port, Client(port) as scraper:
        await scraper.send(REQUEST)
        await read_response(scraper, 65536)
        async with clients(60, port, source="127.0.0.2"):
            await scraper.send(REQUEST)
            await read_response(scraper, 65536)


async def test_the_cap_over_all_addresses_holds():
    async with (
        serving(per_address=10, connections=15) as port,
        clients(10, port, source="127.0.0.2") as first,
        clients(10, port, source="127.0.0.3") as second,
    ):
        assert [await client.closed() < 1 for client in first[:5]] == [True] * 5
        assert all(is_open(client) for client in first[5:] + second)


@contextlib.asynccontextmanager
async def process_with_64_descriptors(limits):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        limits,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    )
    assert process.stdout
    try:
        yield process, int(await process.stdout.readline())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


PROGRAM = """
import asyncio, resource, signal, socket, sys
from aiohttp import web
from exporter.web.config import WebConfig
from exporter.web.connections import Connections, Limits, serve, sparing_handler
from tests.exporter.probing.virtual_time import skip
async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    loop, spare = asyncio.get_running_loop(), sparing_handler()
    loop.set_exception_handler(lambda *failed: (print(failed[1]["message"], flush=True), spare(*failed)))
    loop.add_signal_handler(signal.SIGUSR1, skip, 1.0)
    app = web.Application()
    app.router.add_get("/", lambda request: asyncio.sleep(0, web.Response(text="pong\\n")))
    runner = web.AppRunner(app)
    await runner.setup()
    sock = socket.create_server(("127.0.0.1", 0))
    server = await serve(sock, Connections(runner.server, WebConfig, eval(sys.argv[1]), print))
    print(sock.getsockname()[1], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
"""It tells each failure on stdout, and a signal makes it the next second, in which asyncio tries again."""


@pytest.mark.programs
async def test_a_burst_beyond_the_file_descriptors_takes_none_from_the_scrape():
    async with process_with_64_descriptors("Limits().within(64)") as (process, port), clients(150, port):
        async with Client(port) as scraper:
            assert (await scraper.get()).endswith(b"pong\n")
        process.terminate()
        assert await process.stderr.read() == b""


@pytest.mark.programs
async def test_without_a_file_descriptor_left_there_is_one_line_and_not_a_flood():
    async with process_with_64_descriptors("Limits(per_address=512)") as (process, port), clients(100, port):
        async with asyncio.timeout(LONG):
            assert b"out of system resource" in await process.stderr.readline()
            assert b"out of system resource" in await process.stdout.readline()
            for _ in range(3):
                process.send_signal(signal.SIGUSR1)
                assert b"out of system resource" in await process.stdout.readline()
        process.terminate()
        assert b"out of system resource" not in await process.stderr.read()


# One request at a time


@contextlib.asynccontextmanager
async def answering(**limits):
    """Serve pages of 100 KB, and yield the port and the list of requests that were begun."""
    begun = []

    async def answer(request):
        begun.append(request.path)
        return web.Response(body=b"x" * 100_000)

    async with serving(handler=answer, **limits) as port:
        yield port, begun


@pytest.mark.parametrize("requests", [2, 2000])
async def test_a_client_that_reads_nothing_is_answered_once_however_many_requests_it_sends(requests):
    async with answering() as (port, begun), Client(port, receive_buffer=2048) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        await client.send(REQUEST * requests)
        await cut_after(LIMITS.send)
        assert begun == ["/"]


async def test_a_client_that_reads_gets_all_of_its_answers_in_their_order():
    async with serving() as port, Client(port) as client:
        paths = [b"/", b"/none", b"/"] * 100
        await client.send(b"".join(REQUEST.replace(b"/", path, 1) for path in paths))
        await client.send(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = b""
        while piece := await asyncio.get_running_loop().sock_recv(client.socket, 65536):
            answer += piece
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404", b"200"] * 100 + [b"200"]


async def test_of_what_a_client_sends_ahead_little_is_read():
    async with answering() as (port, begun), Client(port, receive_buffer=2048) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await client.send(REQUEST)
        await until(lambda: begun == ["/"])
        sent = in_vain = 0
        while in_vain < 10:
            await turns()
            try:
                sent, in_vain = sent + client.socket.send(b"x" * 65536), 0
            except BlockingIOError:
                in_vain += 1
            assert sent < 64 << 20


async def test_the_deadline_of_an_answer_counts_from_the_first_byte_that_is_not_taken():
    async with answering() as (port, begun), Client(port, receive_buffer=2048) as client:
        await client.send(REQUEST)
        await until(lambda: begun == ["/"])
        assert await cut_after(LIMITS.send) < 1.5 * LIMITS.send


async def test_a_client_that_says_at_once_that_it_will_send_no_more_gets_its_answers():
    async with serving() as port, Client(port) as client:
        await client.send(REQUEST * 3)
        client.socket.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := await asyncio.get_running_loop().sock_recv(client.socket, 65536):
            answer += piece
        assert answer.count(b"pong\n") == 3


async def test_what_is_gone_is_gone_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        async with serving(page=b"x" * PAGE) as port:
            async with Client(port, receive_buffer=4096) as stalled, Client(port, receive_buffer=4096) as leaving:
                await stalled.send(REQUEST)
                await leaving.send(REQUEST * 100)
                await until(is_answering)
                leaving.socket.close()
                await cut_after(LIMITS.send)
            assert [kept for kept in gc.get_objects() if isinstance(kept, ClientConnection | web.Request)] == []
    finally:
        gc.enable()


# What is no request


@pytest.mark.parametrize("says_no_more", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02 garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\r\n",
        b"GET /\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"\xff" * 100,
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"H%d: a\r\n" % n for n in range(300)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"H%d: %b\r\n" % (n, b"a" * 7000) for n in range(30)) + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_request_gets_a_plain_answer_is_counted_and_leaves_no_traceback(data, says_no_more, caplog):
    refused: list[int] = []
    config = WebConfig(headers={"X-Frame-Options": "deny"})
    async with serving(lambda: config, refused=refused.append) as port, Client(port) as client:
        await client.send(data)
        if says_no_more:
            client.socket.shutdown(socket.SHUT_WR)
        answer = await rest_of(client)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", head)
    assert refused == [int(head.split()[1])]
    assert body in {
        b"Bad request: this is no request that HTTP/1.1 allows.\n",
        b"Bad request: its first line or one of its headers is too long.\n",
        b"The head of this request is too large.\n",
    }
    assert b"\r\nServer: latency-exporter\r\n" in head + b"\r\n"
    assert b"\r\nX-Frame-Options: deny\r\n" in head + b"\r\n"
    assert not caplog.records


@pytest.mark.parametrize("lines", [150, 2000])
async def test_too_many_headers_are_told_to_be_too_many(lines):
    async with serving() as port, Client(port) as client:
        await client.send(REQUEST.replace(b"\r\n\r\n", b"\r\nX: a" * lines + b"\r\n\r\n"))
        answer = await rest_of(client)
    assert re.match(rb"HTTP/1\.[01] 431 ", answer)
    assert answer.endswith(b"\r\n\r\nThe head of this request is too large.\n")


@pytest.mark.parametrize("before", [b"", REQUEST])
async def test_what_is_not_complete_when_the_client_says_no_more_is_refused_and_counted(before):
    refused: list[int] = []
    async with serving(refused=refused.append) as port, Client(port) as client:
        await client.send(before + b"GET / HTTP/1.1\r\nHo")
        client.socket.shutdown(socket.SHUT_WR)
        answer = await rest_of(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200"] * bool(before) + [b"400"]
    assert answer.endswith(b"Bad request: it is not complete, and no more of it comes.\n")
    assert refused == [400]


async def test_who_says_nothing_and_goes_is_told_nothing():
    refused: list[int] = []
    async with serving(refused=refused.append) as port, Client(port) as client:
        await client.send(b"\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert await rest_of(client) == b""
    assert refused == []


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\nHost: a\n\n", b"\xff" * 100, b"GET /" + b"a" * 9000, b"GET / HTTP/1.1\r\nHo"]
)
async def test_over_tls_what_is_no_request_is_answered_also_when_the_client_says_no_more(data, written, tmp_path):
    config = load(written("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"))
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # on by default since Python 3.13

    def ask(port):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port), LONG) as client:
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    client.sendall(outgoing.read())
                    incoming.write(client.recv(65536))
                else:
                    break
            tls.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
            client.sendall(outgoing.read())
            while piece := client.recv(65536):
                incoming.write(piece)
        return tls.read(65536)

    refused: list[int] = []
    async with serving(lambda: config, refused=refused.append) as port:
        answer = await asyncio.to_thread(ask, port)
    assert re.match(rb"HTTP/1\.[01] 400 ", answer)
    assert refused == [400]


@pytest.mark.parametrize(
    ("path", "expect", "status"),
    [
        ("/", "<b>secret</b>", "417"),
        ("/none", "secret", "417"),
        ("/", "100-continue, secret", "417"),
        ("/", "100-Continue", "100"),
    ],
)
async def test_what_a_client_expects_in_vain_is_not_repeated(path, expect, status):
    async with serving() as port, Client(port) as client:
        await client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: {expect}\r\n\r\n".encode())
        answer = await rest_of(client)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"secret" not in answer


async def test_who_may_not_ask_is_not_told_what_else_is_wrong():
    config = WebConfig(users={b"anna": b""})
    async with serving(lambda: config) as port, Client(port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: secret\r\n\r\n")
        assert (await rest_of(client)).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("body", [b"1;" + b"a" * 100_000 + b"\r\n", b"zz\r\n", b"0\r\n\r\n", b"\r\n\r\n\r\n\r\n"])
async def test_a_broken_body_spoils_no_answer(body, caplog):
    async with serving() as port, Client(port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert (await read_response(client, 65536)).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.closed() < LONG
    assert not caplog.records


# A crowd


async def test_a_crowd_of_requests_from_one_address_delays_anothers_by_a_turn():
    answered = []

    async def answer(request):
        answered.append(request.remote)
        return web.Response(text="pong\n")

    async with serving(handler=answer) as port, clients(60, port, source="127.0.0.2") as crowd, Client(port) as other:
        for client in crowd:
            client.socket.send(REQUEST)
        other.socket.send(REQUEST)  # all of them before the server has had its turn
        await until(lambda: len(answered) == 61)
        assert answered.index("127.0.0.1") < 20


async def test_a_client_that_goes_when_its_request_is_begun_leaves_no_traceback(caplog):
    async with serving() as port:
        for _ in range(50):
            async with Client(port) as client:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                await client.send(REQUEST * 20)
        await until(lambda: not is_answering())
        gc.collect()
    assert not caplog.records
