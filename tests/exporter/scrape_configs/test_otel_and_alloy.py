"""The stanzas for OpenTelemetry's Collector and for Grafana Alloy: in their syntax, and what Prometheus' say.

Neither program is to be had where tests run. So its file is read by its documented rules, and held against the stanzas
that a real Prometheus scrapes by; for Alloy also against the arguments that its components have.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import main
from exporter.fleet import Fleet, load
from exporter.scrape_configs import STANZAS, changes, files, stanzas_file, write
from tests.exporter.scrape_configs.alloy_syntax import Block, Reference, read
from tests.exporter.scrape_configs.test_scrape_configs import HOSTS, ODD

LOGINS = {
    "user": f"$HOME {ODD}".replace(":", ""),
    "password_file": "/p$$a/${x}",
    "ca_file": "/c",
    "cert_file": "/cert",
    "key_file": "/k",
}
JOBS = {"latency": {"port": "1", "scheme": "https", **LOGINS}, ODD: {"port": "2"}, "node": {"port": "3"}}
FLEET = {
    "hosts": [
        {"name": ODD, "address": "h", "location": ODD},
        {"name": "own", "address": "h", "scrape": {"latency": {"user": "other", "password_file": "/other"}}},
    ],
    "scrape": {"interval": "1m", "timeout": "2.5s", "jobs": JOBS | {"true": {"port": "4"}, "1st": {"port": "5"}}},
}
CLIENT = {"basic_auth": {"username", "password_file"}, "tls_config": {"ca_file", "cert_file", "key_file"}}
COMPONENTS = {
    "discovery.file": {"files"},
    "prometheus.scrape": {
        *("targets", "forward_to", "job_name", "scrape_interval", "scrape_timeout", "sample_limit"),
        *("scheme", "metrics_path"),
    },
}
"""Of each component's arguments, as its reference has them, those that are written here."""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "fleet.yml").write_text(yaml.safe_dump(FLEET))
    return load(tmp_path / "fleet.yml")


def pasted(fleet: Fleet, place: str) -> list[dict[str, Any]]:
    stanzas: list[dict[str, Any]] = yaml.safe_load(files(fleet, place)[STANZAS])
    return stanzas


def as_the_collector_reads(value: Any) -> Any:
    """``$$`` is a dollar sign; one that stands alone begins a variable."""
    match value:
        case str():
            assert "$" not in value.replace("$$", "")
            return value.replace("$$", "$")
        case list():
            return [as_the_collector_reads(each) for each in value]
        case dict():
            return {key: as_the_collector_reads(each) for key, each in value.items()}
    return value


def test_the_collectors_receiver_has_the_stanzas_of_prometheus_after_its_variables(fleet: Fleet) -> None:
    place = "/sd $HOME ${x}"
    texts = files(fleet, place, "otel")
    (section,) = (read_file := yaml.safe_load(texts["jobs.otel.yml"])).values()
    assert list(read_file) == ["receivers"]
    assert list(section) == ["prometheus/latency"]
    config = as_the_collector_reads(section["prometheus/latency"]["config"])
    assert config == {"scrape_configs": pasted(fleet, place)}
    assert [stanza["basic_auth"]["username"] for stanza in config["scrape_configs"] if "basic_auth" in stanza] == [
        LOGINS["user"],
        "other",
    ]


def jobs_of(text: str) -> tuple[Block, list[tuple[Block, Block]]]:
    """Read the component's argument, and its pairs of what finds targets and what scrapes them."""
    (component,) = read(text)
    assert (component.name, component.label, component.attributes) == ("declare", "jobs", {})
    argument, *others = component.blocks
    return argument, list(zip(others[::2], others[1::2], strict=True))


def in_prometheus_words(source: Block, scraped: Block) -> dict[str, Any]:
    """Translate two components into the stanza that says the same."""
    same = {key: value for key, value in scraped.attributes.items() if key not in {"targets", "forward_to"}}
    return same | {
        "file_sd_configs": [{"files": source.attributes["files"]}],
        **{block.name: block.attributes for block in scraped.blocks},
    }


def test_alloys_components_say_what_the_stanzas_of_prometheus_say(fleet: Fleet) -> None:
    place = "/sd $HOME ${x}"
    argument, jobs = jobs_of(files(fleet, place, "alloy")["jobs.alloy"])
    assert argument == Block("argument", "forward_to", {}, [])
    assert [in_prometheus_words(*pair) for pair in jobs] == pasted(fleet, place)


def test_alloys_components_have_labels_that_are_identifiers_and_arguments_that_exist(fleet: Fleet) -> None:
    _, jobs = jobs_of(files(fleet, "/sd", "alloy")["jobs.alloy"])
    labels = [source.label for source, _ in jobs]
    assert len(set(labels)) == len(jobs) == 6
    assert {"latency", "node"} < set(labels)
    for source, scraped in jobs:
        assert re.fullmatch(r"(?!true$|false$|null$)[a-zA-Z_]\w*", source.label or "", re.ASCII)
        assert scraped.attributes["targets"] == Reference(f"discovery.file.{source.label}.targets")
        assert scraped.attributes["forward_to"] == Reference("argument.forward_to.value")
        for component in (source, scraped):
            assert component.label == source.label
            assert set(component.attributes) <= COMPONENTS[component.name]
        for block in scraped.blocks:
            assert set(block.attributes) <= CLIENT[block.name]


def test_alloys_file_is_formatted_as_its_own_program_does(fleet: Fleet) -> None:
    text = files(fleet, "/sd", "alloy")["jobs.alloy"]
    assert text.endswith("}\n")
    assert "\n\n\n" not in text
    assert not re.search(r"[ \t]$|^ ", text, re.MULTILINE)
    (scraped,) = re.findall(r'^\tprometheus.scrape "node" {\n(.*?)\n\t}$', text, re.MULTILINE | re.DOTALL)
    assert len({line.index("=") for line in scraped.splitlines()}) == 1


@pytest.mark.parametrize("name", ["otel", "alloy"])
def test_a_folder_serves_prometheus_too_and_a_job_that_is_gone_leaves_an_empty_list(
    name: Any, fleet: Fleet, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(changes(fleet, out, "/sd $x", name))
    lists = {path.name for path in out.iterdir()} - {stanzas_file(name)}
    assert [change.path.name for change in changes(fleet, out, "/sd $x")] == [STANZAS]
    smaller = FLEET | {"scrape": {"jobs": {"latency": JOBS["latency"]}}}
    (tmp_path / "smaller.yml").write_text(yaml.safe_dump(smaller))
    write(changes(load(tmp_path / "smaller.yml"), out, "/sd $x", name), force=True)
    assert {path.name for path in out.iterdir() if path.read_text() == "[]\n"} == {
        each for each in lists if not each.startswith("latency")
    }


@pytest.mark.parametrize("name", ["otel", "alloy"])
def test_no_password_is_in_any_file(name: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("hunter2")
    monkeypatch.setenv("P", "hunter2")
    login = {"user": "me", "password_file": str(tmp_path / "password")}
    (tmp_path / "fleet.yml").write_text(yaml.safe_dump(FLEET | {"scrape": {"jobs": {"node": {"port": "1", **login}}}}))
    texts = files(load(tmp_path / "fleet.yml"), "/sd", name)
    assert str(tmp_path / "password") in texts[stanzas_file(name)]
    assert not any("hunter2" in text for text in texts.values())


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., int]:
    (tmp_path / "fleet.yml").write_text(HOSTS)
    words = ["scrape-configs", f"--config.file={tmp_path}/fleet.yml", f"--output-dir={tmp_path}/out"]
    return lambda *more: main([*words, *more])


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("otel", "name their file in a --config of the Collector, or reload it (SIGHUP)"),
        ("alloy", "import their file into Alloy's configuration; where it is, Alloy reads it again"),
    ],
)
def test_the_command_says_what_to_do_with_the_file(
    name: Any, advice: str, command: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command(f"--format={name}") == 0
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"wrote {tmp_path}/out/{stanzas_file(name)}",
        f"the jobs have changed: {advice}",
    ]
    assert command(f"--format={name}") == 0
    assert capsys.readouterr().err == f"{tmp_path}/out: all files are current\n"


def test_what_alloy_would_say_is_left_to_alloy(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command("--format=alloy", "--check") == 1
    assert f"{tmp_path}/out/jobs.alloy: not current" in capsys.readouterr().err
    command("--format=alloy")
    capsys.readouterr()
    assert command("--format=alloy", "--check") == 0
    assert capsys.readouterr().err == "only Alloy judges its own syntax: `alloy fmt` and `alloy validate`\n"


@pytest.mark.servers
def test_what_is_for_the_collectors_receiver_is_given_to_promtool(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    command("--format=otel")
    capsys.readouterr()
    assert command("--format=otel", "--check") == 0
    assert capsys.readouterr().err == "promtool: accepts it\n"
