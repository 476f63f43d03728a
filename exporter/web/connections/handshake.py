"""How a connection over TLS begins, and the answers to clients that do not begin it."""

from __future__ import annotations

from collections.abc import Callable

from exporter.web.connections.stream import TlsStream

_HANDSHAKE = 0x16
"""The content type of a handshake's records (RFC 8446, section 5.1)."""
_RECORD_HEAD = 5
_MOST_OF_A_RECORD = 16 << 10
UNEXPECTED_MESSAGE = bytes((0x15, 3, 3, 0, 2, 2, 10))
"""A fatal alert (RFC 8446, section 6)."""
PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
"""Word for word what Go's servers say; other programs look for it."""
_HEALTH_CHECK = b"GET /-/healthy "
"""``exporter.commands.healthcheck`` asks in the clear first, every half minute: that is not worth a line of the log."""


class NoTls(Exception):
    """The client did not begin with a handshake."""

    def __init__(self, first: bytes) -> None:
        super().__init__("no handshake")
        self.is_http = first[:1].isalpha()
        self.is_health_check = first.startswith(_HEALTH_CHECK)


class ServerHandshake:
    """Reads what the client sends until the handshake is over; only a complete first record costs memory."""

    def __init__(self, make: Callable[[], TlsStream]) -> None:
        self._make = make
        self._first_record = b""
        self._stream: TlsStream | None = None

    def received(self, data: bytes) -> TlsStream | None:
        """Go on with the handshake; return the stream once it is over. Raises NoTls; where it fails, ssl.SSLError."""
        if self._stream is None:
            self._first_record += data
            if self._first_record[0] != _HANDSHAKE:
                raise NoTls(self._first_record)
            if not self._has_first_record():
                return None
            self._stream = self._make()
            data, self._first_record = self._first_record, b""
        return self._stream if self._stream.continue_handshake(data) else None

    def _has_first_record(self) -> bool:
        expected = _RECORD_HEAD + int.from_bytes(self._first_record[3:_RECORD_HEAD])
        return len(self._first_record) >= min(max(expected, _RECORD_HEAD + 1), _MOST_OF_A_RECORD)
