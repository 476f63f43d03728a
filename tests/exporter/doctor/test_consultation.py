"""Servers asked over real sockets, each of them broken in each way."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import socket
import ssl
import time
import tracemalloc

import aiohttp
import pytest

from collectors.terms import Reason
from collectors.transport.trust import OwnCertificate
from exporter.doctor import bodies
from exporter.doctor.consultation import PublicName, consult
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.outcome import ServerSeen
from exporter.doctor.rules.health import health, unanswered
from exporter.doctor.rules.names import public_name
from exporter.doctor.rules.troubles import trouble_text
from exporter.doctor.servers import KINDS
from exporter.doctor.stack import StackServer
from exporter.http_client.client import trouble_of
from exporter.http_client.outcome import HttpAnswer, Trouble
from tests.authority import Authority
from tests.collectors.peers import Peer, silent
from tests.exporter.doctor.fakes import Fake, Say, forever, response, saying
from tests.exporter.doctor.values import server
from tests.exporter.probing.virtual_time import skip

PATIENCE = 5.0
"""For servers that hang; it is over when all others have answered."""
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
PIECE = b"x" * 65536
DAYS = dt.timedelta(days=1)


async def asked(*servers: StackServer, patience: float = 5.0) -> tuple[ServerSeen, ...]:
    return (await consult(servers, (), patience, Unwatched())).servers


class Unwatched:
    def asked(self, name: str) -> None: ...
    def done(self, name: str) -> None: ...


class Noted:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def asked(self, name: str) -> None:
        self.heard.append(f"asked {name}")

    def done(self, name: str) -> None:
        self.heard.append(f"done {name}")


async def hung(hanging: Peer, connections: int, *servers: StackServer) -> tuple[tuple[ServerSeen, ...], list[str]]:
    """Ask, and move the clock past the patience as soon as nobody but the hanging one is waited for."""
    noted = Noted()
    asking = asyncio.create_task(consult(servers, (), PATIENCE, noted))
    await hanging.has_served(connections)
    while len(noted.heard) < 2 * len(servers) - 1:
        await asyncio.sleep(0.001)
    skip(PATIENCE)
    return (await asking).servers, noted.heard


async def judged(one: StackServer, patience: float = 5.0) -> Diagnosis:
    (seen,) = await asked(one, patience=patience)
    return health(seen, time.time(), patience)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
async def test_each_server_is_well_also_under_a_path_prefix(name: str, prefix: str) -> None:
    with Fake(name, prefix=prefix) as fake:
        (seen,) = await asked(server(name, fake.url(path=prefix)))
    assert health(seen, time.time(), 5.0).status is Status.OK
    assert list(unanswered(seen, 5.0)) == []


@pytest.mark.parametrize(
    ("say", "begins"),
    [
        (saying(response(b"not found", "404 Not Found")), "404 at /-/healthy"),
        (saying(response(b"", "302 Found", Location="/login")), "redirects /-/healthy to /login (302)"),
        (saying(response(b"", "401 Unauthorized")), "asks for a login (401)"),
        (b"<html>a login page</html>", "answers /-/healthy with '<html>a login page</html>', which"),
        (b"", "answers /-/healthy with an empty page, which"),
        (saying(b""), "127.0.0.1:{port} closes the connection without an answer"),
        (
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
            "127.0.0.1:{port} closes the connection without an answer that is whole; look at its log",
        ),
        *[
            (saying(answer), f"127.0.0.1:{{port}} does not answer in HTTP ({words}); if it serves TLS")
            for answer, words in (
                (b"SSH-2.0-OpenSSH_9.2\r\n", "its answer does not begin with HTTP/1.1 and a status"),
                (b"HTTP/1.1 9999 \xff\xfe\r\nA: b\r\n\r\n", "its answer does not begin with HTTP/1.1 and a status"),
                (b"HTTP/1.1 200 OK\r\nX: " + 20000 * b"a" + b"\r\n\r\n", "a line of its answer is too long"),
                (
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
                    "its answer does not say in an orderly way how long it is",
                ),
                (
                    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
                    "its answer does not say in an orderly way how long it is",
                ),
                (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "its answer has a header that is none"),
            )
        ],
        (
            saying(response(b"\x1f\x8b", Content_Encoding="gzip")),
            "127.0.0.1:{port} does not answer in HTTP (compressed",
        ),
    ],
)
async def test_each_way_not_to_answer_is_told(say: Say, begins: str) -> None:
    with Fake("prometheus", everywhere=say) as fake:
        finding = await judged(server(url=fake.url()))
    assert finding.status is Status.BROKEN
    assert finding.text.startswith(begins.format(port=fake.port))


def test_what_tls_says_after_its_handshake_is_no_fault_of_this_machine() -> None:
    """OpenSSL's errors have a number that as an errno would be ours."""
    alert = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2576)")
    alert.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    wrapped = aiohttp.ClientOSError(*alert.args)
    wrapped.__cause__ = alert
    trouble = trouble_of(wrapped, connected=True)
    assert trouble.reason is Reason.TLS
    assert trouble_text(trouble, server(), 5.0) == (
        "TLS: the server asks for a client certificate; name one of an authority that it trusts, and its key, as "
        "stack.prometheus.cert_file and key_file"
    )


async def test_an_endless_answer_is_told() -> None:
    with Fake("loki", ready=forever(ENDLESS, PIECE)) as fake:
        finding = await judged(server("loki", fake.url()))
    assert finding.text.startswith("its answer has more than 64 KiB")


async def test_nobody_follows_a_redirect() -> None:
    with (
        Fake("prometheus") as other,
        Fake("prometheus", everywhere=saying(response(b"", "301 M", Location=other.url()))) as fake,
    ):
        await asked(server(url=fake.url()))
    assert other.requests == []


async def test_a_hanging_server_costs_its_timeout_alone_and_delays_nobody() -> None:
    with Fake("grafana", everywhere=silent) as hanging, Fake("prometheus") as fake:
        (stuck, well), _ = await hung(hanging, 1, server("grafana", hanging.url()), server(url=fake.url()))
    assert "takes the connection and then hangs" in health(stuck, 0, PATIENCE).text
    finding = health(well, 0, PATIENCE)
    assert finding.status is Status.OK
    assert isinstance(well.health[0], HttpAnswer)
    assert well.health[0].took < PATIENCE


async def test_an_answer_that_begins_and_never_ends_is_given_up_with_the_timeout() -> None:
    def begin(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        silent(connection)

    with Fake("prometheus", everywhere=begin) as fake:
        (seen,), _ = await hung(fake, 2, server(url=fake.url()))
    assert "takes the connection and then hangs" in health(seen, time.time(), PATIENCE).text


async def test_endless_answers_and_endless_headers_cost_no_memory() -> None:
    header = b"X-Filler: " + b"x" * 8000 + b"\r\n"
    for say in (forever(ENDLESS, PIECE), forever(b"HTTP/1.1 200 OK\r\n", header)):
        with Fake("victoriametrics", everywhere=say) as fake:
            tracemalloc.start()
            (seen,) = await asked(server("victoriametrics", fake.url()), patience=3.0)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert isinstance(seen.health[0], Trouble)
        assert peak < 250 * 2**20  # targets and pairs may have 32 MiB each


async def test_garbage_instead_of_an_api_is_told_while_the_rest_is_well() -> None:
    with Fake("alertmanager", alerts=b"[" * 100_000) as fake:
        (seen,) = await asked(server("alertmanager", fake.url()))
    assert seen.answers.read("alerts", bodies.alerts) is None
    (finding,) = unanswered(seen, 5.0)
    assert "its answer at /api/v2/alerts is not understood" in finding.text


async def test_a_login_is_sent_and_neither_it_nor_its_encoding_is_ever_shown() -> None:
    def echo(connection: socket.socket) -> None:
        connection.sendall(response(fake.requests[-1]))

    def refuse(connection: socket.socket) -> None:
        connection.sendall(response(b"wrong: hush", "500 hush", Location="http://x/hush"))

    for say in (echo, refuse):
        with Fake("prometheus", everywhere=say) as fake:
            (seen,) = await asked(server(url=fake.url(), user="doctor"))
        assert b"Authorization: Basic ZG9jdG9yOmh1c2g=" in fake.requests[-1]
        diagnoses = [health(seen, 0, 5.0), *unanswered(seen, 5.0)]
        assert "hush" not in repr(diagnoses)
        assert "ZG9jdG9yOmh1c2g" not in repr(diagnoses)
    assert "hush" not in repr(server(user="doctor"))


async def test_what_commands_a_terminal_is_taken_out() -> None:
    with Fake("prometheus", everywhere=b"\x1b[2J\nhello\x00\xff\xe2\x80\xae") as fake:
        finding = await judged(server(url=fake.url()))
    assert finding.text.isprintable()
    assert "'[2J hello" in finding.text


async def test_nobody_listening_is_refused_and_an_unknown_name_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    finding = await judged(server(url=f"http://127.0.0.1:{port}"))
    assert finding.text.startswith(f"nothing listens on 127.0.0.1:{port}")
    unknown = await judged(server(url="http://nobody.invalid:9090"))
    assert unknown.text.startswith("nobody.invalid: ")
    assert unknown.text.endswith("correct stack.prometheus.url, or the name's record")


# TLS


def https(fake: Peer, authority: Authority, host: str = "localhost") -> StackServer:
    return server(url=f"https://{host}:{fake.port}", ca_file=authority.ca_file)


async def test_by_https_the_days_of_the_certificate_are_told(authority: Authority) -> None:
    until = dt.datetime.now(dt.UTC) + 57.5 * DAYS
    with Fake("prometheus", tls=authority.server("localhost", until=until)) as fake:
        finding = await judged(https(fake, authority))
    assert finding.status is Status.OK
    assert finding.text.endswith("; the certificate is good for 58 days") or finding.text.endswith("57 days")


@pytest.mark.parametrize(
    ("since", "until", "status", "text"),
    [
        (-181.8, 18.2, Status.WARNING, "the certificate expires in 18 days; renew it"),
        (-0.2, 5.8, Status.OK, "the certificate is good for 6 days"),
    ],
)
async def test_how_many_days_of_a_certificate_are_too_few_depends_on_its_life(
    authority: Authority, since: float, until: float, status: Status, text: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    tls = authority.server("localhost", since=now + since * DAYS, until=now + until * DAYS)
    with Fake("prometheus", tls=tls) as fake:
        finding = await judged(https(fake, authority))
    assert finding.status is status
    assert finding.text.endswith(f"; {text}")


async def test_each_certificate_that_cannot_be_trusted_is_told(authority: Authority) -> None:
    expired = authority.server("localhost", until=dt.datetime.now(dt.UTC) - 3 * DAYS)
    for context, begins in (
        (expired, "TLS: certificate has expired; renew it"),
        (authority.server("other.example"), "TLS: Hostname mismatch, certificate is not valid for 'localhost'.; let"),
        (authority.server(), "TLS: self-signed certificate; name its authority as stack.prometheus.ca_file"),
    ):
        with Fake("prometheus", tls=context) as fake:
            finding = await judged(https(fake, authority))
        assert finding.status is Status.BROKEN
        assert finding.text.startswith(begins)


async def test_tls_where_none_is_spoken_and_none_where_it_is(authority: Authority) -> None:
    def complain(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(response(b"", "400 Bad Request"))

    with Peer(complain) as plain:
        finding = await judged(https(plain, authority))
    assert finding.text.endswith("does not speak TLS; write http:// in stack.prometheus.url")
    with Fake("prometheus", tls=authority.server("localhost")) as encrypted:
        finding = await judged(server(url=encrypted.url()))
    assert finding.status is Status.BROKEN


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_asks_for_a_certificate_is_shown_ours_and_told_where_there_is_none(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.server("localhost", until=dt.datetime.now(dt.UTC) + 57 * DAYS, version=version)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    file = str(authority.file("the doctor"))
    with Fake("prometheus", tls=context) as fake:
        without = https(fake, authority)
        finding = await judged(dataclasses.replace(without, own_certificate=OwnCertificate(file, file)))
        assert finding.status is Status.OK
        finding = await judged(without)
    assert finding.status is Status.BROKEN
    assert finding.text == (
        "TLS: the server asks for a client certificate; name one of an authority that it trusts, and its key, as "
        "stack.prometheus.cert_file and key_file"
    )


async def test_a_server_that_hangs_in_its_tls_is_told_to_hang(authority: Authority) -> None:
    with Peer(silent) as fake:
        (seen,), _ = await hung(fake, 3, https(fake, authority))
    assert "takes the connection and then hangs" in health(seen, time.time(), PATIENCE).text


# Internal servers, public names


async def test_an_internal_server_out_of_reach_is_not_visible() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    finding = await judged(server(url=f"http://127.0.0.1:{port}", internal=True))
    assert finding.status is Status.UNSEEN


async def named(fake: Peer, ca_file: str, name: str = "localhost", address: str = "127.0.0.1") -> Diagnosis:
    public = PublicName(name, "wfdb01", address, ca_file, port=fake.port)
    (seen,) = (await consult((), (public,), 5.0, Unwatched())).names
    return public_name(seen, time.time(), 5.0)


async def test_a_public_name_leads_to_its_host_with_a_certificate_that_covers_it(authority: Authority) -> None:
    until = dt.datetime.now(dt.UTC) + 57 * DAYS
    with Fake("grafana", tls=authority.server("localhost", until=until)) as fake:
        assert (await named(fake, authority.ca_file)).status is Status.OK
        elsewhere = await named(fake, authority.ca_file, address="192.0.2.1")
    assert elsewhere.status is Status.BROKEN
    assert "which is not wfdb01 (192.0.2.1)" in elsewhere.text


async def test_a_certificate_for_another_name_is_told(authority: Authority) -> None:
    with Fake("grafana", tls=authority.server("other.example")) as fake:
        finding = await named(fake, authority.ca_file)
    assert "does not cover it (Hostname mismatch" in finding.text


async def test_a_public_name_that_is_unknown_is_told() -> None:
    with Fake("grafana") as fake:
        finding = await named(fake, "", name="nobody.invalid")
    assert finding.text.startswith("cannot be resolved: nobody.invalid")


async def test_who_is_waited_for_is_told_at_once_and_who_has_done() -> None:
    with Fake("loki") as fake, Fake("pushgateway", everywhere=silent) as hanging:
        servers = (server("pushgateway", hanging.url()), server("loki", fake.url()))
        _, heard = await hung(hanging, 1, *servers)
    assert heard == ["asked pushgateway", "asked loki", "done loki", "done pushgateway"]


async def test_what_was_pushed_is_compared_only_where_something_was_found() -> None:
    with Fake("prometheus") as fake:
        await asked(server(url=fake.url()))
    assert not any(b"avg_over_time" in request for request in fake.requests)
    vector = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}'
    with Fake("prometheus", query=vector) as fake:
        (seen,) = await asked(server(url=fake.url()))
    assert {"pushed", "measured"} < seen.answers.outcomes.keys()


async def test_cancelling_leaves_nothing_behind() -> None:
    with Fake("prometheus", everywhere=silent) as fake:
        task = asyncio.create_task(asked(server(url=fake.url())))
        await fake.has_served(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
