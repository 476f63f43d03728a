"""What has not answered yet, on one line of a terminal that is gone in the end."""

from __future__ import annotations

from typing import TextIO

from exporter.doctor.consultation import Waiting
from exporter.wording import some

_CLEAR = "\r\x1b[K"


class Progress(Waiting):
    """Shows the line where it is a terminal that reads it."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal if terminal.isatty() else None
        self._left: dict[str, None] = {}

    def asked(self, name: str) -> None:
        self._left[name] = None
        self._show()

    def done(self, name: str) -> None:
        self._left.pop(name, None)
        self._show()

    def _show(self) -> None:
        if self._terminal:
            line = f"waiting for {some(self._left)}" if self._left else ""
            self._terminal.write(_CLEAR + line[:79])
            self._terminal.flush()
