"""What has not answered yet, on one line of a terminal that is gone in the end."""

from __future__ import annotations

from typing import TextIO

from exporter.wording import some

_CLEAR = "\r\x1b[K"


class Progress:
    """Shows the line if it is written to a terminal."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal if terminal.isatty() else None
        self._left: dict[str, None] = {}

    def asked(self, name: str) -> None:
        """Add a server or a name to those that have not answered yet."""
        self._left[name] = None
        self._show()

    def done(self, name: str) -> None:
        """Remove one from which nothing more comes."""
        self._left.pop(name, None)
        self._show()

    def _show(self) -> None:
        if self._terminal:
            line = f"waiting for {some(self._left)}" if self._left else ""
            self._terminal.write(_CLEAR + line[:79])
            self._terminal.flush()
