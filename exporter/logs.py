"""Log lines on stderr, as logfmt or JSON: one line per event, whatever its text holds."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

from aiohttp.http_exceptions import HttpProcessingError

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_NAMES = {number: name for name, number in LEVELS.items()} | {logging.CRITICAL: "error"}
_WORD = re.compile(r"[^ \"=\\]+")


class _Formatter(logging.Formatter):
    def __init__(self, style: Literal["logfmt", "json"]) -> None:
        super().__init__()
        self._write = _logfmt if style == "logfmt" else json.dumps

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _NAMES.get(record.levelno, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return self._write(fields)


def configure(level: str, style: Literal["logfmt", "json"]) -> None:
    """Send everything of at least ``level`` (one of LEVELS) to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    for chatty in ("asyncio", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out what a client did wrong: its request, and with it perhaps its password, would be in the traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _logfmt(fields: dict[str, str]) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(text: str) -> str:
    """Quote what is not one word; escape it where it holds what ends lines or commands terminals."""
    visible = text.isprintable()
    return text if visible and _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=not visible)
