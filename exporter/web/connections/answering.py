"""aiohttp's side of a connection, where ours differs: the words of refusals, and the end of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

RequestFactory = Callable[..., web.BaseRequest]

SERVER = "latency-exporter"
"""Our name in every answer, without versions."""
_TOO_MANY = "Too many headers received"
"""aiohttp's message about more than 128; it has no exception of its own."""
_TOO_LONG = "Bad request: its first line or one of its headers is too long.\n"
NO_HTTP = "Bad request: this is no request that HTTP/1.1 allows.\n"
TOO_LARGE = "The head of this request is too large.\n"
_UNMET = web.RequestKey("unmet", bool)
"""Whether the client expects what we do not know."""


class Handler(web.RequestHandler):
    """One connection of a ``web.Server``; ``answered`` is called when the transport has been given a whole answer."""

    __slots__ = ("_answered", "_headers", "_refused")

    def __init__(
        self,
        server: web.Server,
        answered: Callable[[bool], None],
        refused: Callable[[int], None],
        headers: Mapping[str, str],
        **options: object,
    ) -> None:
        self._answered, self._refused, self._headers = answered, refused, headers
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, **options)  # type: ignore[arg-type]  # Limits.handler_options()

    @property
    def has_work(self) -> bool:
        """Whether it has a request, or bytes that are none, that it has not begun to answer."""
        return bool(self._messages)

    def log_access(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - as aiohttp calls it, at the end of each answer
        response: web.StreamResponse,
        time: float | None,  # noqa: ARG002 - likewise
    ) -> None:
        """Report that an answer is complete, and whether another may follow."""
        self._answered(bool(response.keep_alive))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request in our own words: aiohttp's repeat it and name its version, with a traceback."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        text = _TOO_LONG if isinstance(exc, LineTooLong) else NO_HTTP
        if exc.message == _TOO_MANY:
            status, text = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, TOO_LARGE
        self._refused(status)
        response = web.Response(status=status, text=text, headers={**self._headers, "Server": SERVER})
        response.force_close()
        return response


def keeping_expectations(make: RequestFactory) -> RequestFactory:
    """Hide from aiohttp an ``Expect`` that it does not know: its refusal, before any login, repeats the text."""

    def made(message: RawRequestMessage, *more: Any) -> web.BaseRequest:  # noqa: ANN401 - as aiohttp gives them
        if hdrs.EXPECT not in message.headers or message.version != HttpVersion11:
            return make(message, *more)
        headers = message.headers.copy()
        if {value.lower() for value in headers.popall(hdrs.EXPECT)} <= {"", "100-continue"}:
            return make(message, *more)
        request = make(message._replace(headers=headers), *more)  # type: ignore[arg-type]  # as good as a proxy of it
        request[_UNMET] = True
        return request

    return made


@web.middleware
async def refuse_expectations(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse what expects something else than ``100-continue`` (RFC 9110, section 10.1.1)."""
    if request.get(_UNMET):
        raise web.HTTPExpectationFailed(text="Of Expect, only 100-continue is known here.\n")
    return await handler(request)


async def close_after_body(request: web.Request, response: web.StreamResponse) -> None:
    """End the connection with the answer to a request that announced a body (``application.on_response_prepare``).

    No handler reads one; without it what follows a head can only be another head.
    """
    if request.body_exists:
        response.force_close()
        response.headers["Connection"] = "close"


def refusal(status: HTTPStatus, text: str, headers: Mapping[str, str]) -> bytes:
    """Return an answer that no handler made; the connection ends with it."""
    fields = {
        **headers,
        "Server": SERVER,
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(text)),
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{lines}\r\n{text}".encode("latin-1", "replace")
