"""The examples of all documents: loaded, run or parsed, as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from exporter import cli, scrape_configs
from exporter.fleet import load, survey
from exporter.web import config as web_config
from tests.docs.known import EXAMPLE, TARGETS_DIR
from tests.docs.markdown import DOCUMENTS, PAGES, ROOT, words
from tests.exporter.scrape_configs import alloy_syntax
from tests.yaml_files import content

COMMANDS = [command for page in DOCUMENTS for command in page.commands()]
CONTAINER = "latency-exporter"
"""The name of the container in deploy/compose.yml, and of the image."""
THEIR_READERS_HAVE = {
    "ansible-playbook", "apt-get", "cp", "curl", "docker", "git", "kubectl", "latency-exporter",
    "latency-exporter.pex", "make", "mkdir", "promtool", "sed", "systemctl",
}  # fmt: skip


def test_every_yaml_example_loads_or_is_what_is_committed(tmp_path: Path) -> None:
    kinds = []
    for number, text in enumerate(block for page in DOCUMENTS for block in page.blocks("yaml")):
        file = tmp_path / f"{number}.yml"
        file.write_text(text)
        parsed = yaml.safe_load(text)
        kinds.append(next(iter(parsed)))
        match kinds[-1]:
            case "services":
                compose = content(ROOT / "deploy/compose.yml")
                (name,) = parsed["services"]
                assert parsed["services"][name].items() <= compose["services"][name].items()
            case "scrape_configs":
                stanzas = scrape_configs.files(load(EXAMPLE), TARGETS_DIR)["jobs.yml"]
                assert parsed["scrape_configs"] == yaml.safe_load(stanzas)
            case "rule_files":
                example = content(ROOT / "prometheus/prometheus.yml")
                assert parsed["rule_files"] == example["rule_files"]
            case "exporters":
                (pipeline,) = parsed["service"]["pipelines"].values()
                stanzas = scrape_configs.files(load(EXAMPLE), TARGETS_DIR, "otel")["jobs.otel.yml"]
                assert pipeline["receivers"] == list(yaml.safe_load(stanzas)["receivers"])
                assert pipeline["exporters"] == list(parsed["exporters"])
            case "basic_auth_users":
                assert web_config.load(file).users
            case _:
                fleet = load(file)
                assert fleet.warnings == ()
                assert [survey(fleet, host, {}) for host in fleet.hosts if host.exporter] or fleet.hosts_from
    assert set(kinds) == {
        *("defaults", "hosts", "hosts_from", "scrape"),
        *("services", "scrape_configs", "exporters", "rule_files", "basic_auth_users"),
    }


def test_the_example_for_alloy_imports_the_component_that_is_written() -> None:
    (example,) = PAGES["prometheus"].blocks("alloy")
    imported, used, written = alloy_syntax.read(example)
    (component,) = alloy_syntax.read(scrape_configs.files(load(EXAMPLE), TARGETS_DIR, "alloy")["jobs.alloy"])
    assert (imported.name, used.name) == ("import.file", f"{imported.label}.{component.label}")
    assert Path(imported.attributes["filename"]).name == "jobs.alloy"
    assert used.attributes == {component.block("argument").label: [f"{written.name}.{written.label}.receiver"]}


def test_the_readme_begins_with_the_fleet_file_that_its_page_begins_with() -> None:
    """But for what follows the probes: a database there, an endpoint here."""
    beginnings = {page.blocks("yaml")[0].partition("\n\nprobes:")[0] for page in (DOCUMENTS[0], PAGES["fleet-file"])}
    assert len(beginnings) == 1


def test_the_output_of_scrape_configs_is_the_real_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--config.file", str(EXAMPLE), "--output-dir", str(tmp_path), "--targets-dir", TARGETS_DIR]
    assert cli.main(["scrape-configs", *flags]) == 0
    printed = capsys.readouterr().err.replace(str(tmp_path), "/srv/prometheus/scrape_configs")
    assert printed == PAGES["prometheus"].output_of("latency-exporter scrape-configs")


def ours(command: list[str]) -> list[str] | None:
    """Return what the program gets of a command line, also in a container; None if it is not called."""
    if Path(command[0]).name == "latency-exporter":
        return command[1:]
    if command[:2] == ["docker", "exec"]:
        container, program, *arguments = command[2:]
        assert (container, program) == (CONTAINER, "latency-exporter")
        return arguments
    if command[:2] == ["docker", "run"]:
        (image,) = [word for word in command if word.removesuffix(":latest") == CONTAINER]
        return command[command.index(image) + 1 :]
    return None


def test_every_command_of_ours_in_the_examples_is_understood() -> None:
    calls = [call for command in COMMANDS if (call := ours(command)) is not None]
    assert len(calls) >= 20
    for call in calls:
        name, *flags = call if call and not call[0].startswith("-") else ["run", *call]
        cli.COMMANDS[name][0]().parse_args(flags)


def test_the_examples_use_only_programs_that_their_readers_have() -> None:
    assert {Path(command[0]).name for command in COMMANDS} <= THEIR_READERS_HAVE


def test_a_container_is_called_as_the_compose_file_names_it() -> None:
    (service,) = content(ROOT / "deploy/compose.yml")["services"].values()
    assert service["container_name"] == CONTAINER
    assert service["image"] == f"{CONTAINER}:latest"


def test_every_make_target_named_exists() -> None:
    commands = [" ".join(command) for command in COMMANDS]
    named = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", "\n".join([*commands, *words(DOCUMENTS[0].text)])))
    for page in PAGES.values():
        named |= set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", "\n".join(words(page.text))))
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "install"} <= named <= targets
