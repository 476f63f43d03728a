"""The head of an answer of HTTP/1: its status, and the headers that matter here (RFC 9112)."""

from __future__ import annotations

import re

from collectors.contract import ProbeFailed
from collectors.terms import Reason

_KEPT = frozenset({b"content-length", b"content-type", b"location", b"server-timing", b"transfer-encoding"})
_STATUS_LINE = re.compile(rb"HTTP/(?:1\.[01]|2) +([1-9][0-9]{2})(?![0-9])", re.IGNORECASE)
"""What follows are words. Some proxies keep the 2 of the server behind them."""
_SWITCHING_PROTOCOLS = 101
_LONGEST_NUMBER = 18
"""Digits of a length that is believed."""
_SHOWN = 100
"""Characters of a peer's text that people get to see."""
_LOGIN = re.compile(rb"(?i)^(https?:[/\\]*|(?:[a-z][a-z0-9+.-]*:)?[/\\]{2,})[^/\\]*@")
"""What a url begins with that names a user, perhaps with a password; group 1 is what stands before it."""


class Head:
    """Status and the headers that matter here, with lower-case names, each with its values in order."""

    def __init__(self, status_line: bytes) -> None:
        self.status = _status(status_line)
        self.fields: dict[bytes, list[bytes]] = {}
        self._last: list[bytes] | None = None
        """The values of the latest header, which the next line may continue."""

    def add(self, line: bytes) -> None:
        """Read one more line, which is not empty; ProbeFailed(PROTOCOL)."""
        if b"\0" in line:
            raise ProbeFailed(Reason.PROTOCOL, "a zero byte in its headers")
        if line[0] in b" \t" and self._last is not None:
            self._last[-1] += b" " + line.strip()
            return
        name, colon, value = line.partition(b":")
        if not colon:
            raise ProbeFailed(Reason.PROTOCOL, f"a header line without a colon: {excerpt(line)}")
        self._last = [b""]  # a header that is not kept loses its continuation
        name = name.strip().lower()
        if name in _KEPT:
            self._last = self.fields.setdefault(name, [])
            self._last.append(value.strip())

    @property
    def is_interim(self) -> bool:
        """Whether the answer itself is still to come (RFC 9110, 15.2)."""
        return self.status < 200 and self.status != _SWITCHING_PROTOCOLS  # noqa: PLR2004 - see there

    @property
    def transfer_coding(self) -> bytes:
        """The last transfer coding, which frames the body; none for those that change nothing."""
        codings = [
            coding.strip().lower()
            for value in self.fields.get(b"transfer-encoding", ())
            for coding in value.split(b",")
        ]
        return next((coding for coding in reversed(codings) if coding not in (b"", b"identity")), b"")

    def length(self) -> int | None:
        """Return the body's length; None: none is announced. The same one may stand twice (RFC 9112, 6.3)."""
        lengths = {length.strip() for value in self.fields.get(b"content-length", ()) for length in value.split(b",")}
        if not lengths:
            return None
        length = min(lengths)
        if len(lengths) > 1 or not length.isdigit():
            raise ProbeFailed(Reason.PROTOCOL, f"it has no one length: {excerpt(b', '.join(sorted(lengths)))}")
        return int(length) if len(length) <= _LONGEST_NUMBER else None


def _status(line: bytes) -> int:
    status = _STATUS_LINE.match(line)
    if status is None:
        raise ProbeFailed(Reason.PROTOCOL, f"its first line is not one of HTTP/1.1: {excerpt(line)}")
    return int(status[1])


def excerpt(data: bytes) -> str:
    """Return a peer's text, short and on one line, between quotes."""
    text = data[: _SHOWN + 1].decode("latin-1")
    visible = "".join(letter if letter.isascii() and letter.isprintable() else "." for letter in text[:_SHOWN])
    return f'"{visible}"' if len(text) <= _SHOWN else f'"{visible}..."'


def place_of(location: bytes) -> bytes:
    """Return where a redirect leads without what may be secret: a login before the host, a token behind the path."""
    return _LOGIN.sub(rb"\1", re.split(b"[?#]", location, maxsplit=1)[0])
