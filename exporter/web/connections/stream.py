"""What aiohttp writes into: a connection in the clear, or TLS over it.

asyncio's own TLS takes 256 KiB for each connection before a byte has come, holds it in reference cycles until a
full collection, and sends no alert when a handshake fails. This is the half of it that a server needs; the reading
is ``connection.py``'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any

_MOST_AT_ONCE = 16 << 10
"""What one record of TLS can hold (RFC 8446, section 5.1)."""


class ServerStream(asyncio.Transport):
    """A connection in the clear; ``hang_up`` is called once nothing more will be written."""

    def __init__(self, raw: asyncio.Transport, hang_up: Callable[[], None]) -> None:
        super().__init__()
        self._raw, self._hang_up = raw, hang_up
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._raw.write(data)

    def get_write_buffer_size(self) -> int:
        return self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        return self._raw.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._closing or self._raw.is_closing()

    def close(self) -> None:
        """Send what waits, then hang up."""
        if not self._closing:
            self._closing = True
            self._hang_up()

    def abort(self) -> None:
        """Hang up at once, whatever waits to be sent."""
        self._closing = True
        self._raw.abort()


class TlsStream(ServerStream):
    """TLS over a connection, the server's side of it."""

    def __init__(self, raw: asyncio.Transport, hang_up: Callable[[], None], context: ssl.SSLContext) -> None:
        super().__init__(raw, hang_up)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def continue_handshake(self, data: bytes) -> bool:
        """Go on with the handshake; return whether it is over. Where it fails: ssl.SSLError, and its alert is sent."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._send()
        return True

    def decrypted(self, data: bytes) -> tuple[bytes, bool]:
        """Return the plain text of these bytes, and whether the client has ended TLS; raises ssl.SSLError."""
        self._incoming.write(data)
        pieces = []
        try:
            while piece := self._tls.read(_MOST_AT_ONCE):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces), False
        finally:
            self._send()
        return b"".join(pieces), True

    @property
    def client_certificate(self) -> dict[str, Any] | None:
        """A certificate that verified, as ``SSLObject.getpeercert`` returns it."""
        return self._tls.getpeercert()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError:  # the client has ended TLS already
            self.abort()
        else:
            self._send()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        """Return also ``sslcontext``, by which aiohttp knows https."""
        if name == "sslcontext":
            return self._tls.context
        return super().get_extra_info(name, default)

    def close(self) -> None:
        if not self._closing:
            with contextlib.suppress(ssl.SSLError):  # it would wait for the client's own farewell
                self._tls.unwrap()
            self._send()
        super().close()

    def _send(self) -> None:
        if self._outgoing.pending:
            self._raw.write(self._outgoing.read())
