"""What stands between asyncio and aiohttp's handler: it counts the connection, speaks TLS and keeps time.

aiohttp alone keeps a trickled head for an hour and a stalled reader's page for ever (40 readers of 15 MB held 632 MB),
and answers one pipelined request after the other while nobody reads (2,000 of them: 100 MB). Here one request of a
connection is handled at a time: until its answer has left, nothing more is read. So a client that says at once that it
will send nothing more gets its answer too.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from exporter.web_config.answering import Handler, refusal
from exporter.web_config.limits import Guests, Limits, address_of
from exporter.web_config.line import Pace
from exporter.web_config.loading import WebConfig
from exporter.web_config.refusals import FORBIDDEN, NO_TLS, PLAIN_HTTP, Refusals, why
from exporter.web_config.requests import Requests
from exporter.web_config.stream import Stream, TlsStream

_BACKLOG = 512
_READ_AT_ONCE = 4 << 10
_UNSENT = 16 << 10
"""Bytes of an answer that the kernel takes ahead of what the client's window lets through."""
_BEGUN_AT_ONCE = 4
"""Requests that are begun in a turn of the loop; a page of 100 pairs takes a millisecond or two."""
_HANDSHAKE = 0x16
"""The content type of a handshake's records (RFC 8446, section 5.1)."""
_RECORD_HEAD = 5
_MOST_OF_A_RECORD = 16 << 10
_UNEXPECTED_MESSAGE = bytes((0x15, 3, 3, 0, 2, 2, 10))
"""A fatal alert (RFC 8446, section 6)."""
_HEALTH_CHECK = b"GET /-/healthy "
"""``exporter.healthcheck`` asks in the clear first: that is nothing to tell, every half minute."""
_PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
"""Word for word what Go's servers say; other programs look for it."""


async def serve(sock: socket.socket, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
    """Accept on a listening socket, one connection per turn of the loop.

    asyncio takes its ``backlog`` for the number of accepts in a row, too: with more than one, a burst
    takes every file descriptor before any connection can give way, and each failed accept sets a timer
    that tries again as often (512: 60,000 errors in 9 s; 1: one a second).

    What is accepted inherits how much the kernel takes of an answer that nobody reads: else megabytes.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    server = await asyncio.get_running_loop().create_server(factory, sock=sock, backlog=1)
    sock.listen(_BACKLOG)  # Linux adjusts it (inet_listen, net/ipv4/af_inet.c)
    return server


class Connections:
    """The protocol factory for ``serve``, and what all connections share.

    ``config()`` is asked at each connection: certificates, and TLS as such, follow files and reloads. ``refused``
    counts the answers (by status) that no handler of the application made.
    """

    def __init__(
        self,
        web_server: web.Server,
        config: Callable[[], WebConfig],
        limits: Limits,
        refused: Callable[[int], None],
    ) -> None:
        self.web_server, self.config, self.limits, self.refused = web_server, config, limits, refused
        self.guests = Guests(limits.connections, limits.per_address)
        self.handshakes = Guests(limits.handshakes, limits.handshakes)
        """Those under way: the client's first words came, and memory was taken for what follows."""
        self.refusals = Refusals()
        self.pace = Pace(_BEGUN_AT_ONCE)
        self.buffer = memoryview(bytearray(_READ_AT_ONCE))
        """What is read goes here first, of one connection at a time."""

    def __call__(self) -> asyncio.BaseProtocol:
        return _Connection(self)

    def close(self) -> None:
        """Cut all that are still open."""
        self.guests.cut_all()


class _Connection(asyncio.BufferedProtocol):
    """One client, from its accept on; TLS counts too, since its handshake may never end."""

    def __init__(self, house: Connections) -> None:
        self._house, self._limits = house, house.limits
        self._loop = asyncio.get_running_loop()
        self._stream: Stream | None = None
        self._requests: Requests | None = None
        self._first_record = b""
        self._is_over = False
        """Nothing that still comes will be looked at."""
        self._unsent = 0
        self._send_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None

    def cut(self) -> None:
        """Close at once, whatever waits to be sent."""
        self._raw.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as a stream's protocol is given
        self._raw = transport
        transport.set_write_buffer_limits(0)  # whoever writes hears of every byte that was not taken
        self._address = address_of(transport.get_extra_info("peername"))
        self._house.guests.enter(self, self._address)
        self._end_at(self._limits.head)
        self._web = self._house.config()
        self._context = self._web.ssl_context()
        if self._context is None:
            self._serve(Stream(transport, self._hang_up))

    # What comes in

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._house.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_over:
            return
        data = bytes(self._house.buffer[:nbytes])
        try:
            if self._requests:
                self._take(data)
            else:
                self._shake(data)
        except ssl.SSLError as error:  # its alert is on the way
            self._refuse_tls(why(error))

    def _take(self, data: bytes) -> None:
        assert self._requests  # noqa: S101 - there is somebody who serves
        is_end = False
        if isinstance(self._stream, TlsStream):
            data, is_end = self._stream.decrypted(data)
        self._requests.received(data)
        if is_end:
            self._requests.ended()

    def _shake(self, data: bytes) -> None:
        """Go on with the handshake, which begins once all of its first record is there: until then it costs nothing."""
        if not isinstance(self._stream, TlsStream):
            self._first_record += data
            if self._first_record[0] != _HANDSHAKE:
                self._refuse_what_is_no_tls()
                return
            expected = _RECORD_HEAD + int.from_bytes(self._first_record[3:_RECORD_HEAD])
            if len(self._first_record) < min(max(expected, _RECORD_HEAD + 1), _MOST_OF_A_RECORD):
                return
            assert self._context  # noqa: S101 - without it nobody shakes hands
            self._stream = TlsStream(self._raw, self._hang_up, self._context)
            self._house.handshakes.enter(self, self._address)
            data, self._first_record = self._first_record, b""
        if self._stream.shake(data):
            self._house.handshakes.leave(self)
            self._serve(self._stream)
            self._take(b"")  # what came with the end of the handshake

    def _refuse_what_is_no_tls(self) -> None:
        if self._first_record[:1].isalpha():
            self._raw.write(_PLAIN_HTTP)
            self._house.refused(HTTPStatus.BAD_REQUEST)
            if self._first_record.startswith(_HEALTH_CHECK):
                self._hang_up()
            else:
                self._refuse_tls(PLAIN_HTTP)
        else:
            self._raw.write(_UNEXPECTED_MESSAGE)
            self._refuse_tls(NO_TLS)

    def _refuse_tls(self, reason: str) -> None:
        self._house.refusals.log(self._address, reason)
        self._hang_up()

    def _serve(self, stream: Stream) -> None:
        self._stream = stream
        is_stranger = isinstance(stream, TlsStream) and not self._is_admitted(stream)
        self._requests = Requests(self, self._limits, refuses=is_stranger)
        handler = Handler(
            self._house.web_server,
            self._requests.answered,
            self._house.refused,
            self._web.headers,
            **self._limits.handler_options(),
        )
        self._requests.handler = handler
        handler.connection_made(stream)
        if self._send_timer:
            handler.pause_writing()

    def _is_admitted(self, stream: TlsStream) -> bool:
        return not self._web.tls or self._web.tls.admits(stream.client_certificate)

    def eof_received(self) -> None:
        """Let the connection be closed; while a request is being answered nothing is read, not even this."""

    # What the requests say

    def wait(self) -> None:
        """Read no more until ``go_on``."""
        self._raw.pause_reading()

    def go_on(self) -> None:
        """Read on; what comes next has its deadline once it begins."""
        self._raw.resume_reading()

    @property
    def has_unsent(self) -> bool:
        """Whether something still waits to be taken by the client."""
        return self._send_timer is not None

    def begun(self) -> None:
        """A request has begun to come; it has to be there in time."""
        if self._end_timer is None:
            self._end_at(self._limits.head)

    def complete(self) -> None:
        """The head of a request is there."""
        self._house.guests.asked(self)
        self._end_in_no_time()

    def in_turn(self, action: Callable[[], None]) -> None:
        """Begin with a request when it is this address' turn."""
        self._house.pace.begin(self._address, action)

    def refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer a request that nobody will handle."""
        assert self._stream  # noqa: S101 - whose request this is
        self._house.refused(status)
        self._stream.write(refusal(status, text, self._web.headers))
        self._stream.close()

    def refuse_stranger(self) -> None:
        """Answer a client whose certificate is good and bears none of the names; TLS itself is done with it."""
        self._house.refusals.log(self._address, FORBIDDEN)
        self.refuse(HTTPStatus.FORBIDDEN, "The client's certificate bears no name that may ask here.\n")

    def close(self) -> None:
        """End the connection: the client will say nothing more."""
        if self._stream:
            self._stream.close()

    # Its end

    def _hang_up(self) -> None:
        """Say that nothing more comes, and let go when the client does: an answer is lost to whom we slam the door."""
        if self._is_over:
            return
        self._is_over = True
        if not self._raw.is_closing():
            with contextlib.suppress(OSError):  # the client was quicker
                self._raw.write_eof()
            self._raw.resume_reading()
        self._end_in_no_time()
        self._end_at(self._limits.farewell)

    def _end_at(self, delay: float) -> None:
        self._end_timer = self._loop.call_later(delay, self._end)

    def _end_in_no_time(self) -> None:
        if self._end_timer:
            self._end_timer.cancel()
            self._end_timer = None

    def _end(self) -> None:
        if self._is_over and self.has_unsent:
            self._end_at(self._limits.farewell)  # the answer's own deadline holds
        else:
            self.cut()

    # What goes out

    def pause_writing(self) -> None:
        """Keep time from the first byte that was not taken; asyncio calls it as soon as there is one."""
        self._watch_sending()
        if self._requests and self._requests.handler:
            self._requests.handler.pause_writing()

    def resume_writing(self) -> None:
        if self._send_timer:
            self._send_timer.cancel()
            self._send_timer = None
        if self._requests and self._requests.handler:
            self._requests.handler.resume_writing()
            self._requests.sent()

    def _watch_sending(self) -> None:
        self._unsent = self._raw.get_write_buffer_size()
        self._send_timer = self._loop.call_later(self._limits.send, self._expect_progress)

    def _expect_progress(self) -> None:
        """Cut a client that has taken too little, also while the connection is being closed."""
        if self._unsent - self._raw.get_write_buffer_size() < self._limits.send_bytes:
            self.cut()
        else:
            self._watch_sending()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._is_over = True
        self._house.guests.leave(self)
        self._house.handshakes.leave(self)
        self._end_in_no_time()
        if self._send_timer:
            self._send_timer.cancel()
        requests, self._requests, self._stream = self._requests, None, None
        if requests and requests.handler:
            # After a request that it was given in this turn of the loop, which it would fall over. Without the error,
            # whose traceback would hold on to the page.
            self._loop.call_soon(requests.handler.connection_lost, None)
            requests.handler = None
