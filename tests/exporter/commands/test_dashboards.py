"""The dashboards as they are written for who has no clone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.commands.dashboards import files
from tests.grafana.boards import FILES

ROOT = Path(__file__).parents[3]
PROVISIONING = ["provisioning/dashboards/latency-exporter.yml", "provisioning/datasources/latency-exporter.yml"]
NAMES = [*(f"dashboards/{file.name}" for file in FILES), *PROVISIONING]


def test_they_are_written_as_the_clone_has_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "--output-dir", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "".join(f"wrote {tmp_path}/{name}\n" for name in NAMES))
    for name in NAMES:
        assert (tmp_path / name).read_text() == (ROOT / "grafana" / name).read_text()

    assert main(["dashboards", "--output-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().err == f"{tmp_path}: all files are there already\n"


def test_one_that_was_edited_is_replaced_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited = tmp_path / NAMES[0]
    edited.parent.mkdir()
    edited.write_text("{}")
    assert main(["dashboards", "--output-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"latency-exporter: {edited}: there already, with other content; nothing was written. Name another folder with "
        "--output-dir, or add --force to replace\n"
    )
    assert main(["dashboards", "--output-dir", str(tmp_path), "--force"]) == 0
    assert edited.read_text() == FILES[0].read_text()


def test_links_to_exporters_lead_where_their_url_says() -> None:
    texts = files("https://{source}.example.net:9103")
    assert [name for name, text in texts.items() if text != files()[name]] == [
        "dashboards/latency-exporter-exporter.json",
        "dashboards/latency-exporter-pair.json",
    ]
    pair = json.loads(texts["dashboards/latency-exporter-pair.json"])
    urls = [link["url"] for link in pair["links"] if link["type"] == "link"]
    assert urls == [
        "https://${source}.example.net:9103/probe?target=${target:percentencode}&probe=${probe:percentencode}"
    ]
    assert ":9102" not in "".join(texts.values())


@pytest.mark.parametrize(
    "url", ["wf001:9102", "http://{host}:9102", "http://{source}/?a=b", 'http://{source}"x', "http://{source}\\x"]
)
def test_a_url_that_is_none_is_exit_2_with_an_example(capsys: pytest.CaptureFixture[str], url: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["dashboards", f"--exporter-url={url}"])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(
        f"argument --exporter-url: {url!r} is no URL such as http://{{source}}:9102\n"
    )
