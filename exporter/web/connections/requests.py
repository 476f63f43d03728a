"""One request of a connection at a time: what aiohttp gets to read, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from exporter.web.connections.answering import NO_HTTP, TOO_LARGE, Handler
from exporter.web.connections.limits import Limits

_HEAD_END = b"\r\n\r\n"
_VERSIONS = (b" HTTP/1.1", b" HTTP/1.0")
_LINE_END = len(b" HTTP/1.1\r")
_KNOWN = b"known"
_INCOMPLETE = "Bad request: it is not complete, and no more of it comes.\n"


class Carrier(Protocol):
    """The connection that carries the requests: ``ClientConnection``.

    Of each request it is called in this order: ``head_begun`` at the first bytes; ``head_complete`` and
    ``pause_reading`` at the end of the head; ``in_turn`` with what hands the head to aiohttp; ``resume_reading`` once
    the answer has left. ``refuse`` and ``refuse_stranger`` answer, after which nothing is read. ``close`` ends a
    connection that has no request.
    """

    @property
    def has_unsent(self) -> bool: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def head_begun(self) -> None: ...
    def head_complete(self) -> None: ...
    def in_turn(self, action: Callable[[], None]) -> None: ...
    def refuse(self, status: HTTPStatus, text: str) -> None: ...
    def refuse_stranger(self) -> None: ...
    def close(self) -> None: ...


class Requests:
    """Hands a head on to aiohttp, and holds back what follows it until its answer has left.

    A head ends with an empty line. A request that announces a body is its connection's last (``close_after_body``), so
    what follows an answered head is another head.
    """

    def __init__(self, carrier: Carrier, limits: Limits, *, refuses: bool) -> None:
        self.handler: Handler | None = None
        self._carrier, self._limits, self._refuses = carrier, limits, refuses
        self._waiting = b""
        self._head_bytes = 0
        self._tail = b""
        self._version = b""
        """What may be the end of the first line."""
        self._is_answering = self._is_last = self._is_ended = False

    def received(self, data: bytes) -> None:
        """Hand on what the client sent, or hold it back until its turn."""
        if self._is_last:
            return
        self._waiting += data
        if not self._is_answering:
            self._hand_on()

    def ended(self) -> None:
        """Note that the client will send nothing more; the answer that it waits for is still sent."""
        self._is_ended = True
        self._end_if_done()

    def answered(self, keep_alive: bool) -> None:  # noqa: FBT001 - aiohttp's word for it
        """Note that an answer was handed to the transport; the next request waits until it has left."""
        self._is_answering = False
        if not keep_alive:
            self._is_last, self._waiting = True, b""
        elif not self._carrier.has_unsent:
            asyncio.get_running_loop().call_soon(self.sent)  # aiohttp has not yet finished with this one

    def sent(self) -> None:
        """Go on: nothing waits to be sent any more."""
        if self._is_answering or self._is_last or self._carrier.has_unsent:
            return
        self._hand_on()
        if not self._is_answering:
            self._carrier.resume_reading()
        self._end_if_done()

    def _end_if_done(self) -> None:
        if not self._is_ended or self._is_answering or self._is_last:
            return
        if self._head_bytes:
            self._refuse(HTTPStatus.BAD_REQUEST, _INCOMPLETE)
        else:
            self._carrier.close()

    def _hand_on(self) -> None:
        data, self._waiting = self._waiting, b""
        if not self._head_bytes:
            data = data.lstrip(b"\r\n")  # empty lines before a request (RFC 9112, section 2.2)
        if not data or self.handler is None:
            return
        self._carrier.head_begun()
        data, ends = self._head_of(data)
        if self._is_of_another_version(data):
            self._refuse(HTTPStatus.BAD_REQUEST, NO_HTTP)
        elif self._head_bytes > self._limits.unfinished_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, TOO_LARGE)
        elif self._refuses:
            if ends:
                self._carrier.refuse_stranger()
        elif ends:
            self._carrier.in_turn(lambda: self._begin(data))
        else:
            self.handler.data_received(data)
            if self.handler.has_work:  # it is no request: the handler will refuse it
                self._read_no_more()
        if ends:
            self._head_bytes, self._tail, self._version = 0, b"", b""

    def _begin(self, data: bytes) -> None:
        if self.handler:
            self.handler.data_received(data)

    def _head_of(self, data: bytes) -> tuple[bytes, bool]:
        """Return what of the data belongs to this head, and whether it ends there; the rest waits."""
        seen = self._tail + data
        end = seen.find(_HEAD_END)
        self._head_bytes += len(data)
        self._tail = seen[1 - len(_HEAD_END) :]
        if end < 0:
            return data, False
        self._read_no_more()
        end += len(data) - len(seen) + len(_HEAD_END)
        self._waiting = data[end:]
        return data[:end], True

    def _read_no_more(self) -> None:
        """Read nothing more until this is answered, not even that the client has ended its side."""
        self._is_answering = True
        self._carrier.head_complete()
        self._carrier.pause_reading()

    def _is_of_another_version(self, data: bytes) -> bool:
        """Return whether the first line ends here without HTTP/1's version: aiohttp would take it for 0.9, or wait."""
        if self._version is _KNOWN:
            return False
        line, newline, _ = (self._version + data).partition(b"\n")
        self._version = _KNOWN if newline else line[-_LINE_END:]
        return bool(newline) and not line.rstrip(b"\r").endswith(_VERSIONS)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self._is_last = True
        self._carrier.refuse(status, text)
