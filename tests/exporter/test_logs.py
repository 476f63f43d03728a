"""Log lines: one per event, and readable by machines."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from exporter import logs

Style = Literal["logfmt", "json"]
AWKWARD = ["two\nlines", "\r\n", 'a "quoted" word', "a\\b", "", "key=value", "\ud800 alone", "🛰 São Paulo", "\x1b[31m"]
AWKWARD += ["\u2028", "\x85", "\x9b31m", "\x00", "tab\there", "\x7f", "%s %d", "{}"]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """Log with the given style and level; what was written comes back by lines, strictly in UTF-8."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()  # configure() would close them

    def written(log: Callable[[logging.Logger], object], style: Style = "logfmt", level: str = "info") -> list[str]:
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as stderr:
            monkeypatch.setattr(sys, "stderr", stderr)
            logs.configure(level, style)
            log(logging.getLogger("exporter.test"))
            root.handlers[-1].flush()
            stderr.seek(0)
            text = stderr.read()
        assert not text or text.endswith("\n")
        return text.split("\n")[:-1]

    yield written
    root.handlers[:] = before
    root.setLevel(level)


def unquoted(line: str) -> dict[str, str]:
    """Read logfmt: what is in quotes is a JSON string."""
    fields = re.findall(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^ "]+)(?: |$)', line)
    assert " ".join(f"{key}={value}" for key, value in fields) == line
    return {key: json.loads(value) if value.startswith('"') else value for key, value in fields}


@pytest.mark.parametrize("text", AWKWARD)
def test_whatever_the_text_a_logfmt_line_is_one_line_that_gives_it_back(
    lines: Callable[..., list[str]], text: str
) -> None:
    (line,) = lines(lambda log: log.info("%s", text))
    assert line.isprintable()
    assert unquoted(line)["msg"] == text


@pytest.mark.parametrize("text", AWKWARD)
def test_whatever_the_text_a_json_line_is_one_line_that_gives_it_back(
    lines: Callable[..., list[str]], text: str
) -> None:
    (line,) = lines(lambda log: log.info("%s", text), "json")
    assert line.isprintable()
    assert json.loads(line)["msg"] == text


def test_a_line_reads_like_this(lines: Callable[..., list[str]]) -> None:
    (line,) = lines(lambda log: log.warning("probing %d pairs as %s", 3, "São Paulo"))
    match = re.fullmatch(r'ts=(\S+) level=warn msg="probing 3 pairs as São Paulo"', line)
    assert match
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", match[1])
    (line,) = lines(lambda log: log.error("stopped"))
    assert line.endswith(" level=error msg=stopped")


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_a_traceback_is_a_field_of_its_line(lines: Callable[..., list[str]], style: Style) -> None:
    with pytest.raises(ValueError, match="lines") as raised:
        int("two\nlines")
    (line,) = lines(lambda log: log.error("a bug", exc_info=raised.value), style)
    fields = unquoted(line) if style == "logfmt" else json.loads(line)
    assert (fields["level"], fields["msg"]) == ("error", "a bug")
    assert fields["traceback"].startswith("Traceback (most recent call last):\n")
    assert fields["traceback"].endswith("\nValueError: invalid literal for int() with base 10: 'two\\nlines'")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warn", "error", "error"]),
        ("info", ["info", "warn", "error", "error"]),
        ("warn", ["warn", "error", "error"]),
        ("error", ["error", "error"]),
    ],
)
def test_a_level_lets_through_itself_and_what_is_worse(
    lines: Callable[..., list[str]], level: str, expected: list[str]
) -> None:
    def all_of_them(log: logging.Logger) -> None:
        for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            log.log(number, "text")

    assert [unquoted(line)["level"] for line in lines(all_of_them, level=level)] == expected


def test_requests_are_not_logged_one_by_one(lines: Callable[..., list[str]]) -> None:
    assert lines(lambda _: logging.getLogger("aiohttp.access").info("GET /metrics"), level="debug") == []


def test_what_a_client_did_wrong_is_not_logged_because_its_password_may_be_in_it(
    lines: Callable[..., list[str]],
) -> None:
    def refuse(_: logging.Logger) -> None:
        error = BadHttpMessage("Authorization : Basic c2VjcmV0")
        logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
        logging.getLogger("aiohttp.server").error("Error handling request", exc_info=ValueError("ours"))

    (line,) = lines(refuse)
    assert "ours" in line
    assert "c2VjcmV0" not in line


def test_a_reader_that_stands_still_holds_nobody_up_and_is_told_what_it_missed(
    lines: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, writes = os.pipe()

    def everything() -> list[str]:
        with os.fdopen(reads, encoding="utf-8") as read:
            return read.readlines()

    with os.fdopen(writes, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        logs.configure("info", "logfmt")
        log, handler = logging.getLogger("exporter.test"), logging.getLogger().handlers[-1]
        for number in range(5000):  # some 500 kB, into a pipe of 64 kB: whoever wrote it himself would stand still
            log.info("line %d %s", number, "." * 50)
        with ThreadPoolExecutor() as executor:
            read = executor.submit(everything)
            handler.flush()
            log.info("the end")  # what is lost is told with the next line
            handler.flush()
            stderr.close()
            seen = read.result(10)
    missing = [line for line in seen if "are missing here" in line]
    lost = sum(int(re.findall(r"(\d+) lines are missing", line)[0]) for line in missing)
    assert lost > 0
    assert len(seen) - len(missing) - 1 + lost == 5000
    assert all("level=warn" in line for line in missing)


@pytest.mark.programs
def test_a_reader_that_stands_still_does_not_keep_the_program_from_its_end() -> None:
    floods = (
        "import logging; from exporter import logs; logs._LAST_WORDS = 0.1; logs.configure('info', 'json');"
        "[logging.info('line %d %s', number, 'x' * 100) for number in range(3000)]"
    )
    with subprocess.Popen([sys.executable, "-c", floods], stderr=subprocess.PIPE) as process:
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_fields_of_a_record_are_fields_of_its_line(lines: Callable[..., list[str]]) -> None:
    def log_fields(log: logging.Logger) -> None:
        log.info("it fails", extra={"fields": {"target": "wf 008", "seconds": 1.5}})

    (line,) = lines(log_fields)
    assert line.endswith(' msg="it fails" target="wf 008" seconds=1.5')
    (line,) = lines(log_fields, style="json")
    assert json.loads(line)["target"] == "wf 008"
    assert json.loads(line)["seconds"] == 1.5
