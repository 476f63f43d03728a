"""The running program with hosts that are found, and with a fleet file that it follows: a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exporter.app.test_app import Program
from tests.exporter.discovery.lists import ListServer, list_server, unused_port, written
from tests.exporter.samples import Samples

LISTEN = "--web.listen-address=127.0.0.1:0"
COUNTED = "network_latency_probes_total"
FAILURES = "latency_exporter_discovery_failures_total"
HOSTS = "latency_exporter_discovery_hosts"
SUCCESS = "latency_exporter_discovery_last_success_timestamp_seconds"
FLEET = """\
hosts_from: [{{http_sd: {{url: "{url}", refresh_interval: 200ms}}}}]
probes:
  tcp: {{protocol: tcp, port: {port}, interval: 2s, timeout: 1s, histogram: false}}
"""


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server(written(*range(300))) as server:
        yield server


@pytest.fixture
def fleet_file(tmp_path: Path, server: ListServer) -> Path:
    file = tmp_path / "fleet.yml"
    file.write_text(FLEET.format(url=server.url, port=unused_port()))
    return file


Start = Callable[..., Program]


@pytest.fixture
def start(fleet_file: Path) -> Iterator[Start]:
    programs: list[Program] = []

    def start(*flags: str) -> Program:
        programs.append(Program(fleet_file, LISTEN, *flags))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.communicate()


def probed(samples: Samples) -> dict[str, float]:
    return samples.by("target", COUNTED)


def test_a_fleet_of_300_lives_on_the_list_of_a_server_that_lies_hangs_empties_and_shrinks(
    start: Start, server: ListServer
) -> None:
    program = start("--host=h000")
    samples = program.wait_for(lambda samples: len(probed(samples)) == 299 and probed(samples)["h001"])
    assert (samples.get(HOSTS, mechanism="http_sd"), samples.get(FAILURES, mechanism="http_sd")) == (300, 0)
    file_and_list = samples.get("latency_exporter_config_hash")

    failures = 0.0
    for answer, why in (
        (written(*range(299)) + b"]", "is no JSON"),  # it lies
        (written(*range(300)).replace(b"dc1", b"\\u0000"), r"holds the control character U\+0000"),
        (written(*range(300), 299), "'h299' is the name of"),
        (b"[]", "it lists no host"),  # it empties
        (written(*range(1, 300)), "which host is this"),
    ):
        server.answer = answer
        assert program.logged(f"http_sd http://.*{why}")["level"] == "warn"
        samples = program.samples()
        assert (samples.get(FAILURES, mechanism="http_sd") or 0) > failures
        failures = samples.get(FAILURES, mechanism="http_sd") or 0
        assert (len(probed(samples)), samples.get(HOSTS, mechanism="http_sd")) == (299, 300)
        assert samples.get("latency_exporter_config_hash") == file_and_list
    assert "its last list, of 300 hosts, stays" in program.get("/-/healthy")
    assert "its last list, of 300 hosts, stays" in program.get("/")

    server.hangs = True
    asked = server.asked
    program.wait_for(lambda _: server.asked > asked)
    before = probed(program.samples())
    assert before.keys() == {f"h{number:03}" for number in range(1, 300)}

    server.answer = written(*range(300))
    server.let_go()
    program.wait_for(lambda _: program.get("/-/healthy") == "latency-exporter is healthy.\n")
    server.answer = written(*range(301))  # one joins: all others go on
    program.logged(r"^other hosts: \+1 host, \+1 pair, 299 pairs kept$")
    samples = program.wait_for(lambda samples: len(probed(samples)) == 300)
    assert all(probed(samples)[target] >= count for target, count in before.items())
    assert samples.get("latency_exporter_config_hash") != file_and_list

    server.answer = written(*range(100))  # it shrinks: once it may be a slip
    program.logged("it lacks 201 of 301 hosts, more than half; the next time it is taken")
    program.logged(r"^other hosts: −201 hosts, −201 pairs, 99 pairs kept$")
    samples = program.wait_for(lambda samples: len(probed(samples)) == 99)
    assert all(probed(samples)[target] >= before[target] for target in probed(samples))
    assert (samples.get(SUCCESS, mechanism="http_sd") or 0) > 1.5e9


def test_a_program_whose_list_cannot_be_had_serves_its_page_and_says_so_until_it_can(
    start: Start, server: ListServer, fleet_file: Path
) -> None:
    server.status = 503
    program = start("--host=h001")
    program.logged("^probing 0 pairs as h001$")
    assert program.get("/-/ready") == "latency-exporter is ready.\n"
    missing = f"hosts_from[0] (http_sd {server.url}): it answers with status 503; there is no list of it yet"
    unlisted = f"{fleet_file}: which host is this? --host says 'h001', but the fleet has no host yet"
    assert program.get("/-/healthy").startswith(f"latency-exporter is healthy.\n{missing}; {unlisted}; ")
    page = program.get("/")
    assert f", {missing}; {unlisted}; " in page
    assert "configuration: not all hosts may be known" in page
    samples = program.samples()
    assert samples.get(SUCCESS, mechanism="http_sd") is None
    assert samples.get(HOSTS, mechanism="http_sd") == 0
    assert (samples.get(FAILURES, mechanism="http_sd") or 0) >= 1
    server.status, server.answer = 200, written(1, 2)
    samples = program.wait_for(lambda samples: probed(samples).keys() == {"h002"})
    assert samples.by("self_datacenter", "latency_exporter_self_info") == {"dc1": 1}
    assert program.get("/-/healthy") == "latency-exporter is healthy.\n"


def test_a_changed_fleet_file_is_read_again_by_itself_and_a_bad_or_half_one_is_not_taken(
    start: Start, fleet_file: Path
) -> None:
    text = "hosts: [{name: here, address: 127.0.0.1}]\nprobes:\n  a: {protocol: tcp, port: 1}\n"
    fleet_file.write_text(text)
    program = start("--config.auto-reload")
    program.logged("^probing 1 pairs as here$")
    fleet_file.write_text(text.replace("a:", "b:"))
    program.logged(r"^reloaded: \+1 probe, −1 probe, \+1 pair, −1 pair, 0 pairs kept$")
    fleet_file.write_text(text[: text.index("protocol")])
    assert program.logged("^not reloaded: ")["msg"].startswith(f"not reloaded: {fleet_file}:")
    samples = program.samples()
    assert samples.get("latency_exporter_config_last_reload_successful") == 0
    assert samples.by("probe", COUNTED).keys() == {"b"}
    fleet_file.with_name("new").write_text(text.replace("a:", "c:"))
    fleet_file.with_name("new").rename(fleet_file)
    program.wait_for(lambda samples: samples.by("probe", COUNTED).keys() == {"c"})
    assert len([line for line in program.log if line["msg"].startswith("not reloaded")]) == 1


def test_a_fleet_file_of_a_config_map_is_followed_where_its_links_lead(
    tmp_path: Path, start: Start, fleet_file: Path
) -> None:
    fleet_file.unlink()
    text = "hosts: [{name: here, address: 127.0.0.1}]\nprobes: {NAME: {protocol: tcp, port: 1}}\n"
    for name in ("one", "two"):
        (tmp_path / f"..{name}").mkdir()
        (tmp_path / f"..{name}/fleet.yml").write_text(text.replace("NAME", name))
    (tmp_path / "..data").symlink_to("..one")
    fleet_file.symlink_to("..data/fleet.yml")
    program = start("--config.auto-reload")
    program.logged("^probing 1 pairs as here$")
    (tmp_path / "..new").symlink_to("..two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    program.wait_for(lambda samples: samples.by("probe", COUNTED).keys() == {"two"})
