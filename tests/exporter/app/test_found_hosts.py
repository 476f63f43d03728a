"""The running program with hosts that are found, and with a fleet file that it follows: a process of its own."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
import signal
import statistics
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exporter.app.program import Program
from tests.exporter.discovery.lists import ListServer, list_server, written
from tests.exporter.samples import Samples
from tests.ports import free_port

pytestmark = pytest.mark.programs

LISTEN = "--web.listen-address=127.0.0.1:0"
COUNTED = "network_latency_probes_total"
FAILURES = "latency_exporter_discovery_failures_total"
HOSTS = "latency_exporter_discovery_hosts"
FAILING = "latency_exporter_discovery_failing"
LATENCY = "/sd/prometheus?job=latency"
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
    file.write_text(FLEET.format(url=server.url, port=free_port()))
    return file


Start = Callable[..., Program]


@pytest.fixture
def start(fleet_file: Path) -> Iterator[Start]:
    programs: list[Program] = []

    def start(*flags: str, code: str = "") -> Program:
        programs.append(Program(fleet_file, LISTEN, *flags, code=code))
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
    program.logged("it lacks 201 of 301 hosts, more than half; the next time such a list is taken")
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
    assert f"configuration: not all hosts may be known; {missing}; {unlisted}; " in page
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        program.get("/probe?target=h002")
    with contextlib.closing(refused.value) as response:
        assert missing in response.read().decode()
    assert "The fleet as asked from h001 by" in program.get("/fleet")
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:  # a Prometheus would drop all its targets
        program.get("/sd/prometheus?job=latency")
    with contextlib.closing(refused.value) as response:
        assert response.read().decode() == f"not all hosts are known yet: http_sd {server.url}\n"
    samples = program.samples()
    assert samples.get(FAILING, mechanism="http_sd") == 1
    assert samples.get(SUCCESS, mechanism="http_sd") is None
    assert samples.get(HOSTS, mechanism="http_sd") == 0
    assert (samples.get(FAILURES, mechanism="http_sd") or 0) >= 1
    server.status, server.answer = 200, written(1, 2)
    samples = program.wait_for(lambda samples: probed(samples).keys() == {"h002"})
    assert samples.by("self_datacenter", "latency_exporter_self_info") == {"dc1": 1}
    assert program.get("/-/healthy") == "latency-exporter is healthy.\n"
    assert (samples.get(FAILING, mechanism="http_sd"), len(json.loads(program.get(LATENCY)))) == (0, 2)


def test_a_host_that_no_list_has_is_warned_of_once_for_each_list_that_lacks_it(
    start: Start, server: ListServer, fleet_file: Path
) -> None:
    server.answer = written(1, 2)
    program = start("--host=h009")
    program.logged("^probing 0 pairs as h009$")
    asked = server.asked
    program.wait_for(lambda _: server.asked > asked + 2)
    server.answer = written(1, 2, 3)
    program.logged(r"^other hosts: \+1 host")
    server.answer = written(1, 2, 3, 9)
    program.logged(r"^other hosts: \+1 host, \+3 pairs")
    warned = [line["msg"] for line in program.log if line["level"] == "warn" and "which host is this?" in line["msg"]]
    why = f"{fleet_file}: which host is this? --host says 'h009', but the fleet has only: h001, h002"
    assert [each.partition("; ")[0] for each in warned] == [why, f"{why}, h003"]


def test_what_a_list_says_and_cannot_be_printed_breaks_no_page(start: Start, server: ListServer) -> None:
    program = start("--host=h001")
    program.wait_for(lambda samples: len(probed(samples)) == 299)
    server.answer = b'[{"targets": ["a"], "labels": {"\\ud800\\u001b[2J": "x"}}]'
    why = r'[0].labels."\ud800\u001b[2J": unknown label; '
    assert why in program.logged("unknown label")["msg"]
    program.wait_for(lambda _: why in program.get("/-/healthy"))
    program.wait_for(lambda _: why in program.get("/"))


def test_exporters_that_feed_each_other_are_refused_by_name_and_say_so(
    start: Start, server: ListServer, fleet_file: Path
) -> None:
    """Else a host that has left would never go: each would have it from the other."""
    server.answer = written(1, 2)
    found = fleet_file.read_text()
    here = start("--host=h001")
    url = f"http://127.0.0.1:{here.port()}{LATENCY}"
    fleet_file.write_text(found.replace(server.url, url))
    fed = start("--host=h002")
    fed.wait_for(lambda samples: probed(samples).keys() == {"h001"})
    back = f'hosts_from: [{{http_sd: {{url: "http://127.0.0.1:{fed.port()}{LATENCY}", refresh_interval: 200ms}}}}, '
    fleet_file.write_text(found.replace("hosts_from: [", back))
    here.process.send_signal(signal.SIGHUP)
    assert here.logged("^not reloaded: .*'h001' is the name of")["msg"].endswith("already; name each host once")
    server.answer = written(1, 2, 3, 4)
    fed.wait_for(lambda samples: probed(samples).keys() == {"h001", "h003", "h004"})
    server.answer = written(1, 2, 3)
    fed.wait_for(lambda samples: probed(samples).keys() == {"h001", "h003"})


def test_the_end_does_not_wait_for_a_list_that_a_reload_asks_for(
    start: Start, server: ListServer, fleet_file: Path
) -> None:
    server.answer = written(1, 2)
    fleet_file.write_text("hosts: [{name: h001, address: 127.0.0.1}]\nprobes: {a: {protocol: tcp, port: 1}}\n")
    program = start("--host=h001")
    program.logged("^probing ")
    server.hangs = True
    with fleet_file.open("a") as file:
        file.write(f'hosts_from: [{{http_sd: {{url: "{server.url}"}}}}]\n')
    program.process.send_signal(signal.SIGHUP)
    program.wait_for(lambda _: server.asked)
    assert program.stop() < 5  # and not the 10 s that a server has
    assert program.process.returncode == 0


def test_hosts_that_move_from_the_file_to_a_list_keep_their_counters_or_nothing_changes(
    start: Start, server: ListServer, fleet_file: Path
) -> None:
    original = fleet_file.read_text()
    hosts = "".join(
        f"  - {{name: h{n:03}, address: 127.1.{n}.1, datacenter: dc{n}, location: l, country: 'NO'}}\n"
        for n in (1, 2, 3)
    )
    fleet_file.write_text("hosts:\n" + hosts + original[original.index("probes") :])
    program = start("--host=h001")
    before = program.wait_for(lambda samples: all(probed(samples).values()) and probed(samples))
    fleet_file.write_text(original)
    server.answer = b"[]"
    program.process.send_signal(signal.SIGHUP)
    why = f"hosts_from[0].http_sd: http_sd {server.url}: it lists no host"
    assert program.logged("^not reloaded: ")["msg"] == f"not reloaded: {fleet_file}:1: {why}"
    server.answer = written(1, 2, 3)
    program.process.send_signal(signal.SIGHUP)
    program.logged("^reloaded: 2 pairs kept$")
    samples = program.samples()
    assert all(probed(samples)[target] >= count for target, count in probed(before).items())
    assert samples.get(HOSTS, mechanism="http_sd") == 3
    fleet_file.write_text("half")
    program.process.send_signal(signal.SIGHUP)
    program.logged("^not reloaded: .*expected sections")
    server.answer = written(1, 2, 3, 4)
    program.logged(r"^other hosts: \+1 host, \+1 pair, 2 pairs kept$")
    samples = program.wait_for(functools.partial(has, 4.0))
    assert samples.get("latency_exporter_config_last_reload_successful") == 0  # the file is as bad as it was


HOLDS = """
import asyncio, atexit, json, sys, time
run, holds = asyncio.events.Handle._run, []
def timed(handle):
    at, began = time.monotonic(), time.thread_time()
    run(handle)
    holds.append((at, time.thread_time() - began))
asyncio.events.Handle._run = timed
atexit.register(lambda: print(json.dumps({"level": "info", "msg": "holds " + json.dumps(holds)}), file=sys.stderr))
from exporter.__main__ import main
raise SystemExit(main())
"""
"""Runs the program, and logs at its end when the loop was held and how long, by the CPU time of its thread."""


def has(hosts: float, samples: Samples) -> bool:
    return samples.get(HOSTS, mechanism="http_sd") == hosts


def test_a_host_that_joins_a_thousand_holds_the_loop_for_a_moment(
    start: Start, server: ListServer, fleet_file: Path
) -> None:
    server.answer = written(*range(1000))
    sample = ", sample: {within: 10, across: 2}}"
    fleet_file.write_text(fleet_file.read_text().replace(", histogram: false}", sample))
    program = start("--host=h000", code=HOLDS)
    program.wait_for(lambda samples: len(probed(samples)) == 18)
    joins = []
    for number in range(1000, 1005):
        joins.append(time.monotonic())
        server.answer = written(*range(number + 1))
        wanted = number + 1.0
        program.wait_for(functools.partial(has, wanted))
    joins.append(time.monotonic())
    program.process.send_signal(signal.SIGTERM)
    holds = json.loads(program.logged("^holds ")["msg"].partition(" ")[2])
    kept = [re.findall("([0-9]+) pairs? kept$", line["msg"]) for line in program.log if "+1 host," in line["msg"]]
    assert kept == [["18"], ["18"], ["17"], ["18"], ["18"]]
    longest = [max(held for at, held in holds if begin <= at < end) for begin, end in itertools.pairwise(joins)]
    assert statistics.median(longest) < 0.02


def test_a_changed_fleet_file_is_read_again_by_itself_and_a_bad_or_half_one_is_not_taken(
    start: Start, fleet_file: Path
) -> None:
    text = "hosts: [{name: here, address: 127.0.0.1}]\nprobes:\n  a: {protocol: tcp, port: 1}\n"
    fleet_file.write_text(text)
    program = start("--config.auto-reload")
    program.logged("^probing 1 pair as here$")
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
    fleet_file.write_text("half")
    program.wait_for(lambda samples: samples.get("latency_exporter_config_last_reload_successful") == 0)
    fleet_file.write_text(text.replace("a:", "c:"))  # as it was, which is in force already
    program.wait_for(lambda samples: samples.get("latency_exporter_config_last_reload_successful") == 1)


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
    program.logged("^probing 1 pair as here$")
    (tmp_path / "..new").symlink_to("..two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    program.wait_for(lambda samples: samples.by("probe", COUNTED).keys() == {"two"})
