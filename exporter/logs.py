"""Log lines on stderr, as logfmt or JSON: one line per event, whatever its text holds.

A record's ``extra={"fields": {...}}`` are fields of its line, by which lines can be selected.

The reader of stderr may be slow or stand still, as a full disk behind a pipe does; a write then waits, and with it
would every probe. So a thread writes, and lines that it can't keep up with are counted instead.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Literal

from aiohttp.http_exceptions import HttpProcessingError

from collectors.terms import Seconds

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_NAMES = {number: name for name, number in LEVELS.items()} | {logging.CRITICAL: "error"}
_WORD = re.compile(r"[^ \"=\\]+")
_WAITING_LINES = 1000
_LAST_WORDS: Seconds = 1.0
"""How long the end of the program waits until its last lines are read."""


class _Formatter(logging.Formatter):
    def __init__(self, style: Literal["logfmt", "json"]) -> None:
        super().__init__()
        self._write = _logfmt if style == "logfmt" else json.dumps

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _NAMES.get(record.levelno, record.levelname.lower()),
            "msg": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return self._write(fields)


class _Writer(logging.Handler):
    """Hands lines to a thread that writes them to stderr."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._descriptor = sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY)
        self._lost = 0
        self._lines: queue.Queue[str] = queue.Queue(_WAITING_LINES)
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line, or count it where there is no room."""
        try:
            line, lost = self.format(record), self._lost
            if lost:
                text = f"{lost} lines are missing here: nobody read them in time"
                line = f"{self.format(logging.makeLogRecord({'msg': text, 'levelno': logging.WARNING}))}\n{line}"
            self._lines.put_nowait(line)
            self._lost -= lost
        except queue.Full:
            self._lost += 1
        except Exception:  # noqa: BLE001 - as in every handler of logging: a bad record must not end the caller
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all is written, for at most ``_LAST_WORDS``."""
        deadline = time.monotonic() + _LAST_WORDS
        with self._lines.all_tasks_done:
            while self._lines.unfinished_tasks and (left := deadline - time.monotonic()) > 0:
                self._lines.all_tasks_done.wait(left)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            with contextlib.suppress(OSError):  # the reader is gone
                _write_all(self._descriptor, f"{line}\n".encode("utf-8", "backslashreplace"))
            self._lines.task_done()


def _write_all(descriptor: int, data: bytes) -> None:
    """Write without Python's own buffer: the end of the program would wait for it while nobody reads."""
    while data:
        data = data[os.write(descriptor, data) :]


def configure(level: str, style: Literal["logfmt", "json"]) -> None:
    """Send everything of at least ``level`` (one of LEVELS) to stderr."""
    logging.basicConfig(level=LEVELS[level], handlers=[_Writer(_Formatter(style))], force=True)
    logging.getLogger("aiohttp.server").addFilter(_is_not_of_a_client)
    for chatty in ("asyncio", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _is_not_of_a_client(record: logging.LogRecord) -> bool:
    """Leave out faults of clients: the request, perhaps with a password, would be in the traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _logfmt(fields: dict[str, object]) -> str:
    return " ".join(f"{key}={_value(str(value))}" for key, value in fields.items())


def _value(text: str) -> str:
    """Quote what is not one word; escape it where it holds what ends lines or commands terminals."""
    visible = text.isprintable()
    return text if visible and _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=not visible)
