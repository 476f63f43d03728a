"""What comes with the program beside its code, and that what is there is not written over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from exporter import logs
from exporter.cli import main
from exporter.commands import examples
from tests.yaml_files import content

ROOT = Path(__file__).parents[3]
IN_THE_CLONE = {
    "fleet": ["config/fleet.example.yml"],
    "web": ["config/web.example.yml"],
    "unit": ["deploy/latency-exporter.service"],
    "compose": ["deploy/compose.yml"],
    "stack": ["deploy/stack.yml"],
    "n8n": ["deploy/n8n/reader.sql"],
    "rules": [
        f"prometheus/rules/{name}.yml"
        for name in ("recording", "alerts", "extra", "n8n", "legacy", "legacy-blackbox", "legacy-smokeping")
    ],
    "prometheus": ["prometheus/prometheus.yml"],
    "victoriametrics": ["prometheus/victoriametrics.yml"],
    "agent": ["prometheus/agent.yml"],
    "alertmanager": ["prometheus/alertmanager.yml"],
    "runbook": ["docs/runbook.md"],
}


@pytest.fixture(autouse=True)
def _logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run here in the tests' own process, whose later tests look at the log."""
    monkeypatch.setattr(logs, "configure", lambda *_: None)


def test_all_examples_are_known_here() -> None:
    assert list(IN_THE_CLONE) == list(examples.NAMES)
    assert len(IN_THE_CLONE["rules"]) == len(list((ROOT / "prometheus/rules").glob("*.yml")))


@pytest.mark.parametrize("name", examples.NAMES)
def test_an_example_is_written_as_the_clone_has_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new/folder"
    assert main(["example", name, "--output-dir", str(folder)]) == 0
    written = [folder / Path(path).name for path in IN_THE_CLONE[name]]
    assert capsys.readouterr() == ("", "".join(f"wrote {path}\n" for path in written))
    assert sorted(folder.iterdir()) == sorted(written)
    assert [path.read_text() for path in written] == [(ROOT / path).read_text() for path in IN_THE_CLONE[name]]

    assert main(["example", name, "--output-dir", str(folder)]) == 0
    assert capsys.readouterr().err == f"{folder}: all files are there already\n"


@pytest.mark.parametrize("name", [name for name, paths in IN_THE_CLONE.items() if len(paths) == 1])
def test_an_example_of_one_file_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["example", name]) == 0
    assert capsys.readouterr() == ((ROOT / IN_THE_CLONE[name][0]).read_text(), "")


def test_printed_rules_are_one_file_whose_groups_are_those_that_are_on_by_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["example", "rules"]) == 0
    printed = capsys.readouterr().out
    recording, alerts, *off = (content(ROOT / path)["groups"] for path in IN_THE_CLONE["rules"])
    assert yaml.safe_load(printed) == {"groups": recording + alerts}
    uncommented = re.sub("^# ", "", printed, flags=re.MULTILINE)
    assert all(
        rule.get("alert", rule.get("record")) in uncommented for groups in off for g in groups for rule in g["rules"]
    )


def test_a_file_that_was_edited_is_replaced_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited = tmp_path / "alerts.yml"
    edited.write_text("groups: []  # ours\n")
    assert main(["example", "rules", "--output-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"latency-exporter: {edited}: there already, with other content; nothing was written. Name another folder with "
        "--output-dir, or add --force to replace\n"
    )
    assert list(tmp_path.iterdir()) == [edited]
    assert main(["example", "rules", "--output-dir", str(tmp_path), "--force"]) == 0
    assert edited.read_text() == (ROOT / "prometheus/rules/alerts.yml").read_text()


def test_a_folder_that_cannot_be_one_is_said_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["example", "unit", "--output-dir", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"latency-exporter: {file}/latency-exporter.service: cannot be written: ")
    (tmp_path / "compose.yml").mkdir()
    assert main(["example", "compose", "--output-dir", str(tmp_path), "--force"]) == 1
    assert capsys.readouterr().err == (
        f"latency-exporter: {tmp_path}/compose.yml: cannot be read: Is a directory; "
        "name another folder with --output-dir\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flet"], "argument NAME: no example is called 'flet'; did you mean 'fleet'?"),
        (["grafana"], f"argument NAME: no example is called 'grafana'; there are {', '.join(examples.NAMES)}"),
        ([], "the following arguments are required: NAME"),
    ],
)
def test_an_unknown_example_is_exit_2_with_a_remedy(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["example", *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(f"latency-exporter example: error: {message}\n")


@pytest.mark.parametrize("command", [["check"], ["probe", "localhost", "--probe=icmp"]])
def test_without_a_fleet_file_it_is_this_machine_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(command)
    out, err = capsys.readouterr()
    assert err == f"there is no config/exporter.yml here: this is the default fleet, {examples.DEFAULT_FLEET}\n"
    assert "localhost" in out


def test_the_fleet_file_of_the_working_folder_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/exporter.yml").write_text(
        examples.DEFAULT_FLEET.read_text().replace("name: localhost", "name: here")
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 0
    out, err = capsys.readouterr()
    assert (out.splitlines()[1].split()[0], err) == ("here", "")


@pytest.mark.parametrize(
    "make", [lambda path: path.symlink_to("gone"), lambda path: path.mkdir()], ids=["link", "folder"]
)
def test_a_fleet_file_that_is_there_and_cannot_be_read_is_a_fault_and_no_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], make
) -> None:
    (tmp_path / "config").mkdir()
    make(tmp_path / "config/exporter.yml")
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith("config/exporter.yml: ")


@pytest.mark.parametrize("arguments", [["check", "--config.file=config/exporter.yml"], ["scrape-configs"], ["doctor"]])
def test_a_file_that_was_named_and_commands_about_a_fleet_need_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("config/exporter.yml: no such file")
