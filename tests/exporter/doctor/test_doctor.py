"""The command as a whole: a fleet file, servers that speak like those of a stack, and what is printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.cli import main
from exporter.doctor import promql
from exporter.doctor.expected import expected
from exporter.doctor.stack import stack_servers
from exporter.fleet import BadFile, load
from exporter.recording import metrics
from exporter.recording.families import Family
from exporter.recording.recorder import Recorder
from tests.collectors.peers import silent
from tests.exporter.doctor.fakes import API, Fake, Say, response
from tests.exporter.pages import SameAddress

FLEET = """
hosts:
  - {name: wf001, address: 192.0.2.1, location: wf001_usa, datacenter: wf001, country: US}
  - {name: wf008, address: wf008.example, location: wf008_brazil, scrape: {latency: {port: 9103}}}
  - {name: wfdb02, address: 192.0.2.3, exporter: false}
probes:
  icmp: {protocol: icmp, ip_families: [ipv4, ipv6]}
  ping: {protocol: http, url: "http://{address}:9102/ping", user: me, password_file: /nowhere/else}
databases:
  - {name: n8n, type: mysql, host: wfdb02, user: me, password_file: /nowhere/else, from: [wf001]}
"""
STACK = "stack: {{prometheus: {{url: '{url}'}}}}\n"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest's own handlers are to stay."""
    monkeypatch.setattr("exporter.logs.configure", lambda *_: None)


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    return tmp_path / "fleet.yml"


def test_expected_is_what_the_scrape_configuration_and_the_pairs_say_without_secrets_of_others(
    fleet_file: Path,
) -> None:
    fleet_file.write_text(FLEET)
    first, second = expected(load(fleet_file))
    assert (first.name, first.address) == ("wf001", "192.0.2.1:9102")
    assert (second.name, second.address) == ("wf008", "wf008.example:9103")
    assert first.labels["job"] == "latency"
    assert first.labels["source_location"] == "wf001_usa"
    assert set(map(str, first.series)) == {
        "icmp wf008",
        "icmp wf008 over ipv6",
        "icmp wfdb02",
        "ping wf008",
        "database n8n",
    }
    assert set(map(str, second.series)) == {"icmp wf001", "icmp wfdb02", "ping wf001"}


def test_an_n8n_is_expected_of_the_host_that_reads_it_alone_and_is_one_pair(fleet_file: Path) -> None:
    flows = "n8n: [{name: flows, database: n8n, from: [wf008]}]"
    fleet_file.write_text(FLEET.replace("type: mysql", "type: postgresql") + flows)
    first, second = expected(load(fleet_file))
    readers = [
        [(str(series), series.pairs) for series in host.series if series.probe == "n8n"] for host in (first, second)
    ]
    assert readers == [[], [("n8n flows", 1)]]


def test_a_host_with_a_login_of_its_own_is_expected_in_the_job_latency_all_the_same(fleet_file: Path) -> None:
    login = "scrape: {latency: {port: 9103, user: me, password_file: /x}}"
    fleet_file.write_text(FLEET.replace("scrape: {latency: {port: 9103}}", login))
    assert expected(load(fleet_file))[1].labels["job"] == "latency"


def test_all_metrics_that_are_asked_for_exist() -> None:
    of_pairs = {promql.PROBES, promql.DATABASE_PROBES, promql.N8N_READ_ERRORS, promql.RTT}
    of_exporters = {promql.SELF, promql.HASH, promql.RELOADED, promql.LISTS_FAILING}
    pairs: list[Family] = [*metrics.network_families((1.0,)), *metrics.database_families((1.0,))]
    page = b"".join(Recorder("0", SameAddress()).page(openmetrics=False)).decode()
    assert of_pairs <= {family.name for family in pairs} | {family.name for family in metrics.N8N_FAMILIES}
    assert of_exporters <= set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))


def run(capsys: pytest.CaptureFixture[str], file: Path, *flags: str) -> tuple[int, str, str]:
    code = main(["doctor", f"--config.file={file}", *flags])
    out, err = capsys.readouterr()
    return code, out, err


def findings(out: str, *statuses: str) -> dict[str, str]:
    return {each["what"]: each["finding"] for each in json.loads(out)["findings"] if each["status"] in statuses}


def test_without_a_stack_it_says_what_to_add_and_is_exit_2(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    fleet_file.write_text(FLEET)
    assert run(capsys, fleet_file) == (
        2,
        "",
        f"{fleet_file}: stack: missing; the doctor asks the servers that it names; add it, for example stack: "
        "{prometheus: {url: 'https://prometheus.example.net'}}\n",
    )


def test_a_password_or_ca_that_cannot_be_had_is_exit_2_with_its_place(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    fleet_file.write_text(
        FLEET + "stack:\n  loki: {url: 'http://x', user: me, password_file: none}\n"
        "  grafana: {url: 'https://x', ca_file: none.pem}\n"
    )
    code, out, err = run(capsys, fleet_file)
    assert (code, out) == (2, "")
    assert re.search(r":\d+: stack\.loki\.password_file: .*none: no such file", err)
    assert re.search(r":\d+: stack\.grafana\.ca_file: .*none\.pem: cannot be read", err)


def test_a_server_is_asked_below_its_url_without_query_and_slash(fleet_file: Path) -> None:
    fleet_file.write_text(FLEET + STACK.format(url="https://p.example/prom/?a=b"))
    (one,) = stack_servers(load(fleet_file), {})
    assert (one.url, one.host_port, one.tls) == ("https://p.example/prom", "p.example:443", True)
    fleet_file.write_text(FLEET + STACK.format(url="http://[2001:db8::1]"))
    (one,) = stack_servers(load(fleet_file), {})
    assert (one.host, one.host_port) == ("2001:db8::1", "[2001:db8::1]:80")


def known(fleet_file: Path) -> Mapping[str, Say]:
    """What a Prometheus answers that has everything; told apart by the question."""
    fleet = load(fleet_file)
    wanted = expected(fleet)

    def vector(samples: list[tuple[Mapping[str, str], float]]) -> bytes:
        result = [{"metric": labels, "value": [0, str(value)]} for labels, value in samples]
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()

    targets = [
        {
            "labels": host.labels,
            "discoveredLabels": {"__address__": host.address},
            "scrapePool": "latency",
            "scrapeUrl": f"http://{host.address}/metrics",
            "health": "up",
        }
        for host in wanted
    ]
    pairs: list[tuple[Mapping[str, str], float]] = [
        ({"source": host.name, "target": one.target, "probe": one.probe, "ip_family": one.ip_family}, 1)
        for host in wanted
        for one in host.series
        if one.ip_family
    ]
    return {
        "self_info": vector([({"self": host.name, **host.labels}, time.time()) for host in wanted]),
        "config_hash": vector([({"__name__": promql.HASH, **host.labels}, fleet.config_hash) for host in wanted]),
        "network_latency_probes_total": vector(pairs),
        "database_probes_total": vector([({"source": "wf001", "database": "n8n"}, 2)]),
        "targets": json.dumps({"status": "success", "data": {"activeTargets": targets}}).encode(),
    }


class Whole(Fake):
    """A Prometheus that tells its queries apart."""

    def __init__(self, **instead: Any) -> None:
        super().__init__("prometheus", query=self._query, **instead)
        self.known: Mapping[str, Say] = {}

    def _query(self, connection: Any) -> None:
        question = self.requests[-1].split()[1].decode()
        say = next((self.known[word] for word in self.known if word in question), API["/api/v1/query"])
        assert isinstance(say, bytes)
        connection.sendall(response(say))


def test_of_a_stack_in_which_all_data_arrives_it_is_exit_0(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    groups = [{"name": "latency_x", "rules": [{"name": kind, "type": kind} for kind in ("alerting", "recording")]}]
    rules = json.dumps({"status": "success", "data": {"groups": groups}}).encode()
    with Whole(rules=rules) as fake, Fake("loki") as loki:
        fleet_file.write_text(
            FLEET + f"stack:\n  prometheus: {{url: '{fake.url()}'}}\n  loki: {{url: '{loki.url()}'}}\n"
        )
        fake.known = known(fleet_file)
        fake._instead["targets"] = fake.known["targets"]
        code, out, err = run(capsys, fleet_file, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["verdict"] == "well"
        assert findings(out, "ok")["wf001 in prometheus"] == "up, scraped just now; all 6 pairs there"
        code, out, err = run(capsys, fleet_file)
    assert code == 0
    assert re.fullmatch(r"well \(\d+ findings in [\d.]+ m?s\)", out.splitlines()[-1])


@pytest.mark.clock
def test_what_is_broken_is_exit_1_and_a_hanging_server_costs_its_timeout(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    with Fake("prometheus", everywhere=silent) as fake:
        fleet_file.write_text(FLEET + STACK.format(url=fake.url()))
        began = time.monotonic()
        code, out, _ = run(capsys, fleet_file, "--json", "--timeout=500ms")
        took = time.monotonic() - began
    assert code == 1
    assert took < 4  # and not the 5 s that it has by itself
    assert findings(out, "broken").keys() == {"prometheus"}
    assert "whether it arrives is not known" in findings(out, "not visible")["data"]


def test_an_internal_prometheus_out_of_reach_is_exit_0_and_no_verdict_on_the_data(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    fleet_file.write_text(FLEET + "stack: {prometheus: {url: 'http://127.0.0.1:1', internal: true}}\n")
    code, out, _ = run(capsys, fleet_file)
    assert code == 0
    assert out.splitlines()[-1].startswith(
        "nothing is broken as far as can be seen from here; not visible: prometheus, data ("
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [("--timeout=5", "is no duration; write a number and a unit"), ("--timeout=0s", "is out of range")],
)
def test_a_timeout_that_is_no_duration_is_exit_2(
    capsys: pytest.CaptureFixture[str], fleet_file: Path, flag: str, message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(capsys, fleet_file, flag)
    assert message in capsys.readouterr().err


def test_a_scrape_configuration_that_cannot_be_written_is_exit_2(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    bad = FLEET.replace("port: 9103", "path: '/x%y'")
    fleet_file.write_text(bad + STACK.format(url="http://127.0.0.1:1"))
    code, out, err = run(capsys, fleet_file)
    assert (code, out) == (2, "")
    assert "which Prometheus escapes" in err
    with pytest.raises(BadFile):
        expected(load(fleet_file))


@pytest.mark.programs
def test_the_program_that_runs_for_months_does_not_import_the_doctor() -> None:
    code = "import sys, exporter.cli; print([name for name in sys.modules if name.startswith('exporter.doctor')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
