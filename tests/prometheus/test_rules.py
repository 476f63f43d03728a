"""The shipped rules: good for the servers, on names that exist, each tested, none on a gauge that comes and goes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.recording.metrics import N8N_FAMILIES, database_families, network_families
from exporter.recording.recorder import Recorder
from tests.exporter.pages import SameAddress
from tests.netlab import wait_until
from tests.ports import free_port
from tests.prometheus.firing import IN_A_HURRY
from tests.yaml_files import content

ROOT = Path(__file__).parents[2] / "prometheus"
RULES = ROOT / "rules"
NEWEST = ROOT.parent / ".cache/newer/usr/bin/prometheus"
"""What `tests/servers.sh sid` could get."""
PROMTOOLS = ["promtool", *([str(NEWEST.with_name("promtool"))] if NEWEST.exists() else [])]
"""Since version 3 a range leaves out its beginning, so that a fault may show a sample earlier."""
TESTS = sorted((RULES / "tests").glob("*.yml"))
CULPRITS = {"DatacenterPathDown", "DatacenterPathDegraded", "PathUneven", "PathLossy"}
"""Tested in test_culprits, each in a fleet of its own, and in all others as what must not come."""
SOMEBODY_ELSES = {"up", "process_resident_memory_bytes", "process_start_time_seconds"}


def rules(*names: str) -> list[dict[str, Any]]:
    files = [RULES / name for name in names] or sorted(RULES.glob("*.yml"))
    groups = [group for file in files for group in content(file)["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts(*names: str) -> list[dict[str, Any]]:
    return [rule for rule in rules(*names) if "alert" in rule]


def gauges_and_others() -> tuple[set[str], set[str]]:
    """What the program exposes: gauges that may be absent, and all other names of series."""
    types = re.findall(
        r"^# TYPE (\S+) (\S+)$", b"".join(Recorder("0", SameAddress()).page(openmetrics=False)).decode(), re.MULTILINE
    )
    types += [(family.name, family.kind) for family in N8N_FAMILIES]
    coming = {
        family.name for family in (*network_families((1.0,)), *database_families((1.0,))) if family.kind == "gauge"
    }
    others: set[str] = set()
    for name, kind in types:
        suffixes = {"histogram": ("", "_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))
        others |= {name + suffix for suffix in suffixes}
    return coming, others - coming


def names_in(expression: str) -> Iterator[str]:
    """Every metric that an expression reads: a word before a brace, a bracket or an operator that is no function."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    for match in re.finditer(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare):
        word, rest = match[0], bare[match.end() :].lstrip()
        before = bare[: match.start()]
        is_unit = before[-1:].isdigit()
        if (
            not rest.startswith("(")
            and not is_unit
            and word not in {"and", "or", "unless", "offset", "bool", "inf", "e6"}
        ):
            yield word


@pytest.mark.servers
@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_prometheus_finds_the_rules_and_the_whole_configuration_good(promtool: str) -> None:
    run(promtool, "check", "rules", *map(str, sorted(RULES.glob("*.yml"))))
    run(promtool, "check", "config", "--syntax-only", str(ROOT / "prometheus.yml"))


@pytest.mark.servers
@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_prometheus_finds_the_configuration_of_an_agent_good(promtool: str) -> None:
    run(promtool, "check", "config", "--agent", "--syntax-only", str(ROOT / "agent.yml"))


@pytest.mark.servers
def test_alertmanager_finds_its_configuration_good() -> None:
    run("amtool", "check-config", str(ROOT / "alertmanager.yml"))


@pytest.mark.servers
@pytest.mark.skipif(not NEWEST.exists(), reason="sid's Prometheus could not be had")
def test_the_newest_prometheus_loads_and_evaluates_them_all(tmp_path: Path) -> None:
    for file in RULES.glob("*.yml"):
        (tmp_path / f"rules_{file.name}").write_text(re.sub(r"(?m)^ +interval: .*$", "", file.read_text()))
    hurried = {"global": {"evaluation_interval": "1s"}, "rule_files": [f"{tmp_path}/rules_*.yml"]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(hurried))
    at = f"127.0.0.1:{free_port()}"
    command = [str(NEWEST), f"--config.file={tmp_path}/prometheus.yml", f"--web.listen-address={at}"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*command, f"--storage.tsdb.path={tmp_path}/data"], stderr=log, stdout=log) as server,
    ):
        try:
            wait_until(lambda: len(states := health(at)) == len(rules()) and "unknown" not in states, "evaluated", 60)
            assert set(health(at)) == {"ok"}
        finally:
            server.terminate()


def health(server: str) -> list[str]:
    """How each rule fares; nothing while the server does not answer."""
    try:
        with urllib.request.urlopen(f"http://{server}/api/v1/rules", timeout=5) as answer:
            groups = json.load(answer)["data"]["groups"]
    except OSError:
        return []
    return [rule["health"] for group in groups for rule in group["rules"]]


@pytest.mark.servers
def test_victoria_metrics_finds_them_good_too() -> None:
    run("vmalert", "-dryRun", "-rule", str(RULES / "*.yml"))


@pytest.mark.servers
@pytest.mark.parametrize("promtool", PROMTOOLS)
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_they_do_what_their_tests_say(file: Path, promtool: str) -> None:
    run(promtool, "test", "rules", str(file))


@pytest.mark.servers
@pytest.mark.skipif(
    not NEWEST.exists(), reason="2.42's promtool reads no native histograms, and sid's could not be had"
)
@pytest.mark.parametrize("file", sorted((RULES / "tests" / "native").glob("*.yml")), ids=lambda file: file.stem)
def test_native_histograms_give_the_same_names(file: Path) -> None:
    run(str(NEWEST.with_name("promtool")), "test", "rules", str(file))


def run(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=os.environ | IN_A_HURRY
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_name_is_exposed_or_recorded() -> None:
    coming, others = gauges_and_others()
    known = coming | others | SOMEBODY_ELSES | {rule["record"] for rule in rules() if "record" in rule}
    unknown = {name for rule in rules() for name in names_in(rule["expr"])} - known
    assert not unknown


@pytest.mark.servers
def test_they_stay_good_if_another_label_stands_for_the_datacenter(tmp_path: Path) -> None:
    """As docs/prometheus.md has it."""
    for name in ("recording.yml", "alerts.yml"):
        (tmp_path / name).write_text((RULES / name).read_text().replace("_datacenter", "_location"))
        run("promtool", "check", "rules", str(tmp_path / name))


def test_the_old_names_are_none_that_the_program_exposes() -> None:
    coming, others = gauges_and_others()
    assert {rule["record"] for rule in rules("legacy-blackbox.yml", "legacy-smokeping.yml")}.isdisjoint(coming | others)
    recorded = {rule["record"] for rule in rules("legacy.yml")}
    assert recorded.isdisjoint(coming | others)
    assert recorded >= {
        "collector_api_up",
        "collector_api_pings_received_total",
        "collector_api_processing_seconds",
        "api_requests_total",
        "network_latency_rtt_seconds_bucket",
        "network_latency_rtt_seconds_sum",
        "network_latency_rtt_seconds_count",
        "database_connection_errors_total",
    }


def test_no_alert_waits_on_a_gauge_that_is_absent_while_a_probe_fails() -> None:
    coming, _ = gauges_and_others()
    for rule in rules("recording.yml", "alerts.yml", "extra.yml"):
        bare = re.sub(r"\w+_over_time\([^()]*\)|changes\([^()]*\)", "", rule["expr"])
        assert coming.isdisjoint(names_in(bare)), rule


def test_alerts_and_promql_are_tested_apart_because_victoria_metrics_tool_refuses_the_latter() -> None:
    for file in TESTS:
        kinds = {key for test in content(file)["tests"] for key in test if key.endswith("_test")}
        assert len(kinds) == 1, file


def test_fifteen_alerts_at_most_are_on_and_each_says_whom_it_is_about() -> None:
    assert len({alert["alert"] for alert in alerts("alerts.yml")}) <= 15
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert {"summary", "description"} <= alert["annotations"].keys()
        culprit = re.search(r"\{\{ ?(?:with )?\$labels\.(\w+)", alert["annotations"]["summary"])
        assert culprit or alert["alert"] == "LatencyNoData"


def test_every_alert_is_tested_both_ways() -> None:
    checks = [
        (check["alertname"], bool(check["exp_alerts"]))
        for file in TESTS
        for test in content(file)["tests"]
        for check in test.get("alert_rule_test", [])
    ]
    for name in {alert["alert"] for alert in alerts()} - CULPRITS:
        assert {(name, True), (name, False)} <= set(checks), name


def test_the_example_is_the_generated_stanza_and_pushes_nothing() -> None:
    example = content(ROOT / "prometheus.yml")
    generated = content(ROOT / "scrape_configs/jobs.yml")
    assert example["scrape_configs"] == generated
    assert "remote_write" not in example
    for file in example["rule_files"]:
        assert (RULES / Path(file).name).exists()
    included = content(ROOT / "victoriametrics.yml")["scrape_config_files"]
    assert [Path(file).name for file in included] == ["jobs.yml"]


def test_the_example_of_an_agent_has_the_generated_stanza_and_is_the_one_that_pushes() -> None:
    example = content(ROOT / "agent.yml")
    assert example["scrape_configs"] == content(ROOT / "scrape_configs/jobs.yml")
    assert set(example) == {"global", "remote_write", "scrape_configs"}


@pytest.mark.servers
def test_the_queries_of_the_migration_are_queries_on_names_that_exist(tmp_path: Path) -> None:
    pushed, _, scripts = (ROOT.parent / "docs/migration.md").read_text().partition("## Scripts")
    of_n8n = scripts.partition("## n8n\n")[2].partition("\n## ")[0]
    queries = re.findall(r"^\| .*\| `([^`]+)` \|$", pushed, re.MULTILINE)
    queries += re.findall(r"^\| .*\| `([^`]+)` \| [^|`]+ \|$", of_n8n, re.MULTILINE)
    assert len(queries) >= 9 + 15
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "migration", "rules": recorded}]}))
    run("promtool", "check", "rules", str(tmp_path / "rules.yml"))
    coming, others = gauges_and_others()
    assert {name for query in queries for name in names_in(query)} <= coming | others | SOMEBODY_ELSES
