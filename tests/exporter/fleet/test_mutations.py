"""A thousand broken fleet files: each is read rightly or refused with its line, and none gives a traceback."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from exporter.cli import main
from exporter.fleet import BadFile, Fleet, load
from tests.system.running import REPOSITORY

GOOD = [REPOSITORY / "config/fleet.example.yml", REPOSITORY / "config/exporter.yml"]
MUTANTS = 1000
_SEED = 20260101
_STRAY = [
    "\t",
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "'",
    '"',
    "#",
    "&a ",
    "*a ",
    "!!str ",
    "|",
    ">",
    "%",
    "@",
    "\0",
    "\x85",
    "é",
    "NO",
]
_VALUES = [
    "NO",
    "22:22",
    "0755",
    "1.10",
    "~",
    "[]",
    "{}",
    "-1",
    "1e9",
    "''",
    "yes",
    "2020-01-01",
    ".nan",
    ".inf",
    "5",
    "5 s",
    "x" * 300,
]
LINE = re.compile(r"^\S+?:(\d+): \S.*$", re.DOTALL)


def swap(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def drop_line(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return "".join(lines)


def repeat_line(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return "".join([*lines[:at], lines[at], *lines[at:]])


def indent(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    lines[at] = chance.choice(["  ", " ", "\t"]) + lines[at]
    return "".join(lines)


def drop_letter(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + text[at + 1 :]


def double_letter(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + text[at] + text[at:]


def stray(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(_STRAY) + text[at:]


def other_value(text: str, chance: random.Random) -> str:
    values = list(re.finditer(r": ([^\s{\[#,}]+)", text))
    chosen = chance.choice(values)
    return text[: chosen.start(1)] + chance.choice(_VALUES) + text[chosen.end(1) :]


def cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def several(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(2, 4)):
        text = chance.choice(KINDS[:-2])(text, chance)
    return text


KINDS: list[Callable[[str, random.Random], str]] = [
    swap,
    drop_line,
    repeat_line,
    indent,
    drop_letter,
    double_letter,
    stray,
    other_value,
    cut,
    several,
]


def told_by(fleet: Fleet, text: str) -> None:
    """Hold what was read against the same file, read by somebody who takes every scalar for the text that it is."""
    written = yaml.load(text, yaml.CBaseLoader)
    keys = ("name", "address", "location", "datacenter", "country")
    assert [[getattr(host, key) for key in keys] for host in fleet.hosts] == [
        [host.get(key, "") for key in keys] for host in written["hosts"]
    ]
    assert list(fleet.probes) == list(written.get("probes") or ())
    assert [endpoint.name for endpoint in fleet.endpoints] == [each["name"] for each in written.get("endpoints") or ()]
    assert [database.dbname for database in fleet.databases] == [
        each.get("dbname", "") for each in written.get("databases") or ()
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutant_of_a_good_file_is_read_or_refused_with_its_lines(
    kind: Callable[[str, random.Random], str], tmp_path: Path
) -> None:
    chance = random.Random(f"{_SEED} {kind.__name__}")
    file = tmp_path / "fleet.yml"
    for number in range(MUTANTS // len(KINDS) + 1):
        text = kind(GOOD[number % 3 == 2].read_text(), chance)
        file.write_text(text)
        lines = text.count("\n") + 2
        try:
            told_by(load(file), text)
        except BadFile as bad:
            for problem in bad.problems:
                place = LINE.match(str(problem))
                assert place or "the file is empty" in str(problem), f"no line in {problem}\n{text}"
                assert place is None or 1 <= int(place[1]) <= lines, f"no such line: {problem}"


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_command_line_a_mutant_is_exit_0_or_exit_2_and_never_a_traceback(
    kind: Callable[[str, random.Random], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(f"{_SEED} at the command line {kind.__name__}")
    file = tmp_path / "fleet.yml"
    for _ in range(20):
        file.write_text(kind(GOOD[0].read_text(), chance))
        code = main(["check", f"--config.file={file}", "--host=wf001"])
        out, err = capsys.readouterr()
        assert code in {0, 2}
        assert "Traceback" not in out + err
        assert bool(out) is (code == 0)
        assert code == 0 or all(line.startswith((str(file), "warning: ")) for line in err.splitlines()), err
