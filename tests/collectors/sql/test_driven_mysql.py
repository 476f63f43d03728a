"""mysql-connector-python before servers that are odd, greedy or slow, each with what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collectors.sql import mysql
from collectors.terms import Reason
from tests.collectors import peers
from tests.collectors.asking import ask, failure
from tests.collectors.peers import Peer
from tests.collectors.sql.scripted import MY_OK, Talk, greeting, my, says
from tests.collectors.sql.test_driven import HUSH, heard, switch, target
from tests.collectors.targets import context, database_target

REFUSED = my(b"\xff\x15\x04#28000no", 4)


async def failed(talk: Talk, **changes: Any) -> tuple[Reason, str]:
    with Peer(talk) as peer:
        async with mysql.collector(context()) as probe:
            return await failure(probe, target("mysql", peer.port, **changes))


@pytest.mark.parametrize(
    "talk",
    [
        says(first=my(b"", length=0xFFFFFF)),
        says(my(b"", 2, length=0xFFFFFF), first=greeting()),
        says(MY_OK, my(b"", 1, length=0xFFFFFF), first=greeting()),
    ],
    ids=["greeting", "login", "query"],
)
async def test_what_a_server_announces_is_refused_before_there_is_room_for_it(talk: Talk) -> None:
    assert await failed(talk) == (Reason.PROTOCOL, "announces a message of 16777215 bytes")


@pytest.mark.parametrize("version", [b"8.0", b"MaxScale", b"ProxySQL", b"4.0.1"])
async def test_what_a_server_calls_its_version_is_no_obstacle(version: bytes) -> None:
    named = my(greeting()[4:].replace(b"8.0.0", version))
    with Peer(says(MY_OK, my(MY_OK[4:], 1), first=named)) as peer:
        async with mysql.collector(context()) as probe:
            assert (await ask(probe, target("mysql", peer.port))).duration > 0


async def test_a_server_at_a_socket_gets_the_password_itself(tmp_path: Path) -> None:
    talk = says(switch(b"mysql_clear_password"), my(MY_OK[4:], 4), my(MY_OK[4:], 1), first=greeting())
    path = tmp_path / "mysql.sock"
    with Peer(talk, path=path):
        async with mysql.collector(context()) as probe:
            assert (await ask(probe, target("mysql", 0, socket=str(path), address=""))).duration > 0
    assert HUSH + b"\0" in heard(talk)


@pytest.mark.parametrize("client", ["native", "driver"])
async def test_sha256_password_at_a_socket_needs_tls(client: str, tmp_path: Path) -> None:
    talk = says(switch(b"sha256_password"), REFUSED, first=greeting())
    path = tmp_path / "mysql.sock"
    with Peer(talk, path=path):
        async with mysql.collector(context()) as probe:
            wanted = database_target(0, protocol="mysql", client=client, socket=str(path), address="")
            reason, detail = await failure(probe, wanted)
    assert reason is Reason.AUTH
    assert "instead of the socket" in detail
    assert HUSH not in heard(talk)


OLD, SECOND = (
    says(my(b"\xfe", 2), REFUSED, first=greeting()),
    says(
        switch(b"mysql_native_password"),
        my(switch(b"mysql_clear_password")[4:], 4),
        my(REFUSED[4:], 6),
        first=greeting(),
    ),
)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (OLD, "the server asks for an old hash (mysql_old_password), which proves too little"),
        (SECOND, "the server asks by a second method, when the first was answered"),
    ],
    ids=["old", "second"],
)
async def test_a_method_that_is_refused_is_named_and_the_server_gets_to_refuse_it_too(talk: Talk, words: str) -> None:
    assert await failed(talk) == (Reason.AUTH, words)
    assert HUSH not in heard(talk)


SILENT: dict[str, Talk] = {
    "from the first": peers.silent,
    "in the login": says(first=greeting()),
    "in the query": says(MY_OK, first=greeting()),
}


@pytest.mark.clock
@pytest.mark.parametrize("name", SILENT)
async def test_the_librarys_own_deadline_is_a_timeout(name: str) -> None:
    assert await failed(SILENT[name], timeout=0.2) == (Reason.TIMEOUT, "no answer in time")
