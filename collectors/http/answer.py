"""An answer of HTTP/1 as bytes: its heads and its body's pieces, read as leniently as curl reads them (RFC 9112).

Bare line feeds, folded and Latin-1 headers, white space before a colon, a status without words: appliances, old
scripts and filters on the way write these, and browsers take them. What is refused is what clients would understand
differently, and what is no answer at all; its words are for people. What it may cost is bounded by ``HEADER_ROOM``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from collectors.contract import ProbeFailed
from collectors.http.head import Head, excerpt
from collectors.terms import Reason

HEADER_ROOM = 64 * 1024
"""Bytes of all heads and trailers of an answer, and of one line of its framing."""
INTERIM_ANSWERS = 32
_HEX = re.compile(rb"[0-9A-Fa-f]{1,16}(?![0-9A-Fa-f])")
_BEGINNING = b"HTTP/"
_BODILESS = {101, 204, 304}
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")
"""An alert or a handshake, of version 3.x (RFC 8446, 5.1)."""
_HTTP2_SETTINGS = re.compile(rb"\0..\x04", re.DOTALL)
"""The frame that a server of HTTP/2 begins with (RFC 9113, 3.4)."""


class Answer:
    """Reads bytes as they come; ``complete`` when the answer's end has come."""

    def __init__(self, *, bodiless: bool) -> None:
        """``bodiless``: the answer to a HEAD, which has no body whatever it announces."""
        self.complete = False
        self.interim = 0
        """Interim answers (100, 103 ...) that have come before the answer itself."""
        self._bodiless = bodiless
        self._buffer = bytearray()
        self._searched = 0
        self._room = HEADER_ROOM
        self._left = 0
        self._head: Head | None = None
        self._step: Callable[[], Iterator[Head | bytes] | None] = self._read_head

    @property
    def begun(self) -> bool:
        """Whether anything of the answer itself has come, and not of an interim one alone."""
        return self.complete or self._step != self._read_head or self._head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Head | bytes]:
        """Read more bytes; return the heads (of the answer itself) and the pieces of the body that they complete."""
        self._buffer += data
        while not self.complete and (pieces := self._step()) is not None:
            yield from pieces

    def end(self) -> None:
        """Note the end of the connection, which ends a body of unknown length; else ProbeFailed(PROTOCOL)."""
        if self._step == self._read_to_the_end:
            self.complete = True
        if self._step == self._read_head and self._head is None and not self._seems_http:
            raise _no_answer(bytes(self._buffer))
        if not self.complete:
            raise ProbeFailed(Reason.PROTOCOL, "closed before the answer was complete")

    @property
    def _seems_http(self) -> bool:
        return _BEGINNING.startswith(bytes(self._buffer[: len(_BEGINNING)]).upper())

    # Each step reads what it can; None: more bytes are needed

    def _read_head(self) -> Iterator[Head | bytes] | None:
        if self._head is None and len(self._buffer) >= len(_BEGINNING) and not self._seems_http:
            raise _no_answer(bytes(self._buffer))
        line = self._line()
        if line is None:
            return None
        if self._head is None:
            self._head = Head(line)
        elif line:
            self._head.add(line)
        else:
            return self._end_of_head()
        return iter(())

    def _end_of_head(self) -> Iterator[Head | bytes]:
        head, self._head = self._head, None
        assert head is not None  # noqa: S101 - its status line was read
        if head.is_interim:
            self.interim += 1
            if self.interim > INTERIM_ANSWERS:
                raise ProbeFailed(Reason.PROTOCOL, f"more than {INTERIM_ANSWERS} interim answers")
            return iter(())
        self._begin_body(head)
        return iter((head,))

    def _begin_body(self, head: Head) -> None:
        coding = head.transfer_coding
        length = None if coding else head.length()
        if self._bodiless or head.status in _BODILESS or length == 0:
            self.complete = True
        elif coding == b"chunked":
            self._step = self._read_chunk_size
        elif length is None:
            self._step = self._read_to_the_end
        else:
            self._left, self._step = length, self._read_length

    def _read_to_the_end(self) -> Iterator[bytes] | None:
        return iter((self._take(len(self._buffer)),)) if self._buffer else None

    def _read_length(self) -> Iterator[bytes] | None:
        if not self._buffer:
            return None
        piece = self._take(self._left)
        self.complete = not self._left
        return iter((piece,))

    def _read_chunk_size(self) -> Iterator[bytes] | None:
        line = self._line(counted=False)
        if line is None:
            return None
        size = _HEX.match(line)  # what follows are extensions
        if size is None:
            raise ProbeFailed(Reason.PROTOCOL, f"no length of a chunk: {excerpt(line)}")
        self._left = int(size[0], 16)
        self._step = self._read_chunk if self._left else self._read_trailers
        return iter(())

    def _read_chunk(self) -> Iterator[bytes] | None:
        if not self._buffer:
            return None
        piece = self._take(self._left)
        if not self._left:
            self._step = self._read_end_of_chunk
        return iter((piece,))

    def _read_end_of_chunk(self) -> Iterator[bytes] | None:
        line = self._line(counted=False)
        if line is None:
            return None
        if line:
            raise ProbeFailed(Reason.PROTOCOL, "a chunk is longer than it says")
        self._step = self._read_chunk_size
        return iter(())

    def _read_trailers(self) -> Iterator[bytes] | None:
        line = self._line()
        self.complete = line == b""
        return None if line is None else iter(())

    def _take(self, count: int) -> bytes:
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._left -= len(piece)
        return piece

    def _line(self, *, counted: bool = True) -> bytes | None:
        """Return the next line without its end; None: it has not come yet. ``counted`` against all lines' room."""
        end = self._buffer.find(b"\n", self._searched)
        length = end + 1 or len(self._buffer)
        if length > self._room:
            raise ProbeFailed(Reason.PROTOCOL, f"more than {HEADER_ROOM // 1024} KiB of headers")
        if end < 0:
            self._searched = length
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        self._searched = 0
        if counted:
            self._room -= length
        return line


def _no_answer(data: bytes) -> ProbeFailed:
    """Return the failure that names what came instead of an answer."""
    if data.startswith(_TLS_RECORDS):
        return ProbeFailed(Reason.PROTOCOL, "it answers in TLS: is the url to begin with https?")
    if _HTTP2_SETTINGS.match(data):
        return ProbeFailed(Reason.PROTOCOL, "it speaks HTTP/2 alone; HTTP/1.1 is asked for here")
    first = data.partition(b"\n")[0].rstrip(b"\r")
    return ProbeFailed(Reason.PROTOCOL, f"this is no answer in HTTP: {excerpt(first)}")
