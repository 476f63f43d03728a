"""What a value of a flag may be, and what is said of one that may not; the flags themselves are in ``test_cli``."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from exporter.commands import examples
from exporter.commands.parsers import (
    DEFAULT_FLEET,
    check_parser,
    doctor_parser,
    example_parser,
    healthcheck_parser,
    probe_parser,
    run_parser,
    scrape_configs_parser,
)

FLEET_READERS = [run_parser, check_parser, probe_parser, scrape_configs_parser, doctor_parser, example_parser]


def complaint(capsys: pytest.CaptureFixture[str], parser: argparse.ArgumentParser, *words: str) -> str:
    """Return the last line of what is said of these words."""
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(words)
    return capsys.readouterr().err.splitlines()[-1].partition(": error: ")[2]


def test_a_fleet_file_that_was_not_named_is_told_from_one_that_has_the_same_name() -> None:
    for make in FLEET_READERS:
        words = {probe_parser: ["wf008"], example_parser: ["rules"]}.get(make, [])
        assert make().parse_args(words).config_file is DEFAULT_FLEET
        named = make().parse_args([*words, f"--config.file={DEFAULT_FLEET}"]).config_file
        assert named == DEFAULT_FLEET
        assert named is not DEFAULT_FLEET


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5.0), ("500ms", 0.5), ("1m", 60.0)])
def test_a_duration_becomes_seconds(text: str, seconds: float) -> None:
    assert doctor_parser().parse_args([f"--timeout={text}"]).timeout == seconds


def test_the_default_of_a_duration_is_seconds_too() -> None:
    assert doctor_parser().parse_args([]).timeout == 5.0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("http://wf001:9102", "http://wf001:9102"),
        ("https://wf001:9102/prefix/", "https://wf001:9102/prefix"),
        ("http://[2001:db8::1]:9102/", "http://[2001:db8::1]:9102"),
    ],
)
def test_a_url_loses_its_last_slash(text: str, kept: str) -> None:
    assert scrape_configs_parser().parse_args([f"--sd-url={text}"]).sd_url == kept


@pytest.mark.parametrize(
    "text", ["wf001:9102", "ftp://wf001", "http://", "http://wf001/?a=b", "http://wf001/#a", "http://a b/"]
)
def test_what_is_no_url_is_refused_with_one(capsys: pytest.CaptureFixture[str], text: str) -> None:
    message = complaint(capsys, scrape_configs_parser(), f"--sd-url={text}")
    assert message == f"argument --sd-url: {text!r} is no URL such as http://wf001:9102"


@pytest.mark.parametrize("path", ["/", "/metrics", "/a/b-c_d.e~f"])
def test_the_telemetry_path_may_be_the_front_page_too(path: str) -> None:
    assert run_parser().parse_args([f"--web.telemetry-path={path}"]).telemetry_path == path


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("fleet.yaml", "did you mean 'fleet'?"),
        ("?", f"there are {', '.join(examples.NAMES)}"),
    ],
)
def test_an_example_that_there_is_not_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str], name: str, remedy: str
) -> None:
    assert complaint(capsys, example_parser(), name) == f"argument NAME: no example is called {name!r}; {remedy}"


@pytest.mark.parametrize("others", [("--diff", "--check"), ("--check", "--force"), ("--diff", "--force")])
def test_to_write_to_compare_and_to_check_exclude_each_other(
    capsys: pytest.CaptureFixture[str], others: tuple[str, str]
) -> None:
    first, second = others
    message = complaint(capsys, scrape_configs_parser(), first, second)
    assert message == f"argument {second}: not allowed with argument {first}"


def test_the_healthcheck_asks_the_addresses_that_run_listens_on() -> None:
    words = ["--web.listen-address=:9102", "--web.listen-address=[::1]:9103"]
    expected = [("", 9102), ("::1", 9103)]
    assert [make().parse_args(words).listen for make in (run_parser, healthcheck_parser)] == [expected] * 2


def test_files_go_where_the_documents_say_unless_another_folder_is_named() -> None:
    flags = scrape_configs_parser().parse_args([])
    assert (flags.output_dir, flags.targets_dir, flags.format) == (Path("prometheus/scrape_configs"), None, "paste")
    assert example_parser().parse_args(["fleet"]).output_dir is None
