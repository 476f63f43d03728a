"""HTTP and HTTPS against real, slow and hostile servers: what is measured, what it may cost, what is left behind."""

import asyncio
import base64
import contextlib
import datetime as dt
import gzip
import select
import shutil
import socket
import ssl
import struct
import threading
import time
import tracemalloc

import pytest

from collectors import http, kernel
from collectors.contract import Facts, ProbeFailed
from collectors.secret import NoSecret, Secret
from collectors.terms import Clock, Phase, Reason
from tests.authority import Authority
from tests.collectors import peers, resources
from tests.collectors.asking import ask, failure
from tests.collectors.peers import OK, Peer, answering
from tests.collectors.resources import Hog
from tests.collectors.targets import context, http_target, https, url

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PAUSE = 0.1
"""What a server does not answer within, or our own loop stands still; it is in one part of a measurement alone."""


def slowly(answer, *, at_once=()):
    def talk(connection):
        peers.read_request(connection)
        for piece in at_once:
            connection.sendall(piece)
        time.sleep(PAUSE)
        connection.sendall(answer)

    return talk


@pytest.fixture
async def probe():
    async with http.collector(context(), "latency-exporter/1.2") as probe:
        yield probe


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_exchange_has_its_phases_and_their_sum(probe, host):
    with Peer(answering(OK), host=host) as peer:
        reply = await ask(probe, http_target(url(peer, host=f"[{host}]" if ":" in host else host)))
    assert list(reply.phases) == [Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER]
    assert reply.duration == sum(reply.phases.values())
    assert reply.phases[Phase.CONNECT] == reply.rtt > 0
    assert reply.phases[Phase.PROCESSING] == reply.response > 0
    assert reply.clock is Clock.KERNEL


async def test_a_name_is_looked_up_in_the_probe_and_has_a_phase(probe):
    with Peer(answering(OK)) as peer:
        reply = await ask(probe, http_target(url(peer, host="localhost")))
    assert next(iter(reply.phases)) is Phase.DNS
    assert reply.phases[Phase.DNS] > 0


async def test_https_has_a_tls_phase_and_the_certificates_validity(probe, authority):
    facts, until = Facts(), dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    begins = dt.datetime.now(dt.UTC) - dt.timedelta(days=9)
    with Peer(answering(OK), tls=authority.server("localhost", until=until)) as peer:
        reply = await ask(probe, https(peer, authority), facts)
    assert list(reply.phases) == [Phase.DNS, Phase.CONNECT, Phase.TLS, Phase.PROCESSING, Phase.TRANSFER]
    assert reply.clock is Clock.KERNEL
    assert facts.certificate_expiry == until.timestamp()
    assert facts.certificate_not_before == pytest.approx(begins.timestamp(), abs=60)


@pytest.mark.clock
async def test_what_the_server_takes_is_in_the_response_and_not_in_the_round_trip(probe):
    with Peer(slowly(OK)) as peer:
        reply = await ask(probe, http_target(url(peer)))
    assert reply.response >= PAUSE
    assert reply.response - reply.rtt > 0.9 * PAUSE
    assert reply.phases[Phase.TRANSFER] < reply.duration - PAUSE


@pytest.mark.clock
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_session_tickets_before_the_answer_are_not_the_answer(probe, authority, version):
    with Peer(slowly(OK), tls=authority.server("localhost", version=version)) as peer:
        reply = await ask(probe, https(peer, authority))
    assert reply.response >= PAUSE
    assert reply.phases[Phase.TLS] < reply.duration - PAUSE


@pytest.mark.clock
async def test_the_transfer_runs_from_the_first_byte_to_the_last(probe):
    def in_two_pieces(connection):
        peers.read_request(connection)
        connection.sendall(OK[:-1])
        time.sleep(PAUSE)
        connection.sendall(OK[-1:])

    with Peer(in_two_pieces) as peer:
        reply = await ask(probe, http_target(url(peer)))
    assert reply.phases[Phase.TRANSFER] >= 0.9 * PAUSE
    assert reply.response < reply.duration - 0.9 * PAUSE


@pytest.mark.clock
@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("together", [False, True])
async def test_an_interim_answer_is_not_the_answer(probe, authority, encrypted, together):
    """It comes at once, maybe from an edge in between; the work goes on, and counts."""

    hints = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    talk = slowly((b"HTTP/1.1 102 Processing\r\n\r\n" if together else b"") + OK, at_once=hints)
    facts = Facts()
    with Peer(talk, tls=authority.server("localhost") if encrypted else None) as peer:
        reply = await ask(probe, https(peer, authority) if encrypted else http_target(url(peer)), facts)
    assert reply.response >= PAUSE
    assert reply.server > 0.9 * PAUSE
    assert reply.phases[Phase.PROCESSING] == reply.response
    assert reply.phases[Phase.TRANSFER] < reply.duration - PAUSE
    assert facts.status_code == 200


@pytest.mark.clock
async def test_silence_after_an_interim_answer_is_the_servers_work_and_no_transfer(probe):
    def hint(connection):
        peers.read_request(connection)
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        peers.silent(connection)

    facts = Facts()
    with Peer(hint) as peer, pytest.raises(TimeoutError):
        await ask(probe, http_target(url(peer)), facts, deadline=PAUSE)
    assert facts.phase is Phase.PROCESSING


def early(connection):
    """Answer before the request has come, which lies unread at the end: so the kernel resets the connection."""
    connection.sendall(OK)
    select.select([connection], [], [], 1)


async def test_an_answer_that_came_before_the_reset_is_an_answer(probe):
    with Peer(early) as peer:
        for _ in range(100):
            await ask(probe, http_target(url(peer)))


async def test_a_large_request_that_is_refused_before_it_is_out_has_its_status(probe):
    def refuse(connection):
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n")

    facts = Facts()
    with Peer(refuse) as peer:
        target = http_target(url(peer), headers=tuple((f"X-{n}", "x" * 4000) for n in range(1000)))
        assert await failure(probe, target, facts) == (Reason.STATUS, "status 431")


@pytest.mark.clock
async def test_a_loop_that_stands_still_is_in_no_measurement(probe):
    sent = threading.Event()

    def stand_still():
        sent.wait(10)
        time.sleep(PAUSE)

    hog = Hog(stand_still)

    def talk(connection):
        peers.read_request(connection)
        hog.begin()
        connection.sendall(OK)
        sent.set()

    with Peer(talk) as peer:
        started = time.monotonic()
        reply = await ask(probe, http_target(url(peer)))
        took = time.monotonic() - started
    assert reply.response < took - 0.9 * PAUSE
    assert reply.duration < took - 0.9 * PAUSE


@pytest.mark.clock
async def test_a_thread_that_holds_the_interpreter_is_in_no_measurement(probe):
    def hold():
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            sum(range(100_000))

    def talk(connection):
        peers.read_request(connection)
        connection.sendall(OK)
        hold()

    with Peer(talk) as peer:
        threading.Thread(target=hold).start()
        reply = await ask(probe, http_target(url(peer)))
    assert reply.rtt < 0.2
    assert reply.clock is Clock.KERNEL


@pytest.mark.clock
async def test_our_own_time_is_not_in_the_tls_phase(probe, authority):
    hog = Hog(lambda: time.sleep(0.3))
    server = authority.server("localhost")
    server.sni_callback = lambda *_: hog.begin()
    with Peer(answering(OK), tls=server) as peer:
        reply = await ask(probe, https(peer, authority))
    assert reply.phases[Phase.TLS] < 0.2


async def test_stamps_that_cannot_be_believed_are_replaced_by_the_user_clock(probe, monkeypatch):
    monkeypatch.setattr(kernel, "elapsed", lambda *_: None)
    with Peer(answering(OK)) as peer:
        reply = await ask(probe, http_target(url(peer)))
    assert reply.clock is Clock.USER
    assert 0 < reply.response < 1


@pytest.mark.clock
async def test_a_lost_syn_leaves_no_rtt_and_counts_in_the_duration_only(probe):
    facts = Facts()
    with peers.full_backlog() as listener:

        def serve():
            listener.accept()[0].close()
            with listener.accept()[0] as connection:
                answering(OK)(connection)

        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(ask(probe, http_target(f"http://127.0.0.1:{listener.getsockname()[1]}/"), facts))
            await asyncio.sleep(0)  # now its SYN is out, and dropped
            server = threading.Thread(target=serve)
            server.start()
        server.join()
    assert asked.result().rtt is None
    assert list(asked.result().phases) == [Phase.PROCESSING, Phase.TRANSFER]
    assert asked.result().duration > 0.9
    assert facts.retransmitted


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    ("beginning", "piece", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 1000, Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, Reason.BODY),
        (CHUNKED + b"ffffffffffffffff\r\n", b"x" * 65536, Reason.BODY),
        (CHUNKED, b"1\r\nx\r\n" * 1000, Reason.PROTOCOL),
        (
            CHUNKED,
            b"1;" + b"x" * 60000 + b"\r\nx\r\n",
            Reason.PROTOCOL,
        ),
        (b"", b"HTTP/1.1 102 Wait\r\n\r\n" * 100, Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\n", b"a:\n" * 1000, Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\n", b"location:\n" * 1000, Reason.PROTOCOL),
        (CHUNKED + b"0\r\n", b"X: y\r\n" * 1000, Reason.PROTOCOL),
        (b"", b"\r\n" * 1000, Reason.PROTOCOL),
        (b"", b"\0" * 1000, Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(bytes(10_000_000)), Reason.BODY),
    ],
)
async def test_an_endless_answer_costs_little_memory_and_leaves_others_their_turns(
    probe, authority, encrypted, beginning, piece, reason
):
    turns = 0

    async def take_turns():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    tls = authority.server("localhost") if encrypted else None
    with Peer(peers.endlessly(beginning, piece), tls=tls) as peer:
        target = https(peer, authority) if encrypted else http_target(url(peer))
        if encrypted:  # its context is made once, and is not the peer's doing
            await failure(probe, target)
        other = asyncio.create_task(take_turns())
        tracemalloc.start()
        try:
            failed = await failure(probe, target)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            other.cancel()
    assert failed[0] is reason
    assert peak < 65536 + 512 * 1024
    assert turns >= 4


async def test_a_body_in_records_of_one_byte_ends(probe, authority):
    with Peer(peers.endlessly(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), tls=authority.server("localhost")) as peer:
        failed = await failure(probe, https(peer, authority))
    assert failed == (Reason.PROTOCOL, "far more bytes than an answer of the permitted size needs")


@pytest.mark.clock
async def test_a_trickling_server_costs_no_more_than_the_deadline(probe):
    def trickle(connection):
        peers.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Filler: ")
        while True:  # until it is closed
            time.sleep(0.005)
            connection.sendall(b"H")

    with Peer(trickle) as peer, pytest.raises(TimeoutError):
        await ask(probe, http_target(url(peer)), deadline=PAUSE)


async def test_an_answer_is_not_decompressed(probe):
    body = gzip.compress(b"hello")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Peer(answering(head + body)) as peer:
        assert (await failure(probe, http_target(url(peer), expect_body="hello")))[0] is Reason.BODY


@pytest.mark.clock
async def test_200_probes_of_each_kind_leave_no_descriptor_and_no_reader(probe, authority):
    before = resources.descriptors(), resources.readers()
    kinds = [
        (answering(OK), None),
        (answering(b"HTTP/1.1 500 No\r\n\r\n"), None),
        (answering(b"nonsense\r\n\r\n"), None),
        (answering(b""), None),
        (peers.silent, None),
        (answering(OK), authority.server("localhost")),
        (answering(OK), authority.server()),
        (answering(b"HTTP"), authority.server("localhost")),
    ]
    for talk, tls in kinds:
        with Peer(talk, tls=tls) as peer:
            target = https(peer, authority) if tls else http_target(url(peer))
            for _ in range(200):
                with contextlib.suppress(ProbeFailed, TimeoutError):
                    await ask(probe, target, deadline=0.002 if talk is peers.silent else 10)
    assert (resources.descriptors(), resources.readers()) == before


async def test_a_server_reads_an_ordinary_end_and_nobody_keeps_a_time_wait(probe):
    ends = []

    def talk(connection):
        peers.read_request(connection)
        connection.sendall(OK)
        ends.append(peers.until_reset(connection))

    with Peer(talk) as peer:
        for _ in range(50):
            await ask(probe, http_target(url(peer)))
    assert ends == [b""] * 50
    assert peers.lingering(peer) == 0


@pytest.mark.clock
async def test_a_peer_that_resets_right_after_the_handshake_is_reset_and_no_bug(probe):
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))
        connection.close()

    with Peer(reset) as peer:
        for _ in range(300):
            assert (await failure(probe, http_target(url(peer))))[0] is Reason.RESET


async def test_a_ca_file_that_was_replaced_is_read_again(probe, tmp_path):
    old, new = (Authority(tmp_path / name) for name in ("old", "new") if (tmp_path / name).mkdir() is None)
    trusted = tmp_path / "ca.pem"
    shutil.copy(old.ca_file, trusted)
    with Peer(answering(OK), tls=new.server("localhost")) as peer:
        target = http_target(url(peer, host="localhost", scheme="https"), tls_ca_file=str(trusted))
        assert (await failure(probe, target))[0] is Reason.TLS
        shutil.copy(new.ca_file, trusted)
        assert (await ask(probe, target)).response


async def test_a_password_that_was_rotated_is_read_again_when_the_old_one_is_refused(probe):
    async def read_again():
        return Secret("new")

    heard: list[bytes] = []

    def talk(connection):
        heard.append(peers.read_request(connection))
        is_new = base64.b64encode(b"u:new") in heard[-1]
        connection.sendall(OK if is_new else b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    with Peer(talk) as peer:
        wanted = http_target(url(peer), user="u", password=Secret("old", read_again))
        for _ in range(2):
            assert (await ask(probe, wanted)).response > 0
    assert len(heard) == 3


async def test_a_password_that_cannot_be_read_again_is_told_beside_the_refusal(probe):
    async def read_again():
        raise NoSecret("pw: is empty; put the password there")

    with Peer(answering(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")) as peer:
        wanted = http_target(url(peer), user="u", password=Secret("old", read_again))
        reason, detail = await failure(probe, wanted)
    assert reason is Reason.STATUS
    assert detail.endswith("; and the password was not read again: pw: is empty; put the password there")
