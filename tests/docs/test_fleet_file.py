"""The page of the fleet file against its models: every key, its type and its default, and no other; and messages."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from exporter import cli
from exporter.config_files.values import MAX_DURATION, MIN_INTERVAL
from exporter.fleet import schema
from exporter.fleet.buckets import BUCKETS
from exporter.fleet.database import Database
from exporter.fleet.hosts_from import Dns, FileSd, HostsFrom, HttpSd
from exporter.fleet.n8n import N8n
from exporter.fleet.probes import ENDPOINT_PROBES, PROBES
from exporter.fleet.probes.settings import Sample, Settings
from exporter.fleet.sections import Peers
from tests.docs.markdown import PAGES, ROOT, words

FLEET_FILE = PAGES["fleet-file"]
Model = type[BaseModel]
COMMON = set.intersection(*(set(model.model_fields) for model in PROBES.values()))
FIELDS: dict[str, dict[str, FieldInfo]] = {
    "defaults": schema.Defaults.model_fields,
    "hosts_from[]": HostsFrom.model_fields,
    "hosts_from[].http_sd": HttpSd.model_fields,
    "hosts_from[].file_sd": FileSd.model_fields,
    "hosts_from[].dns": Dns.model_fields,
    "hosts[]": schema.Host.model_fields,
    "hosts[].scrape.JOB": schema.HostScrape.model_fields,
    "probes.NAME": {name: Settings.model_fields[name] for name in COMMON},
    **{
        f"probes.NAME of {protocol}": {name: field for name, field in model.model_fields.items() if name not in COMMON}
        for protocol, model in PROBES.items()
    },
    "probes.NAME.sample": Sample.model_fields,
    "endpoints[]": schema.Endpoint.model_fields,
    "databases[]": Database.model_fields,
    "n8n[]": N8n.model_fields,
    "scrape": schema.Scrape.model_fields,
    "scrape.jobs.NAME": schema.ScrapeJob.model_fields,
    "rules": schema.Rules.model_fields,
    "peers": Peers.model_fields,
    "stack": schema.Stack.model_fields,
    "stack.SERVER": schema.StackServerKeys.model_fields,
}
KEYS = {place: {field.alias or name: field for name, field in fields.items()} for place, fields in FIELDS.items()}

FROM_ELSEWHERE = {
    "none", "all", "no login", "not looked at", "as in `defaults`", "the job's", "the host's", "the probe's",
    "the kernel's choice", "the system's authorities", "every host with an exporter", "the only host",
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
    tables: dict[str, dict[str, Key]] = {}
    place = ""
    for name, kind, default, _ in FLEET_FILE.table("key"):
        if name.startswith("**"):
            place = name.strip("*").replace("`", "")
            tables[place] = {}
            continue
        keys = words(name)
        kinds = kind.split(", ") if "`" not in kind and ", " in kind else [kind] * len(keys)
        for key, of in zip(keys, kinds, strict=True):
            assert key not in tables[place], f"{place}.{key} stands there twice"
            tables[place][key] = Key(of, default)
    return tables


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
    (buckets,) = re.findall(r"default buckets are ([0-9. \n]+?) seconds", FLEET_FILE.section("Every key"))
    assert tuple(map(float, buckets.split())) == BUCKETS


GOOD_AND_BAD: dict[str, tuple[list[Any], list[Any]]] = {
    "duration": (["1.5m"], ["15", "true"]),
    "flag": (["true"], ["yes", "1"]),
    "number": (["8"], ["1.5", "x"]),
    "port": (["9102"], ["0", "65536"]),
    "date": (["2026-12-01T06:00Z"], ["2026-12-01T06:00", "tomorrow"]),
    "list": ([["ipv4"], ["200"], ["0.25"], ["wf001"], ["a.json"]], [{"a": "b"}]),
    "map": ([{}, {"url": "http://wf001/"}, {"files": ["a.json"]}, {"name": "x"}], ["x", ["x"]]),
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
    assert "at most 24 hours" in FLEET_FILE.section("Every key")
    assert "at least `100ms`" in FLEET_FILE.section("Every key")
    assert (MAX_DURATION, MIN_INTERVAL) == (24 * 3600, 0.1)


def test_the_output_of_check_is_the_real_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    command = "latency-exporter check --config.file config/fleet.example.yml --host wf001"
    assert cli.main(command.split()[1:]) == 0
    assert capsys.readouterr().out == FLEET_FILE.output_of(command)


def test_what_check_prints_of_a_sample_is_the_real_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (probe,) = ["probes:" + block.partition("probes:")[2] for block in FLEET_FILE.blocks("yaml") if "sample" in block]
    hosts = "".join(
        f"  - {{name: {name}{number:03}, address: {name}{number}.example, datacenter: {name}}}\n"
        for name in "abcde"
        for number in range(1, 201)
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large.yml").write_text(f"hosts:\n{hosts}{probe}")
    command = "latency-exporter check --config.file large.yml --host a001"
    assert cli.main(command.split()[1:]) == 0
    assert capsys.readouterr().out.endswith(FLEET_FILE.output_of(command).removeprefix("…\n"))


def test_the_small_fleet_that_is_found_in_a_file_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    section = FLEET_FILE.section("Hosts from an inventory")
    (fleet,) = re.findall(r"^```yaml\n([^`]*files: \[targets/\*\.json\][^`]*)^```$", section, re.MULTILINE)
    (targets,) = re.findall(r"^```json\n(\[\n[^`]*)^```$", section, re.MULTILINE)
    (tmp_path / "fleet.yml").write_text(fleet)
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets/hosts.json").write_text(targets)
    command = "latency-exporter check --discover --config.file fleet.yml --host wf001"
    assert cli.main(command.split()[1:]) == 0
    captured = capsys.readouterr()
    assert captured.err + captured.out == FLEET_FILE.output_of(command)


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
    assert capsys.readouterr().err == FLEET_FILE.output_of(command)
