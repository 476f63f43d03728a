"""Where the links of alerts lead: nowhere but into the clone and into Grafana, or to what the fleet file names."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import logs
from exporter.cli import main
from tests.prometheus.test_rules import PROMTOOLS

ROOT = Path(__file__).parents[3]
FLEET = "hosts: [{name: wf001, address: 192.0.2.1}]\nprobes: {icmp: {protocol: icmp}}\n"
PAGE = "https://wiki.example/latency/runbook/?version=2"
GRAFANA = "https://grafana.example/ops"


@pytest.fixture(autouse=True)
def _logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda *_: None)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A fleet file that says where the runbook is, and where Grafana."""
    path = tmp_path / "fleet.yml"
    path.write_text(f"{FLEET}rules: {{runbook_url: '{PAGE}'}}\nstack: {{grafana: {{url: '{GRAFANA}/?orgId=2'}}}}\n")
    return path


def alerts(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.load(text, yaml.CSafeLoader)["groups"] for rule in group["rules"] if "alert" in rule]


def test_every_alert_leads_to_the_page_and_the_grafana_that_the_fleet_file_names(fleet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    assert main(["example", "rules", f"--config.file={fleet}", f"--output-dir={folder}"]) == 0
    for path in folder.iterdir():
        shipped = (ROOT / "prometheus/rules" / path.name).read_text()
        for rule, as_shipped in zip(alerts(path.read_text()), alerts(shipped), strict=True):
            links = {
                "runbook_url": f"{PAGE}#{rule['alert'].lower()}",
                "dashboard_url": GRAFANA + as_shipped["annotations"]["dashboard_url"],
            }
            assert rule == as_shipped | {"annotations": as_shipped["annotations"] | links}


def test_printed_rules_have_the_same_links(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["example", "rules", f"--config.file={fleet}"]) == 0
    printed = capsys.readouterr().out
    assert all(rule["annotations"]["runbook_url"].startswith(f"{PAGE}#") for rule in alerts(printed))
    assert all(rule["annotations"]["dashboard_url"].startswith(f"{GRAFANA}/d/") for rule in alerts(printed))
    assert "docs/runbook.md" not in printed
    assert "dashboard_url: /" not in printed


@pytest.mark.servers
@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_servers_find_rules_with_other_links_good(fleet: Path, tmp_path: Path, promtool: str) -> None:
    assert main(["example", "rules", f"--config.file={fleet}", f"--output-dir={tmp_path / 'rules'}"]) == 0
    files = list(map(str, (tmp_path / "rules").iterdir()))
    for command in ([promtool, "check", "rules", *files], ["vmalert", "-dryRun", f"-rule={tmp_path}/rules/*.yml"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [[], ["--config.file=config/exporter.yml"]])
def test_links_lead_into_the_clone_where_the_fleet_file_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if arguments:
        (tmp_path / "config").mkdir()
        (tmp_path / "config/exporter.yml").write_text(FLEET)
    assert main(["example", "rules", *arguments]) == 0
    out, err = capsys.readouterr()
    assert {rule["annotations"]["runbook_url"].partition("#")[0] for rule in alerts(out)} == {"docs/runbook.md"}
    assert {rule["annotations"]["dashboard_url"][:3] for rule in alerts(out)} == {"/d/"}
    assert err == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:3000", "http://127.0.0.1:3000/", "http://127.0.0.1:3000/?token=x"])
def test_grafana_alone_may_be_named_and_nothing_after_its_address_is_in_a_link(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    path = tmp_path / "fleet.yml"
    path.write_text(f"{FLEET}stack: {{grafana: {{url: '{url}'}}}}\n")
    assert main(["example", "rules", f"--config.file={path}"]) == 0
    links = [rule["annotations"] for rule in alerts(capsys.readouterr().out)]
    assert {link["runbook_url"].partition("#")[0] for link in links} == {"docs/runbook.md"}
    assert all(link["dashboard_url"].startswith("http://127.0.0.1:3000/d/latency-exporter-") for link in links)


def test_a_bad_fleet_file_is_exit_2_for_rules_and_nothing_to_other_examples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "fleet.yml"
    bad.write_text(f"{FLEET}rules:\n  runbook_url: docs/runbook.md\n")
    assert main(["example", "rules", f"--config.file={bad}"]) == 2
    assert capsys.readouterr() == (
        "",
        f"{bad}:4: rules.runbook_url: 'docs/runbook.md' must begin with http:// or https://\n",
    )
    assert main(["example", "web", f"--config.file={bad}"]) == 0
