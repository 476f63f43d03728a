"""The commands, where hosts are found: whom they ask, and what they do where a list cannot be had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import cli
from exporter.configuration import Options, configuration
from exporter.fleet import BadFile
from tests.docs.markdown import PAGES
from tests.exporter.discovery.lists import ListServer, list_server, written
from tests.ports import free_port

FLEET = """\
hosts_from: [{{http_sd: {{url: "{url}?token=secret"}}}}]
probes: {{tcp: {{protocol: tcp, port: {port}, histogram: false}}}}
stack: {{prometheus: {{url: "http://127.0.0.1:{port}"}}, public_names: {{x.example: h001}}}}
"""


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server(written(1, 2, 3)) as server:
        yield server


@pytest.fixture
def fleet_file(tmp_path: Path, server: ListServer) -> str:
    file = tmp_path / "fleet.yml"
    file.write_text(FLEET.format(url=server.url, port=free_port()))
    return str(file)


@pytest.fixture(autouse=True)
def _no_logs_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.logs.configure", lambda *_: None)


def run(*words: str) -> int:
    return cli.main(words)


def test_check_asks_nobody_unless_it_is_told_to(
    fleet_file: str, server: ListServer, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = f"--config.file={fleet_file}", "--host=h002"
    assert run("check", *asked) == 0
    output = capsys.readouterr()
    assert f"hosts_from: http_sd {server.url}, not asked now: see --discover\n" in output.err
    assert output.err.endswith(
        f"warning: {fleet_file}: has no fault; 'h002' is none of its own hosts: "
        "whether a list has it, and which pairs it has then, is known with --discover\n"
    )
    assert (output.out, server.asked) == ("", 0)

    assert run("check", *asked, "--discover") == 0
    output = capsys.readouterr()
    assert f"hosts_from: http_sd {server.url}, 3 hosts\n" in output.err
    assert "h002: 2 pairs, at most" in output.out
    assert "the fleet: 3 exporters" in output.out

    server.answer = b"[]"
    assert run("check", *asked, "--discover") == 2
    assert f":1: hosts_from[0].http_sd: http_sd {server.url}: it lists no host\n" in capsys.readouterr().err


def test_check_looks_at_the_hosts_of_the_file_alone_where_it_asks_nobody(
    fleet_file: str, server: ListServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(fleet_file).open("a") as file:
        file.write("hosts: [{name: a, address: 192.0.2.1}, {name: b, address: 192.0.2.2}]\n")
    assert run("check", f"--config.file={fleet_file}", "--host=a") == 0
    assert "a: 1 pair, at most" in capsys.readouterr().out
    assert server.asked == 0


def test_probe_takes_a_target_that_is_found_and_says_which_list_is_missing(
    fleet_file: str, server: ListServer, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "probe", "h003", f"--config.file={fleet_file}", "--host=h001"
    assert run(*asked) == 1  # nothing listens there
    assert "h003 tcp: " in capsys.readouterr().out
    server.status = 500
    assert run(*asked) == 2
    messages = capsys.readouterr().err.splitlines()
    assert messages[0].endswith(f": hosts_from[0].http_sd: http_sd {server.url}: it answers with status 500")
    assert "which host is this? --host says 'h001'" in messages[1]


@pytest.mark.parametrize("more", [[], ["--format=http-sd", "--sd-url=http://wf001:9102"]])
def test_scrape_configs_has_the_hosts_of_the_moment_and_writes_nothing_without_a_list(
    fleet_file: str, server: ListServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    folder = tmp_path / "sd"
    asked = "scrape-configs", f"--config.file={fleet_file}", f"--output-dir={folder}", *more
    assert run(*asked) == 0
    if not more:
        groups = json.loads((folder / "latency.json").read_text())
        assert [group["labels"]["host"] for group in groups] == ["h001", "h002", "h003"]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    server.answer = b"[]"
    capsys.readouterr()
    assert run(*asked) == 1
    assert capsys.readouterr().err.endswith("it lists no host\nnothing was written\n")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_doctor_looks_for_the_hosts_that_are_found_and_goes_on_without_a_list(
    fleet_file: str, server: ListServer, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "doctor", f"--config.file={fleet_file}", "--timeout=2s"
    assert run(*asked) == 1
    assert "hosts_from" not in capsys.readouterr().out
    server.status = 500
    assert run(*asked) == 1
    output = capsys.readouterr().out
    assert "it answers with status 500; its hosts are not looked for" in output
    assert "secret" not in output


def test_check_prints_every_fault_of_a_list_and_others_the_first(
    fleet_file: str, server: ListServer, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = [{"targets": [f"h{number}"], "labels": {"rack": "7"}} for number in range(30)]
    server.answer = json.dumps(faulty).encode()
    asked = f"--config.file={fleet_file}", "--host=h001"
    assert run("check", *asked, "--discover") == 2
    lines = capsys.readouterr().err.splitlines()
    start = f"{fleet_file}:1: hosts_from[0].http_sd: http_sd {server.url}: "  # the list is named once
    assert [line.partition(".labels.rack: unknown label; ")[0] for line in lines] == sorted(
        f"{start}[{number}]" for number in range(20)
    )
    assert run("probe", "h003", *asked) == 2
    first, _ = capsys.readouterr().err.splitlines()
    assert first.startswith(f"warning: {start}[0].labels.rack: ")
    assert first.endswith(" (and 19 more)")


@pytest.mark.parametrize("name", ["a", "h002"], ids=["of the file", "of a list"])
def test_check_warns_of_what_a_list_needs_and_this_machine_has_not(
    fleet_file: str, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    file = Path(fleet_file)
    login = 'secret", user: me, password_file: missing, ca_file: none.pem}'
    file.write_text(file.read_text().replace('secret"}', login) + "hosts: [{name: a, address: 192.0.2.1}]\n")
    assert run("check", f"--config.file={file}", f"--host={name}") == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "not to be had here" in line]
    start = f"warning: needed on {name}, and not to be had here: {file}:1: hosts_from[0].http_sd"
    assert [line.removeprefix(start).partition(":")[0] for line in warnings] == [".password_file", ".ca_file"]
    assert run("check", f"--config.file={file}") == 2  # here it would not start
    assert f"{file}:1: hosts_from[0].http_sd.password_file: " in capsys.readouterr().err


def test_a_program_does_not_start_without_the_password_that_its_list_needs(fleet_file: str) -> None:
    file = Path(fleet_file)
    file.write_text(file.read_text().replace('secret"}', 'secret", user: me, password_file: missing}'))
    options = Options(file, "h001", "/metrics", enable_lifecycle=False, web_config_file=None)
    with pytest.raises(BadFile) as caught:
        configuration(options)
    assert str(caught.value).startswith(f"{file}:1: hosts_from[0].http_sd.password_file: ")


def test_the_list_of_the_page_is_one(fleet_file: str, server: ListServer, capsys: pytest.CaptureFixture[str]) -> None:
    block, _ = PAGES["fleet-file"].blocks("json")
    server.answer = block.encode()
    assert run("check", f"--config.file={fleet_file}", "--host=wf001", "--discover") == 0
    assert "the fleet: 1 exporter," in capsys.readouterr().out
