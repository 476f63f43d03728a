"""One list, asked for by each mechanism, and whatever it may answer instead."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gzip
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.discovery import dns, file_sd, http_sd
from exporter.discovery.formats import MAX_BYTES
from exporter.discovery.no_list import NoList
from exporter.discovery.source import Source
from exporter.fleet import read_fleet_file
from tests.authority import Authority
from tests.exporter.discovery.lists import ListServer, groups, list_server, written
from tests.name_server import NameServer, name_server
from tests.ports import free_port


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server(written(1, 2)) as server:
        yield server


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as server:
        yield server


def source(folder: Path, entry: str, *nameservers: str) -> Source:
    path = folder / "fleet.yml"
    path.write_text(f"hosts_from: [{entry}]\n")
    file = read_fleet_file(path)
    return Source(file, file.sections.hosts_from[0], nameservers)


async def hosts(asked: Source) -> list[str]:
    return [each.host.name for each in await asked.ask()]


async def fault(asked: Source) -> str:
    with pytest.raises(NoList) as caught:
        await asked.ask()
    return str(caught.value)


def of_http(folder: Path, url: str, more: str = "") -> Source:
    return source(folder, f'{{http_sd: {{url: "{url}"{more}}}}}')


# http_sd


async def test_a_server_is_asked_for_its_list_with_the_login_that_the_file_names(
    tmp_path: Path, server: ListServer
) -> None:
    (tmp_path / "secret").write_text("pass\n")
    (tmp_path / "secret").chmod(0o600)
    asked = of_http(tmp_path, server.url, ", user: me, password_file: secret")
    assert await hosts(asked) == ["h001", "h002"]
    assert server.seen == ["Basic bWU6cGFzcw=="]
    (tmp_path / "secret").write_text("other\n")  # a password that is changed is read again
    server.answer = written(1)
    assert await hosts(asked) == ["h001"]
    assert server.seen[1:] == ["Basic bWU6b3RoZXI="]
    (tmp_path / "secret").unlink()
    assert (await fault(asked)).startswith("hosts_from[0].http_sd.password_file: ")


ANSWERS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "its answer is no JSON (Expecting value: line 1 column 1 (char 0)); it begins with nothing"),
    "a page": (
        b"<html>\x1b[2J\n",
        "its answer is no JSON (Expecting value: line 1 column 1 (char 0)); it begins with '<html> [2J'",
    ),
    "no host": (b"[]", "it lists no host"),
    "groups without targets": (b'[{"targets": [], "labels": {"name": "x"}}]', "it lists no host"),
    "half of it": (written(1, 2)[:-20], "its answer is no JSON (Expecting ',' delimiter: "),
    "a key twice": (b'[{"targets": ["a"], "targets": ["b"]}]', "its answer is no JSON (the key 'targets' stands twice"),
    "a million empty groups": (b"[" + b"{}," * 10**6 + b"{}]", "it has more lists and maps than 10,000 hosts need"),
    "a key twice among many": (
        b"[{%s}]" % b",".join(b'"%d":0' % min(number, 199_999) for number in range(200_001)),
        "its answer is no JSON (the key '199999' stands twice",
    ),
    "a tower of brackets": (b"[" * 20_000, "its JSON is nested too deep to be a list of targets"),
    "a number of a million digits": (b"[" + b"7" * 10**6 + b"]", "its answer is no JSON (Exceeds the limit"),
    "too much": (b" " * (MAX_BYTES + 1), "its answer has more than 4,096 KiB; split the list, or serve a shorter one"),
    "too many": (json.dumps([{"targets": ["a"] * 10_001}]).encode(), "http://127.0.0.1:"),
    "a lie": (b'[{"targets": ["127.0.0.1:9102"], "labels": {"rack": "7"}}]', "http://127.0.0.1:"),
}


@pytest.mark.parametrize(("answer", "message"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_that_is_no_list_is_refused_with_its_reason(
    tmp_path: Path, server: ListServer, answer: bytes, message: str
) -> None:
    server.answer = answer
    assert (await fault(of_http(tmp_path, server.url))).startswith(message)


async def test_a_redirect_is_not_followed_and_a_compressed_answer_not_unpacked(
    tmp_path: Path, server: ListServer
) -> None:
    server.status, server.headers = 302, {"Location": f"{server.url}?other"}
    assert (await fault(of_http(tmp_path, server.url))).startswith("it leads elsewhere, which is not followed")
    server.status, server.headers = 200, {"Content-Encoding": "gzip"}
    server.answer = gzip.compress(b"[" * 10**7)
    assert await fault(of_http(tmp_path, server.url)) == (
        "it does not answer in HTTP (compressed, which was not asked for)"
    )
    assert server.asked == 2


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "it refuses the login (status 401): look at user and password_file, or cert_file"),
        (500, "it answers with status 500"),
    ],
)
async def test_another_status_is_no_list(tmp_path: Path, server: ListServer, status: int, message: str) -> None:
    server.status = status
    assert await fault(of_http(tmp_path, server.url)) == message


@pytest.mark.clock
async def test_a_server_that_hangs_costs_one_deadline(
    tmp_path: Path, server: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_sd, "DEADLINE", 0.3)
    server.hangs = True
    assert await fault(of_http(tmp_path, server.url)) == (
        "it takes the connection, and does not answer in full within 0.3 s"
    )


async def test_where_nothing_listens_that_is_the_reason(tmp_path: Path) -> None:
    asked = of_http(tmp_path, f"http://127.0.0.1:{free_port()}/")
    assert await fault(asked) == "nothing listens there, or a firewall refuses it"


async def test_a_secret_in_the_query_is_sent_and_never_shown(tmp_path: Path, server: ListServer) -> None:
    asked = of_http(tmp_path, f"{server.url}?token=secret")
    assert await hosts(asked) == ["h001", "h002"]
    server.answer = ANSWERS["a lie"][0]
    assert "secret" not in f"{await fault(asked)} {asked.entry}"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>no such page: /hosts.json?token=s3same%2Dopen</html>",
        b'[{"targets": ["s3same-open"], "labels": {"Basic bWU6cGFzcw==": ""}}]',
        b'[{"targets": ["a"], "labels": {"rack": "bWU6cGFzcw=="}}]',
    ],
)
async def test_a_server_that_repeats_a_secret_is_not_quoted(tmp_path: Path, server: ListServer, answer: bytes) -> None:
    (tmp_path / "secret").write_text("pass\n")
    (tmp_path / "secret").chmod(0o600)
    asked = of_http(tmp_path, f"{server.url}?dc=oslo&token=s3same%2Dopen", ", user: me, password_file: secret")
    server.answer = answer
    assert await fault(asked) == (
        "its answer cannot be used, and is not quoted, as it repeats the login or a value of the url's query"
    )


async def answer_over_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):  # the client does not trust it
        await reader.readuntil(b"\r\n\r\n")
        body = written(7)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
    writer.close()


async def test_a_server_is_known_by_the_authority_that_the_file_names(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    authority, _ = Authority(tmp_path), Authority(tmp_path / "other")
    context = authority.server("127.0.0.1")
    async with await asyncio.start_server(answer_over_tls, "127.0.0.1", 0, ssl=context) as tls:
        url = f"https://127.0.0.1:{tls.sockets[0].getsockname()[1]}/"
        assert await hosts(of_http(tmp_path, url, ", ca_file: ca.pem")) == ["h007"]
        for trusted in ("", ", ca_file: other/ca.pem"):
            assert (await fault(of_http(tmp_path, url, trusted))).startswith("TLS: ")
        missing = await fault(of_http(tmp_path, url, ", ca_file: no.pem"))
        assert missing.endswith("cannot be read: No such file or directory; name a file of certificates")


@pytest.mark.parametrize(
    ("host", "until", "why"),
    [("127.0.0.1", -1, "expired"), ("127.0.0.2", 1, "127.0.0.1")],
    ids=["expired", "another's"],
)
async def test_a_server_with_a_certificate_that_does_not_hold_is_refused(
    tmp_path: Path, host: str, until: int, why: str
) -> None:
    end = dt.datetime.now(dt.UTC) + dt.timedelta(days=until)
    context = Authority(tmp_path).server(host, until=end)
    async with await asyncio.start_server(answer_over_tls, "127.0.0.1", 0, ssl=context) as tls:
        asked = of_http(tmp_path, f"https://127.0.0.1:{tls.sockets[0].getsockname()[1]}/", ", ca_file: ca.pem")
        message = await fault(asked)
        assert message.startswith("TLS: ")
        assert why in message


# file_sd


async def test_files_of_both_formats_are_one_list_and_a_renamed_one_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets/a.json").write_bytes(written(1, 2))
    (tmp_path / "targets/b.yml").write_text("# more\n- targets: ['192.0.2.7:9102']\n  labels: {name: h007}\n")
    (tmp_path / "targets/c.txt").write_text("no list")
    asked = source(tmp_path, "{file_sd: {files: [targets/*.json, targets/*.yml]}}")
    assert await hosts(asked) == ["h001", "h002", "h007"]
    (tmp_path / "new").write_bytes(written(1, 3))
    (tmp_path / "new").rename(tmp_path / "targets/a.json")
    assert await hosts(asked) == ["h001", "h003", "h007"]


async def test_a_list_behind_links_is_read_where_they_lead_as_kubernetes_changes_a_config_map(tmp_path: Path) -> None:
    for version, numbers in (("..1", (1,)), ("..2", (1, 2))):
        (tmp_path / version).mkdir()
        (tmp_path / version / "hosts.json").write_bytes(written(*numbers))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "hosts.json").symlink_to("..data/hosts.json")
    asked = source(tmp_path, f"{{file_sd: {{files: {tmp_path}/hosts.json}}}}")
    assert await hosts(asked) == ["h001"]
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert await hosts(asked) == ["h001", "h002"]


async def test_files_that_are_no_list_name_themselves_and_the_line(tmp_path: Path) -> None:
    asked = source(tmp_path, "{file_sd: {files: hosts.yml}}")
    assert await fault(asked) == "no such file; create it, or correct the pattern"
    file = tmp_path / "hosts.yml"
    for text, message in (
        ("- targets: [a]\n  labels:\n    rack: 7\n", ":3: [0].labels.rack: unknown label; known here: name"),
        ("- targets: [a]\n  targets: [b]\n", ":2: [0].targets: duplicate key; remove one of them"),
        ("- targets: [a\n", ":2: not valid YAML: a list is not closed here"),
        ("- &x [*x]\n", ":1: [0][0]: the alias *x stands within its own anchor; remove it"),
        ("", "it lists no host"),
    ):
        file.write_text(text)
        assert (await fault(asked)).removeprefix(str(file)).startswith(message)
    file.unlink()
    file.mkdir()
    assert await fault(asked) == f"{file}: cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[{"targets": ["a"]}\n',
            "is no JSON (Expecting ',' delimiter: line 2 column 1 (char 20)); it begins with '[{",
        ),
        ("[" * 20_000, "its JSON is nested too deep to be a list of targets"),
    ],
    ids=["half of it", "a tower of brackets"],
)
async def test_of_several_files_the_broken_one_of_json_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_bytes(written(1))
    (tmp_path / "b.json").write_text(text)
    asked = source(tmp_path, "{file_sd: {files: '*.json'}}")
    assert (await fault(asked)).startswith(f"{tmp_path}/b.json: {message}")


async def test_a_pattern_is_one_and_the_folder_of_the_fleet_file_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]*"
    folder.mkdir()
    (folder / "hosts.json").write_bytes(written(1))
    assert await hosts(source(folder, "{file_sd: {files: '*.json'}}")) == ["h001"]


async def test_links_in_a_circle_pipes_and_files_that_are_too_long_are_no_list(tmp_path: Path) -> None:
    asked = source(tmp_path, "{file_sd: {files: hosts.json}}")
    file = tmp_path / "hosts.json"
    file.symlink_to("hosts.json")
    assert await fault(asked) == f"{file}: cannot be read: Too many levels of symbolic links"
    file.unlink()
    os.mkfifo(file)
    assert await fault(asked) == f"{file}: cannot be read: it is no regular file"
    file.unlink()
    with file.open("wb") as long:
        long.truncate(10**12)
    assert await fault(asked) == f"more than 4 MiB in its files; is {file} a list of targets?"


async def test_a_file_system_that_hangs_is_said_and_takes_one_thread_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosts.json").write_bytes(written(1))
    asked, reads, comes_back = source(tmp_path, "{file_sd: {files: hosts.json}}"), [], threading.Event()
    contents = file_sd.contents

    def hang(*words: Any) -> Any:
        reads.append(words)
        comes_back.wait()
        return contents(*words)

    monkeypatch.setattr(file_sd, "contents", hang)
    monkeypatch.setattr(file_sd, "DEADLINE", 0.05)
    for _ in range(3):
        assert await fault(asked) == "its files cannot be read within 0.05 s: look at their file system"
    assert len(reads) == 1
    comes_back.set()
    monkeypatch.setattr(file_sd, "DEADLINE", 15)
    assert await hosts(asked) == ["h001"]


# dns


async def test_a_name_has_a_host_for_each_address_called_by_its_reverse_name(tmp_path: Path, names: NameServer) -> None:
    names.names["pods.test"] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    names.reverse = {"192.0.2.1": "one.pods.test", "192.0.2.2": "two.pods.test"}
    asked = source(tmp_path, "{dns: {name: pods.test}, datacenter: k8s, location: oslo}", names.address)
    listed = [
        (each.host.name, each.host.address, each.host.datacenter, each.host.location) for each in await asked.ask()
    ]
    assert listed == [
        ("one.pods.test", "192.0.2.1", "k8s", "oslo"),
        ("two.pods.test", "192.0.2.2", "k8s", "oslo"),
    ]
    names.asked.clear()
    assert await hosts(asked) == ["one.pods.test", "two.pods.test"]
    assert names.asked == ["pods.test"]  # a name server with a thousand pods is not asked for all their names each time


async def test_hosts_can_be_called_by_their_addresses_of_either_family(tmp_path: Path, names: NameServer) -> None:
    names.names["pods.test"] = ["192.0.2.1", "2001:db8::1"]
    asked = source(tmp_path, "{dns: {name: pods.test, host_names: address, ip_family: ipv6}}", names.address)
    assert [(each.host.name, each.host.address) for each in await asked.ask()] == [("2001:db8::1", "2001:db8::1")]


@pytest.mark.clock
async def test_a_name_without_addresses_an_address_without_a_name_and_silence_are_no_list(
    tmp_path: Path, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = source(tmp_path, "{dns: {name: pods.test}}", names.address)
    assert await fault(asked) == "pods.test: Domain name not found"
    names.names["pods.test"] = ["192.0.2.1", "192.0.2.2"]
    names.reverse = {"192.0.2.1": "one.pods.test"}
    assert await fault(asked) == (
        "no reverse name of 192.0.2.2 (192.0.2.2: Domain name not found); add it, or write host_names: address"
    )
    names.names["pods.test"] = None
    monkeypatch.setattr(dns, "_DEADLINE", 0.2)
    assert await fault(asked) == "the name servers have not answered within 0.2 s"


async def test_an_answer_that_is_the_same_as_before_is_not_read_again(tmp_path: Path, server: ListServer) -> None:
    asked = of_http(tmp_path, server.url)
    first = await asked.ask()
    assert await asked.ask() is first
    server.answer = json.dumps(groups(2, 1)).encode()
    assert [each.host for each in await asked.ask()] == [each.host for each in first]
