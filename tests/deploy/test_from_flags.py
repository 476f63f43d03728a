"""The man page and the completion of shells have all that the program has."""

from __future__ import annotations

import datetime
import subprocess

import pytest

from deploy.from_flags import completion, man
from deploy.from_flags.flags import commands

EVERY = commands()


def test_the_man_page_has_every_flag_of_every_command() -> None:
    page = man.page(datetime.date(2026, 11, 30)).replace("\\-", "-")
    sections = {section.split()[0]: section for section in page.partition(".SH SIGNALS")[0].split("\n.SS ")[1:]}
    assert list(sections) == [command.name for command in EVERY]
    for command in EVERY:
        entries = [entry.partition("=")[0].strip() for entry in sections[command.name].split("\n.TP\n.B ")[1:]]
        assert [entry.splitlines()[0] for entry in entries] == [flag.name for flag in command.flags]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("latency-exporter ch", ["check"]),
        ("latency-exporter --log", ["--log.level=", "--log.format="]),
        ("latency-exporter --log.level=w", ["warn"]),
        ("latency-exporter check --h", ["--help", "--host="]),
        ("latency-exporter example ru", ["rules", "runbook"]),
        ("latency-exporter scrape-configs --format=o", ["otel"]),
        ("latency-exporter --config.file=/etc/host", ["/etc/hosts", "/etc/hostname"]),
        ("latency-exporter doctor --config.file=/etc/passw --ti", ["--timeout="]),
    ],
)
def test_bash_completes(typed: str, offered: list[str]) -> None:
    ask = 'compopt() { :; }; COMP_LINE=$1 COMP_POINT=${#1}; _latency_exporter; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", f"{completion.bash()}\n{ask}", "-", typed], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) >= set(offered)
    assert len(done.stdout.split()) < len(offered) + 4


@pytest.mark.parametrize("shell", [completion.zsh, completion.fish])
def test_other_shells_get_every_flag(shell) -> None:
    text = shell()
    for command in EVERY:
        for flag in command.flags:
            assert flag.name.removeprefix("--") in text
