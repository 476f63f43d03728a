"""Every kind of probe and of database is asked for all that makes one whole: what it lacks would fail in silence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.terms import Clock, Reason
from exporter import cli
from exporter.commands import terminal
from exporter.configuration import Options, configuration
from exporter.fleet import BadFile, Pair
from exporter.fleet.probes import PROBES
from exporter.fleet.schema import PROTOCOLS
from exporter.fleet_view.paths import paths
from exporter.overview import Overview
from exporter.overview.timeline import VerdictContext, explain
from exporter.probing import collectors
from exporter.probing.single import ProbeResult
from exporter.recording import metrics
from tests.collectors import test_contract
from tests.exporter.fleet_view import fleets
from tests.exporter.pages import ANSWERS, Small

ROOT = Path(__file__).parents[2]
REQUIRED = {"port": "7", "url": '"http://{address}:7/"'}
"""What may be written for the keys that a kind cannot do without."""
BELOW = "name: below, type: postgresql, host: there, user: me, from: there"
"""The database of an n8n; only another host measures it."""
HOSTS = "hosts: [{name: here, address: 192.0.2.1}, {name: there, address: 192.0.2.2}]\n"

every_kind = pytest.mark.parametrize("protocol", PROTOCOLS)
every_probe = pytest.mark.parametrize("protocol", PROBES)


def settings(protocol: str, further: str = "") -> str:
    fields = PROBES[protocol].model_fields.items()
    keys = [name for name, field in fields if field.is_required() and name != "protocol"]
    return ", ".join([f"protocol: {protocol}", *(f"{key}: {REQUIRED[key]}" for key in keys), *filter(None, [further])])


def written(protocol: str, further: str = "") -> str:
    """Write a fleet file with one thing of a kind; ``further`` are more of its keys."""
    if protocol in PROBES:
        return f"{HOSTS}probes:\n  kind: {{{settings(protocol, further)}}}\n"
    if protocol == "n8n":
        keys = ", ".join(filter(None, ["name: kind, database: below, from: here", further]))
        return f"{HOSTS}databases:\n  - {{{BELOW}}}\nn8n:\n  - {{{keys}}}\n"
    keys = ", ".join(filter(None, [f"name: kind, type: {protocol}, host: there, user: me", further]))
    return f"{HOSTS}databases:\n  - {{{keys}}}\n"


def answer(pair: Pair) -> Any:
    """A good answer of a pair, of a kind that the tests know or of a new one."""
    return ANSWERS.get(pair.probe if pair.database else pair.protocol, ANSWERS["icmp"])


@pytest.fixture
def small(tmp_path: Path, protocol: str) -> Small:
    return Small(tmp_path, written(protocol), "here")


@every_kind
def test_a_pair_has_series_and_as_many_as_are_said(small: Small, protocol: str) -> None:
    for pair in small.pairs:
        small.recorder.probe_ended(pair, Facts(), answer(pair))
    most = sum(metrics.series_of(pair, small.fleet.defaults.buckets) for pair in small.pairs)
    whose = r"^n8ndb_.*{n8n=\"kind\"" if protocol == "n8n" else r"^(?:network_latency|database)_.*[{,]target=\"there\""
    lines = re.findall(whose, small.page(), re.MULTILINE)
    assert 0 < len(lines) <= most


@every_kind
def test_a_success_and_a_failure_are_counted(small: Small, protocol: str) -> None:
    for pair in small.pairs:
        small.recorder.probe_ended(pair, Facts(), answer(pair))
        small.recorder.probe_ended(pair, Facts(), ProbeFailed(Reason.LOCAL))
    samples = small.samples()
    assert samples.get("latency_exporter_pairs", protocol=protocol) == len(small.pairs)
    if protocol == "n8n":  # it is read, and no clock measures anything
        assert samples.get("n8ndb_executions_finished_total", status="success") == 3
        assert samples.get("n8ndb_read_errors_total", n8n="kind", reason="local") == 1
        return
    of, shown = ("database", ("cold", "warm")) if small.pairs[0].database else ("network_latency", (None,))
    for mode in shown:
        labels = {"target": "there"} if mode is None else {"target": "there", "mode": mode}
        assert samples.get(f"{of}_probes_total", **labels) == 2
        assert samples.get(f"{of}_probe_failures_total", reason="local", **labels) == 1
    by_clock = [samples.get("latency_exporter_measurements_total", protocol=protocol, clock=clock) for clock in Clock]
    assert sum(count or 0 for count in by_clock) == len(small.pairs)


@every_kind
def test_what_it_gives_reasons_and_phases_are_of_the_closed_sets_and_a_fault_of_ours_is_among_them(
    small: Small, protocol: str
) -> None:
    for pair in small.pairs:
        assert pair.protocol == pair.aim.protocol == protocol
        assert pair.aim.gives
        assert Reason.LOCAL in pair.aim.reasons


@every_kind
def test_it_has_a_line_on_the_page_with_a_verdict_for_success_and_failure(small: Small, protocol: str) -> None:
    def lines() -> list[str]:
        page = Overview(lambda: "here", small.recorder.states, small.recorder.own_health)
        return b"".join(page.pieces("text", {}, 1)).decode().splitlines()[2:-1]

    for pair in small.pairs:
        small.recorder.probe_ended(pair, Facts(), answer(pair))
    assert len(lines()) == len(small.pairs)
    assert all(re.search(r" fine(: .*)?$", line) and re.search(r"\d (ms|µs|s)\b", line) for line in lines())
    for pair in small.pairs:
        small.recorder.probe_ended(pair, Facts(), ProbeFailed(Reason.TIMEOUT))
    assert all(re.search(r"\(timeout\).* network: no answer", line) for line in lines())


@every_kind
def test_it_is_explained_by_a_sentence_that_says_whom_it_asks(small: Small, protocol: str) -> None:
    for pair in small.pairs:
        for outcome in (answer(pair), ProbeFailed(Reason.TIMEOUT)):
            context = VerdictContext((), small.recorder.own_health(1.0), 1.0, 1.7e9)
            (text,) = explain([ProbeResult(pair, Facts(), outcome, 0.1)], context)
            asked, *_, verdict = text.splitlines()
            assert re.fullmatch(rf"{pair.name} {pair.probe}: [^()]*192\.0\.2\.2[^()]* over ipv4", asked)
            assert verdict.startswith("  verdict: ")


@every_kind
def test_it_has_a_place_which_it_shares_with_all_that_is_asked_there(small: Small, protocol: str) -> None:
    assert {pair.place for pair in small.pairs} == {"192.0.2.2"}


@every_probe
def test_what_it_says_of_the_way_to_its_target_is_in_the_view_of_the_fleet(protocol: str) -> None:
    lost = {**fleets.lost("b2", "kind"), "protocol": protocol}
    (path,) = paths("a1", fleets.report(lost), ["b2"])
    assert path.lost


@every_kind
def test_a_misspelt_key_is_told_the_one_that_was_meant(tmp_path: Path, protocol: str) -> None:
    with pytest.raises(BadFile) as caught:
        Small(tmp_path, written(protocol, "intervall: 5s"), "here")
    assert "intervall: unknown key; did you mean 'interval'?" in str(caught.value)


@every_probe
def test_an_endpoints_own_probe_is_told_the_key_that_was_meant_too(tmp_path: Path, protocol: str) -> None:
    probe = settings(protocol, "adress: there.example")
    with pytest.raises(BadFile) as caught:
        Small(tmp_path, f"{HOSTS}endpoints: [{{name: kind, probe: {{{probe}}}}}]\n", "here")
    assert "endpoints[0].probe.adress: unknown key; did you mean 'address'?" in str(caught.value)


@every_kind
def test_its_keys_are_documented(protocol: str) -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    rows = "\n".join(texts)
    if protocol == "n8n":
        assert re.search(r"^\| \*\*`n8n\[\]`\*\* ", rows, re.MULTILINE)
        return
    if protocol not in PROBES:
        assert re.search(rf"^\| `type` \|[^|]*`{protocol}`", rows, re.MULTILINE)
        return
    shared = set.intersection(*(set(kind.model_fields) for kind in PROBES.values()))
    own = PROBES[protocol].model_fields.keys() - shared
    (table,) = re.findall(rf"^\| \*\*`probes\.NAME` of {protocol}\*\* .*\n((?:\| [^*].*\n)*)", rows, re.MULTILINE)
    assert own <= {key for keys in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for key in re.findall(r"\w+", keys)}


@every_kind
def test_its_collector_is_asked_what_every_collector_is_asked(protocol: str) -> None:
    asked = {case.values[0] for case in test_contract.every_collector.args[1]}
    collector = collectors.COLLECTORS[protocol]
    assert getattr(collector, "func", collector) in asked


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (
            {name: collector for name, collector in collectors.COLLECTORS.items() if name != "tcp"},
            "exporter/probing/collectors.py: COLLECTORS: 'tcp' can be written in the fleet file and has no collector, "
            "which is a fault of this program: add it to COLLECTORS",
        ),
        (
            {**collectors.COLLECTORS, "redis": collectors.COLLECTORS["tcp"]},
            "exporter/probing/collectors.py: COLLECTORS: 'redis' has a collector and no keys in the fleet file, "
            "which is a fault of this program: add its class to exporter/fleet/probes",
        ),
    ],
    ids=["no collector", "no keys"],
)
def test_a_kind_of_one_list_alone_is_refused_by_check_and_at_the_start(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    listed: dict[str, Any],
    message: str,
) -> None:
    fleet_file = tmp_path / "fleet.yml"
    fleet_file.write_text(written("icmp"))
    monkeypatch.setattr(collectors, "COLLECTORS", listed)
    assert cli.main(["check", f"--config.file={fleet_file}", "--host=here"]) == terminal.BAD_CONFIGURATION
    assert capsys.readouterr().err == f"{message}\n"
    with pytest.raises(BadFile) as caught:
        configuration(Options(fleet_file, "here", "/metrics", enable_lifecycle=False, web_config_file=None))
    assert str(caught.value) == message
