"""The README against the program: tables in both directions, examples executed, links and names that exist."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import functools
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from collectors.contract import Phase
from exporter import cli, metrics, scrape_configs, sending, web_config
from exporter.fleet import LOGIN, Pair, load, schema, survey
from exporter.fleet.database import Database
from exporter.fleet.probes import ENDPOINT_PROBES, PROBES
from exporter.fleet.probes.settings import Settings
from exporter.fleet.sections import Peers
from exporter.fleet.values import MAX_DURATION, MIN_INTERVAL
from exporter.overview import Overview
from exporter.recorder import Recorder
from exporter.server import Actions, Server

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = ROOT / "config/fleet.example.yml"
TARGETS_DIR = "/etc/prometheus/scrape_configs"


# Reading Markdown


def section(title: str) -> str:
    """Give what stands below a heading, up to the next one of its level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match, f"no section {title!r}"
    level = len(match[1])
    return re.split(rf"^#{{1,{level}}} ", match[2], maxsplit=1, flags=re.MULTILINE)[0]


def tables(text: str) -> dict[str, list[list[str]]]:
    """Give a section's tables by the heading of their first column: rows of cells."""
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith(("| ", "|-")):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            found[rows[0][0]] = rows[2:]
            rows = []
    return found


def words(text: str) -> list[str]:
    """Give what stands in backticks, fenced examples aside."""
    return re.findall("`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def blocks(language: str) -> list[str]:
    """Give the fenced examples of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def output_of(command: str) -> str:
    """Give what the README says that a command prints."""
    (block,) = [block for block in blocks("console") if block.startswith(f"$ {command}")]
    return re.sub(r"\A(.*\\\n)*.*\n", "", block)


# Metrics


@functools.cache
def example_pairs() -> tuple[Pair, ...]:
    """A pair of each protocol, one of them over TLS."""
    fleet = load(EXAMPLE)
    return survey(fleet, fleet.hosts[0], {})[0]


@functools.cache
def known_metrics() -> dict[str, tuple[str, frozenset[str]]]:
    """Name -> type and labels, of every metric that is ours."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for family in metrics.network_families(schema.BUCKETS):
        further = {key for pair in example_pairs() for _, labels in family.samples(pair) for key, _ in labels}
        found[family.name] = family.kind, frozenset({*metrics.PAIR_LABELS, *further} - {"le"})
    for family in metrics.database_families(schema.BUCKETS):
        further = {
            key
            for pair in example_pairs()
            if pair.probe == LOGIN
            for _, labels in family.samples(pair)
            for key, _ in labels
        }
        found[family.name] = family.kind, frozenset({*metrics.DATABASE_LABELS, *further} - {"le"})
    recorder = Recorder("0")
    recorder.watch_names(["wf008"])
    page = b"".join(recorder.page(openmetrics=False)).decode()
    for name, kind in re.findall(r"^# TYPE (latency_exporter_\S+|network_latency_pings\S+) (\S+)", page, re.MULTILINE):
        labels = re.findall(rf"^{name}(?:_bucket)?{{(.*)}}", page, re.MULTILINE)
        found[name] = kind, frozenset(re.findall(r'(\w+)="', ",".join(labels))) - {"le"}
    own: Iterable[Any] = recorder._own.registry._collector_to_names
    for collector in own:  # these may have no sample yet
        if hasattr(collector, "_labelnames"):
            name = collector._name + "_total" * (collector._type == "counter")
            found[name] = collector._type, frozenset(collector._labelnames)
    return found


def documented_metrics() -> dict[str, tuple[str, frozenset[str]]]:
    found = {}
    for name, kind, labels, _ in tables(section("Metrics"))["name"]:
        of_all = {"pair": metrics.PAIR_LABELS, "database": metrics.DATABASE_LABELS}.get(labels.partition(",")[0], ())
        found[words(name)[0]] = kind, frozenset({*of_all, *words(labels)})
    return found


@functools.cache
def target_labels() -> frozenset[str]:
    """What the generated scrape configuration adds to every series."""
    groups = json.loads(scrape_configs.files(load(EXAMPLE), TARGETS_DIR)["latency.json"])
    return frozenset({"job", *(label for group in groups for label in group["labels"])})


def base(sample: str) -> str:
    """Give the metric that a sample's name belongs to."""
    stem = re.sub("_(bucket|sum|count)$", "", sample)
    return stem if known_metrics().get(stem, ("", ""))[0] in {"histogram", "summary"} else sample


def test_every_metric_is_in_the_table_with_its_type_and_labels_and_no_other() -> None:
    assert documented_metrics() == known_metrics()


def test_every_metric_named_anywhere_in_the_readme_exists() -> None:
    named = set(re.findall(r"\b(?:network_latency|latency_exporter|database)_[a-z_]+", TEXT))
    assert {base(name) for name in named} <= known_metrics().keys()


def test_the_metrics_that_come_beside_ours_are_those_of_python_and_the_process() -> None:
    page = b"".join(Recorder("0").page(openmetrics=False)).decode()
    names = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    assert {name.partition("_")[0] for name in names - known_metrics().keys()} == {"process", "python"}
    assert known_metrics().keys() <= names


def test_the_labels_that_prometheus_adds_are_all_named() -> None:
    assert target_labels() - {"job"} <= set(words(section("Prometheus and VictoriaMetrics")))


def test_every_reason_is_in_the_table_under_its_protocols_and_no_other() -> None:
    documented: dict[str, set[str]] = {"icmp": set(), "tcp": set(), "http": set(), "postgresql": set()}
    for reason, *marks, _ in tables(section("Reasons"))["reason"]:
        for protocol, mark in zip(documented, marks, strict=True):
            if mark:
                documented[protocol].add(words(reason)[0])
    assert documented == {pair.protocol: set(pair.spec.reasons) for pair in example_pairs()}


def test_every_phase_is_named() -> None:
    rows = [row for row in tables(section("Metrics"))["name"] if "phase_seconds" in row[0]]
    assert {word for row in rows for word in words(row[3])} == set(Phase)


# Command line


def known_flags() -> dict[str, dict[str, argparse.Action]]:
    """Flag -> command -> what its parser knows of it."""
    found: dict[str, dict[str, argparse.Action]] = {}
    for command, (make_parser, _) in cli.COMMANDS.items():
        for action in make_parser()._actions:
            for name in action.option_strings[-1:]:  # none: an argument by its place
                found.setdefault(name, {})[command] = action
    return found


def test_every_flag_of_every_command_is_in_the_table_and_no_other() -> None:
    documented = {
        words(flag)[0]: commands.split(", ") for flag, commands, *_ in tables(section("Command line"))["flag"]
    }
    assert documented == {flag: list(commands) for flag, commands in known_flags().items()}


def test_every_flags_default_is_in_the_table() -> None:
    for flag, _, written, _ in tables(section("Command line"))["flag"]:
        default = known_flags()[words(flag)[0]].popitem()[1].default
        match default:
            case None:
                default_in_text = {"--web.listen-address": "`:9102`"}.get(words(flag)[0])
                assert default_in_text is None or written == default_in_text
            case False:
                assert written == "off"
            case argparse.SUPPRESS:
                assert written == ""
            case _:
                assert written == f"`{default}`", flag


def test_the_choices_of_a_flag_are_all_named() -> None:
    for flag, _, _, meaning in tables(section("Command line"))["flag"]:
        choices = known_flags()[words(flag)[0]].popitem()[1].choices
        assert choices is None or words(meaning) == list(choices)


def test_every_command_is_listed() -> None:
    listed = re.findall(r"^    latency-exporter \[?([a-z-]+)", section("Command line"), re.MULTILINE)
    assert listed == list(cli.COMMANDS)


def test_the_exit_codes_are_those_of_the_program() -> None:
    codes = [int(code) for code, _ in tables(section("Command line"))["exit"]]
    assert codes == [cli.FINE, cli.FAULT, cli.BAD_CONFIGURATION]


# Fleet file

Model = type[BaseModel]
COMMON = set.intersection(*(set(model.model_fields) for model in PROBES.values()))
FIELDS: dict[str, dict[str, FieldInfo]] = {
    "defaults": schema.Defaults.model_fields,
    "hosts[]": schema.Host.model_fields,
    "hosts[].scrape.JOB": schema.HostScrape.model_fields,
    "probes.NAME": {name: Settings.model_fields[name] for name in COMMON},
    **{
        f"probes.NAME of {protocol}": {name: field for name, field in model.model_fields.items() if name not in COMMON}
        for protocol, model in PROBES.items()
    },
    "endpoints[]": schema.Endpoint.model_fields,
    "databases[]": Database.model_fields,
    "n8n[]": schema.N8n.model_fields,
    "scrape": schema.Scrape.model_fields,
    "scrape.jobs.NAME": schema.Job.model_fields,
    "peers": Peers.model_fields,
    "stack": schema.Stack.model_fields,
    "stack.SERVER": schema.Server.model_fields,
}
KEYS = {place: {field.alias or name: field for name, field in fields.items()} for place, fields in FIELDS.items()}

FROM_ELSEWHERE = {
    "none", "no login", "not looked at", "as in `defaults`", "the job's", "the host's", "the probe's",
    "the kernel's choice", "the system's authorities", "every host with an exporter",
}  # fmt: skip
"""How the table says what a key that was not written is taken from."""
WRITTEN_OUT = {
    ("defaults", "buckets"): "see below",
    ("probes.NAME", "protocol"): "required",
    ("probes.NAME", "to"): "`[exporters]`, icmp `[all]`",
    ("probes.NAME of http", "expect_status"): "`200` to `299`",
    ("databases[]", "port"): "`5432`, mysql `3306`",
}
"""Defaults that are no single value; what they say is held against the models below."""


@dataclasses.dataclass(frozen=True)
class Key:
    kind: str
    default: str


def documented_keys() -> dict[str, dict[str, Key]]:
    """Place -> key -> what the table says of it."""
    found: dict[str, dict[str, Key]] = {}
    place = ""
    for name, kind, default, _ in tables(section("Every key"))["key"]:
        if name.startswith("**"):
            place = name.strip("*").replace("`", "")
            found[place] = {}
            continue
        keys = words(name)
        kinds = kind.split(", ") if "`" not in kind and ", " in kind else [kind] * len(keys)
        for key, of in zip(keys, kinds, strict=True):
            assert key not in found[place], f"{place}.{key} stands there twice"
            found[place][key] = Key(of, default)
    return found


def each_key() -> Iterator[tuple[str, str, Key, FieldInfo]]:
    for place, keys in documented_keys().items():
        for name, key in keys.items():
            yield place, name, key, KEYS[place][name]


def test_every_key_of_the_fleet_file_is_in_the_table_and_no_other() -> None:
    assert {place: set(keys) for place, keys in documented_keys().items()} == {
        place: set(fields) for place, fields in KEYS.items()
    }


def test_the_table_holds_every_section_of_the_fleet_file() -> None:
    assert {re.split(r"[.\[]", place)[0] for place in KEYS} == set(schema.Sections.model_fields)


def test_an_endpoints_own_probe_has_the_keys_of_a_probe_and_an_address() -> None:
    for own, model in zip(ENDPOINT_PROBES.values(), PROBES.values(), strict=True):
        assert own.model_fields.keys() - model.model_fields.keys() == {"address"}


def shown(default: object) -> str:
    """Write a default as it would stand in the file."""
    match default:
        case bool():
            return str(default).lower()
        case float():
            return f"{default / 60:g}m" if default >= 60 and default % 60 == 0 else f"{default:g}s"
        case tuple():
            return f"[{', '.join(default)}]"
        case "":
            return '""'
        case _:
            return str(default)


def test_every_keys_default_is_in_the_table() -> None:
    for place, name, key, field in each_key():
        where = f"{place}.{name}"
        if (place, name) in WRITTEN_OUT:
            assert key.default == WRITTEN_OUT[place, name], where
        elif field.is_required():
            assert key.default == "required", where
        elif (default := field.get_default(call_default_factory=True, validated_data={})) is None:
            assert key.default in FROM_ELSEWHERE, where
        else:
            assert default is not PydanticUndefined
            assert key.default == f"`{shown(default)}`", where


def test_the_defaults_that_are_written_out_are_those_of_the_models() -> None:
    assert all(model.model_fields["protocol"].is_required() for model in PROBES.values())
    to = {protocol: model.model_fields["to"].default for protocol, model in PROBES.items()}
    assert to == dict.fromkeys(PROBES, ("exporters",)) | {"icmp": ("all",)}
    assert PROBES["http"].model_fields["expect_status"].default == frozenset(range(200, 300))
    customary: Callable[[dict[str, str]], int] = Database.model_fields["port"].default_factory  # type: ignore[assignment] # pydantic knows one without arguments, too
    assert [customary({"type": kind}) for kind in ("postgresql", "mysql")] == [5432, 3306]
    (buckets,) = re.findall(r"default buckets are ([0-9. \n]+?) seconds", section("Every key"))
    assert tuple(map(float, buckets.split())) == schema.BUCKETS


GOOD_AND_BAD: dict[str, tuple[list[Any], list[Any]]] = {
    "duration": (["1.5m"], ["15", "true"]),
    "flag": (["true"], ["yes", "1"]),
    "number": (["8"], ["1.5", "x"]),
    "port": (["9102"], ["0", "65536"]),
    "list": ([["ipv4"], ["200"], ["0.25"], ["wf001"]], [{"a": "b"}]),
    "map": ([{}, {"url": "http://wf001/"}], ["x", ["x"]]),
    "text": (["x", "192.0.2.1", "http://wf001/", "/x", "GET"], [["x"], {"x": "y"}]),
}
"""Type in the table -> values of which one is taken, values of which none is."""


def is_taken(field: FieldInfo, value: object) -> bool:
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def test_every_keys_type_is_in_the_table() -> None:
    for place, name, key, field in each_key():
        where = f"{place}.{name}: {key.kind}"
        if name == "protocol":
            assert words(key.kind) == list(PROBES)
        elif choices := words(key.kind):
            assert all(is_taken(field, choice) for choice in choices), where
            assert not is_taken(field, "x"), where
        else:
            good, bad = GOOD_AND_BAD[key.kind]
            assert any(is_taken(field, value) for value in good), where
            assert not any(is_taken(field, value) for value in bad), where


def test_the_bounds_of_durations_are_those_of_the_program() -> None:
    assert "at most 24 hours" in section("Every key")
    assert "at least `100ms`" in section("Every key")
    assert (MAX_DURATION, MIN_INTERVAL) == (24 * 3600, 0.1)


# Examples


def test_every_yaml_example_loads_or_is_what_is_committed(tmp_path: Path) -> None:
    kinds = []
    for number, text in enumerate(blocks("yaml")):
        file = tmp_path / f"{number}.yml"
        file.write_text(text)
        parsed = yaml.safe_load(text)
        kinds.append(next(iter(parsed)))
        match kinds[-1]:
            case "services":
                compose = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
                (name,) = parsed["services"]
                assert parsed["services"][name].items() <= compose["services"][name].items()
            case "scrape_configs":
                stanzas = scrape_configs.files(load(EXAMPLE), TARGETS_DIR)["jobs.yml"]
                assert parsed["scrape_configs"] == yaml.safe_load(stanzas)
            case "basic_auth_users":
                assert web_config.load(file).users
            case _:
                fleet = load(file)
                assert fleet.warnings == ()
                assert [survey(fleet, host, {}) for host in fleet.hosts if host.exporter]
    assert set(kinds) == {"defaults", "hosts", "services", "scrape_configs", "basic_auth_users"}


def test_the_output_of_check_is_the_real_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    command = "latency-exporter check --config.file config/fleet.example.yml --host wf001"
    assert cli.main(command.split()[1:]) == 0
    assert capsys.readouterr().out == output_of(command)


BAD_FLEET = """\
hosts:
  - name: wf001
    adress: wf001.example.net
  - {name: wf008, address: wf008.example.net:22}
probes:
  icmp: {protocol: icmp, interval: 5s}
  tcp: {protocol: tcp, port: 9102, to: [wf009]}
"""


def test_the_messages_about_a_bad_file_are_the_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.yml").write_text(BAD_FLEET)
    command = "latency-exporter check --config.file fleet.yml"
    assert cli.main(command.split()[1:]) == 2
    assert capsys.readouterr().err == output_of(command)


def test_the_output_of_scrape_configs_is_the_real_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--config.file", str(EXAMPLE), "--output-dir", str(tmp_path), "--targets-dir", TARGETS_DIR]
    assert cli.main(["scrape-configs", *flags]) == 0
    printed = capsys.readouterr().err.replace(str(tmp_path), "/srv/prometheus/scrape_configs")
    assert printed == output_of("latency-exporter scrape-configs")


def command_lines() -> list[list[str]]:
    """Give the commands that the README tells people to type, each as its words."""
    typed = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
    for block in blocks("console"):
        typed += re.findall(r"^\$ (.*)$", block.replace("\\\n", " "), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in typed if line.strip()]


def test_every_command_of_ours_in_the_examples_is_understood() -> None:
    ours = [line[1:] for line in command_lines() if Path(line[0]).name == "latency-exporter"]
    assert len(ours) >= 3
    for words_of_it in ours:
        name = words_of_it.pop(0) if not words_of_it[0].startswith("-") else "run"
        cli.COMMANDS[name][0]().parse_args(words_of_it)


def test_the_examples_use_only_programs_that_their_readers_have() -> None:
    programs = {Path(line[0]).name for line in command_lines()}
    assert programs <= {"cp", "curl", "docker", "latency-exporter", "make", "mkdir", "systemctl"}


def test_every_make_target_named_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", "\n".join([*blocks("sh"), *blocks("console"), *words(TEXT)])))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "install"} <= named <= targets


def test_every_relative_link_resolves() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
        for line in re.findall("^#+ (.*)$", TEXT, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXT):
        if link.startswith("#"):
            assert link[1:] in headings, link
        elif "://" not in link:
            assert (ROOT / link).exists(), link


def test_every_file_of_this_tree_named_exists() -> None:
    named = [word for word in words(TEXT) if re.fullmatch(r"(config|deploy|docs|prometheus|exporter)/[\w./-]+", word)]
    assert named
    for path in named:
        assert (ROOT / path).exists(), path


def test_the_endpoints_are_those_that_the_server_has() -> None:
    recorder = Recorder("0")
    overview = Overview(lambda: "", recorder.states, recorder.here)
    actions = Actions(lambda _target, _probe: asyncio.sleep(0, ""), None, lambda: asyncio.sleep(0, {}))
    routes = Server(recorder, overview, actions, "/metrics").application().router.routes()
    served = {f"{'POST ' * (route.method == 'POST')}{route.resource.canonical}" for route in routes if route.resource}
    assert {words(path)[0].partition("?")[0] for path, _ in tables(section("Endpoints"))["path"]} == served


def test_the_limits_for_clients_are_those_of_the_program() -> None:
    (said,) = re.findall(r"^\*\*What a hostile client can cost\.\*\* (.*?)\n\n", TEXT, re.MULTILINE | re.DOTALL)
    limits = web_config.Limits()
    numbers = [int(number) for number in re.findall(r"\b(?<!IPv)(?<!/)[0-9]+\b", said)]
    assert numbers == [
        limits.connections,
        limits.per_address,
        limits.head,
        limits.unfinished_bytes >> 10,
        limits.send,
        sending.ROOM >> 20,
        limits.handshakes,
    ]


# PromQL


def vectors(expression: str) -> list[tuple[str, list[str]]]:
    """Give the metrics that an expression asks, each with the labels that it selects by."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    found = re.findall(r"\b((?:network_latency_|latency_exporter_|database_)\w+)(?:\{([^}]*)\})?", bare)
    return [(name, re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) for name, matchers in found]


def test_every_promql_example_uses_metrics_and_labels_that_exist() -> None:
    for expression in blocks("promql"):
        asked = [(base(name), labels) for name, labels in vectors(expression)]
        assert asked, expression
        available = {"le", *target_labels()}
        for name, labels in asked:
            own = known_metrics()[name][1]
            assert set(labels) <= own | target_labels(), expression
            available |= own
        grouped = re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", expression)
        assert {label.strip() for group in grouped for label in group.split(",")} <= available, expression


@pytest.mark.servers
def test_every_promql_example_is_understood_by_prometheus(tmp_path: Path) -> None:
    rules = [{"record": f"example:{number}", "expr": text} for number, text in enumerate(blocks("promql"))]
    promtool("check", "rules", written(tmp_path / "rules.yml", {"groups": [{"name": "readme", "rules": rules}]}))


THERE = 'source="wf001",target="wf008",probe="icmp",protocol="icmp"'
BACK = 'source="wf008",target="wf001",probe="icmp",protocol="icmp"'
WEB = 'source="wf001",target="wf008",probe="ping",protocol="http"'
SERIES = {
    f"network_latency_probes_total{{{THERE}}}": "0+4x60",
    f'network_latency_probe_failures_total{{{THERE},reason="timeout"}}': "0+1x60",
    f'network_latency_probe_failures_total{{{THERE},reason="unreachable"}}': "0+1x60",
    f'network_latency_probe_failures_total{{{THERE},reason="local"}}': "0+2x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{THERE},le="0.2"}}': "0+0x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{THERE},le="0.4"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{THERE},le="+Inf"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{BACK},le="0.2"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{BACK},le="0.4"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{BACK},le="+Inf"}}': "0+4x60",
    f"network_latency_rtt_distribution_seconds_sum{{{WEB}}}": "0+1x60",
    f"network_latency_rtt_distribution_seconds_count{{{WEB}}}": "0+4x60",
    f"network_latency_http_response_distribution_seconds_sum{{{WEB}}}": "0+2x60",
    f"network_latency_http_response_distribution_seconds_count{{{WEB}}}": "0+4x60",
    f"network_latency_tls_certificate_expiry_timestamp_seconds{{{WEB}}}": "867600x59 _",
    'latency_exporter_measurements_total{source="wf001",protocol="icmp",clock="user"}': "0+1x60",
    'latency_exporter_measurements_total{source="wf001",protocol="icmp",clock="kernel"}': "0+3x60",
    'latency_exporter_config_hash{source="wf001"}': "265781854329840x60",
    'latency_exporter_config_hash{source="wf008"}': "265781854329841x60",
    'latency_exporter_config_hash{source="wfdb01"}': "265781854329841x60",
}
"""An hour of a fleet, a sample a minute."""
ANSWERS: dict[str, list[tuple[str, float]]] = {
    'reason!="local"': [(f"{{{THERE}}}", 0.5)],
    "quantile(0.99, sum by (source, target": [
        ('{source="wf001",target="wf008",probe="icmp"}', 0.398),
        ('{source="wf008",target="wf001",probe="icmp"}', 0.198),
    ],
    'source="wf008", target="wf001"': [("{}", 0.2)],
    '1 - (rate(network_latency_rtt_distribution_seconds_sum{protocol="http"}': [(f"{{{WEB}}}", 0.5)],
    "certificate_expiry": [('{target="wf008",probe="ping"}', 10)],
    'clock="user"': [('{source="wf001",protocol="icmp"}', 0.25)],
    "count_values": [("{}", 2)],
}
"""Part of an example that tells it from the others -> what it says of that hour at its end."""


@pytest.mark.servers
def test_the_promql_examples_answer_their_questions(tmp_path: Path) -> None:
    tests = []
    for part, answers in ANSWERS.items():
        (expression,) = [text for text in blocks("promql") if part in text]
        # Rounded, because promtool compares floating point numbers to the last bit.
        samples = [{"labels": labels, "value": round(value, 3)} for labels, value in answers]
        tests.append({"expr": f"round({expression}, 0.001)", "eval_time": "1h", "exp_samples": samples})
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    suite = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]}
    promtool("test", "rules", written(tmp_path / "test.yml", suite))


def written(file: Path, content: object) -> str:
    """Write a file that is JSON, and so YAML."""
    file.write_text(json.dumps(content))
    return str(file)


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    assert program
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
