"""One connection, between asyncio and aiohttp's handler: counted, with TLS where it is wanted, and with deadlines.

aiohttp alone keeps a trickled head for an hour and a stalled reader's page for ever (40 readers of 15 MB held 632 MB),
and answers one pipelined request after the other while nobody reads (2,000 of them: 100 MB). Here one request of a
connection is handled at a time: until its answer has left, nothing more is read. So a client that ends its sending
side at once gets its answer too.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from http import HTTPStatus

from collectors.terms import Seconds
from exporter.web.client_address import address_of
from exporter.web.connections import refusals
from exporter.web.connections.answering import Handler, refusal
from exporter.web.connections.handshake import PLAIN_HTTP, UNEXPECTED_MESSAGE, NoTls, ServerHandshake
from exporter.web.connections.progress import AnswerProgress
from exporter.web.connections.requests import Requests
from exporter.web.connections.shared import SharedState
from exporter.web.connections.stream import ServerStream, TlsStream


class ClientConnection(asyncio.BufferedProtocol):
    """One client, from its accept on: its time begins before TLS, since a handshake may never end."""

    def __init__(self, shared: SharedState) -> None:
        self._shared, self._limits = shared, shared.limits
        self._loop = asyncio.get_running_loop()
        self._stream: ServerStream | None = None
        self._requests: Requests | None = None
        self._handshake: ServerHandshake | None = None
        self._is_over = False
        """Nothing that still comes will be read."""
        self._end_timer: asyncio.TimerHandle | None = None

    def cut(self) -> None:
        """Close at once, whatever waits to be sent."""
        self._raw.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as a stream's protocol is given
        self._raw = transport
        self._progress = AnswerProgress(transport, self._limits)
        transport.set_write_buffer_limits(0)  # pause_writing is called for every byte that was not taken
        self._address = address_of(transport.get_extra_info("peername"))
        self._shared.open_connections.add(self, self._address)
        self._end_at(self._limits.head)
        self._web = self._shared.config()
        if context := self._web.ssl_context():
            self._handshake = ServerHandshake(lambda: self._start_tls(context))
        else:
            self._serve(ServerStream(transport, self._hang_up))

    # What comes in

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_over:
            return
        data = bytes(self._shared.buffer[:nbytes])
        try:
            if self._requests:
                self._receive(data)
            else:
                self._continue_handshake(data)
        except ssl.SSLError as error:  # its alert is on the way
            self._refuse_tls(refusals.reason_of(error))

    def _receive(self, data: bytes) -> None:
        assert self._requests  # noqa: S101 - TLS, if any, is over
        is_end = False
        if isinstance(self._stream, TlsStream):
            data, is_end = self._stream.decrypted(data)
        self._requests.received(data)
        if is_end:
            self._requests.ended()

    def _continue_handshake(self, data: bytes) -> None:
        assert self._handshake  # noqa: S101 - without TLS there are requests from the beginning
        try:
            stream = self._handshake.received(data)
        except NoTls as no_tls:
            self._refuse_no_tls(no_tls)
            return
        if stream:
            self._shared.handshakes.remove(self)
            self._serve(stream)
            self._receive(b"")  # what came with the end of the handshake

    def _refuse_no_tls(self, no_tls: NoTls) -> None:
        if not no_tls.is_http:
            self._raw.write(UNEXPECTED_MESSAGE)
            self._refuse_tls(refusals.NO_TLS)
            return
        self._raw.write(PLAIN_HTTP)
        self._shared.refused(HTTPStatus.BAD_REQUEST)
        if no_tls.is_health_check:
            self._hang_up()
        else:
            self._refuse_tls(refusals.PLAIN_HTTP)

    def _start_tls(self, context: ssl.SSLContext) -> TlsStream:
        self._shared.handshakes.add(self, self._address)
        return TlsStream(self._raw, self._hang_up, context)

    def _refuse_tls(self, reason: str) -> None:
        self._shared.refusals.log(self._address, reason)
        self._hang_up()

    def _serve(self, stream: ServerStream) -> None:
        self._stream = stream
        is_stranger = isinstance(stream, TlsStream) and not self._is_admitted(stream)
        self._requests = Requests(self, self._limits, refuses=is_stranger)
        handler = Handler(
            self._shared.web_server,
            self._requests.answered,
            self._shared.refused,
            self._web.headers,
            **self._limits.handler_options(),
        )
        self._requests.handler = handler
        handler.connection_made(stream)
        if self.has_unsent:
            handler.pause_writing()

    def _is_admitted(self, stream: TlsStream) -> bool:
        return not self._web.tls or self._web.tls.admits(stream.client_certificate)

    def eof_received(self) -> None:
        """Note that the client ended its side; while a request is being answered nothing is read, not even this."""
        if self._requests and not self._is_over:
            self._requests.ended()

    # What the requests ask for

    def pause_reading(self) -> None:
        """Read no more until ``resume_reading``."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read on; what comes next has its deadline once it begins."""
        self._raw.resume_reading()

    @property
    def has_unsent(self) -> bool:
        """Whether something still waits to be taken by the client."""
        return self._progress.is_watched

    def head_begun(self) -> None:
        """Start the clock: the first bytes of a request came, and its head has to be complete in time."""
        if self._end_timer is None:
            self._end_at(self._limits.head)

    def head_complete(self) -> None:
        """Stop the clock: the head of a request is complete."""
        self._shared.open_connections.used(self)
        self._cancel_end()

    def in_turn(self, action: Callable[[], None]) -> None:
        """Call an action when it is the turn of this client's address."""
        self._shared.pace.begin(self._address, action)

    def refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer a request that no handler will see, and end the connection."""
        assert self._stream  # noqa: S101 - whose request this is
        self._shared.refused(status)
        self._stream.write(refusal(status, text, self._web.headers))
        self._stream.close()

    def refuse_stranger(self) -> None:
        """Answer a client whose certificate is good and bears none of the allowed names; its handshake went well."""
        self._shared.refusals.log(self._address, refusals.FORBIDDEN)
        self.refuse(HTTPStatus.FORBIDDEN, "The client's certificate bears no name that may ask here.\n")

    def close(self) -> None:
        """End the connection: the client will say nothing more."""
        if self._stream:
            self._stream.close()

    # Its end

    def _hang_up(self) -> None:
        """End our side, and close when the client has ended its own: closing at once would lose it the answer."""
        if self._is_over:
            return
        self._is_over = True
        if not self._raw.is_closing():
            with contextlib.suppress(OSError):  # the client has closed already
                self._raw.write_eof()
            self._raw.resume_reading()
        self._cancel_end()
        self._end_at(self._limits.farewell)

    def _end_at(self, delay: Seconds) -> None:
        self._end_timer = self._loop.call_later(delay, self._end)

    def _cancel_end(self) -> None:
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
        """Watch the client from the first byte that was not taken; asyncio calls it as soon as there is one."""
        self._progress.watch()
        if self._requests and self._requests.handler:
            self._requests.handler.pause_writing()

    def resume_writing(self) -> None:
        self._progress.stop()
        if self._requests and self._requests.handler:
            self._requests.handler.resume_writing()
            self._requests.sent()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._is_over = True
        self._shared.open_connections.remove(self)
        self._shared.handshakes.remove(self)
        self._cancel_end()
        self._progress.stop()
        self._handshake = self._stream = None
        requests, self._requests = self._requests, None
        if requests and requests.handler:
            # Called later: on a request that it was given in this turn of the loop it would fail. Called without the
            # error, whose traceback would hold on to the page.
            self._loop.call_soon(requests.handler.connection_lost, None)
            requests.handler = None
