"""The page of commands against the program: flags, defaults, exit codes, endpoints."""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path

import pytest

from exporter import cli
from exporter.commands import terminal
from exporter.overview import Overview
from exporter.recording.recorder import Recorder
from exporter.web.server import Actions, WebServer
from tests.docs.markdown import PAGES, words
from tests.exporter.pages import SameAddress

COMMANDS = PAGES["commands"]


def known_flags() -> dict[str, dict[str, argparse.Action]]:
    """Flag -> command -> what its parser knows of it."""
    flags: dict[str, dict[str, argparse.Action]] = {}
    for command, (make_parser, _) in cli.COMMANDS.items():
        for action in make_parser()._actions:
            for name in action.option_strings[-1:]:  # none: an argument by its place
                flags.setdefault(name, {})[command] = action
    return flags


def test_every_flag_of_every_command_is_in_the_table_and_no_other() -> None:
    documented = {words(flag)[0]: commands.split(", ") for flag, commands, *_ in COMMANDS.table("flag")}
    assert documented == {flag: list(commands) for flag, commands in known_flags().items()}


def test_every_flags_default_is_in_the_table() -> None:
    for flag, _, written, _ in COMMANDS.table("flag"):
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
    for flag, _, _, meaning in COMMANDS.table("flag"):
        choices = known_flags()[words(flag)[0]].popitem()[1].choices
        assert choices is None or words(meaning) == list(choices)


def test_every_command_is_listed() -> None:
    listed = re.findall(r"^    latency-exporter \[?([a-z-]+)", COMMANDS.text, re.MULTILINE)
    assert listed == list(cli.COMMANDS)


def test_the_exit_codes_are_those_of_the_program() -> None:
    codes = [int(code) for code, _ in COMMANDS.table("exit")]
    assert codes == [terminal.FINE, terminal.FAULT, terminal.BAD_CONFIGURATION]


def test_the_endpoints_are_those_that_the_server_has() -> None:
    recorder = Recorder("0", SameAddress())
    overview = Overview(lambda: "", recorder.states, recorder.own_health)
    actions = Actions(lambda _target, _probe: asyncio.sleep(0, ""), None, lambda: asyncio.sleep(0, {}))
    routes = WebServer(recorder, overview, actions, "/metrics").application().router.routes()
    served = {f"{'POST ' * (route.method == 'POST')}{route.resource.canonical}" for route in routes if route.resource}
    assert {words(path)[0].partition("?")[0] for path, _ in COMMANDS.table("path")} == served


STACK = """\
hosts: [{name: wf001, address: 127.0.0.1}]
probes: {icmp: {protocol: icmp}}
stack:
  prometheus: {url: "http://127.0.0.1:1"}
  loki: {url: "http://127.0.0.1:2", internal: true}
"""


def test_the_findings_of_the_doctor_are_the_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("exporter.logs.configure", lambda *_: None)
    fleet = tmp_path / "fleet.yml"
    fleet.write_text(STACK)
    assert cli.main(["doctor", f"--config.file={fleet}"]) == terminal.FAULT
    written, real = (
        re.sub(r" in \S+ ms\)", "", text) for text in (COMMANDS.blocks("text")[0], capsys.readouterr().out)
    )
    assert real == written
