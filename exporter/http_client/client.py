"""One server asked by HTTP, however it behaves: bounded in time and size, no redirect followed, no proxy, no cookie.

A foreign error becomes a ``Trouble`` here, by the collectors' own table where it is a socket's or TLS'.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import email.utils
import os
import re
import ssl
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
import yarl
from aiohttp.http_exceptions import HttpProcessingError

from collectors import failures, routes
from collectors.contract import ProbeFailed
from collectors.literals import literal_family
from collectors.secret import Secret
from collectors.terms import IpFamily, Reason, Seconds
from exporter import __version__
from exporter.http_client.aiohttp_resolver import Resolver
from exporter.http_client.outcome import HttpAnswer, HttpOutcome, Trouble
from exporter.wording import PART_OF_A_LINE, cleaned

_HIDDEN = b"***"
_QUOTABLE = 64 * 1024
"""Bytes of a body that may be quoted from."""
_EXCERPT = 80
"""Characters of a body that are quoted."""
_PARSER_FAULTS = (
    ("status", "its answer does not begin with HTTP/1.1 and a status"),
    ("more than", "a line of its answer is too long"),
    ("chunk|content-length|transfer-encoding|length", "its answer does not say in an orderly way how long it is"),
    ("header", "its answer has a header that is none"),
    ("", "its answer cannot be understood"),
)
"""How a message of aiohttp's parser begins -> our words. Its own are for programmers and quote bytes."""


class AskedServer(Protocol):
    """A server, and the login for it."""

    @property
    def url(self) -> str:
        """The beginning of all its URLs, without a slash at the end."""

    @property
    def user(self) -> str | None: ...
    @property
    def password(self) -> Secret | None: ...


@dataclasses.dataclass
class _RequestState:
    """How far a request came: a timeout before the connection means something else than one after it."""

    connected: bool = False


@contextlib.asynccontextmanager
async def session(asker: str, at_once: int = 0) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the session of all requests. ``asker`` is its User-Agent, ``at_once`` bounds the connections."""
    agent = f"latency-exporter/{__version__} ({asker})"
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_note_connection)
    trace.on_connection_reuseconn.append(_note_connection)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=Resolver(), use_dns_cache=False, limit=at_once),
        headers={"User-Agent": agent, "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # each server has one deadline for all of it
        auto_decompress=False,
        trust_env=False,
        trace_configs=[trace],
    ) as shared:
        yield shared


class Client:
    """Asks one server; all its requests end at the same moment of the loop's clock."""

    def __init__(
        self, shared: aiohttp.ClientSession, server: AskedServer, trust: ssl.SSLContext | None, deadline: Seconds
    ) -> None:
        self._session, self._server, self._deadline = shared, server, deadline
        self._trust: ssl.SSLContext | bool = trust or True
        self._headers, self._secrets = dict[str, str](), tuple[bytes, ...]()
        if server.user and server.password:
            password = server.password.reveal()
            token = base64.b64encode(f"{server.user}:{password}".encode()).decode()
            self._headers = {"Authorization": f"Basic {token}"}
            self._secrets = (token.encode(), password.encode())

    async def get(self, path: str, limit: int) -> HttpOutcome:
        """Ask for a path below the server's url; a body of more than ``limit`` bytes is a trouble."""
        state = _RequestState()
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._exchange(path, limit, state)
        except TimeoutError:
            return Trouble(Reason.TIMEOUT, "", state.connected)
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            trouble = trouble_of(error, connected=state.connected)
            return trouble._replace(detail=self._harmless(trouble.detail.encode("utf-8", "replace")))

    def _harmless(self, text: bytes, limit: int = PART_OF_A_LINE) -> str:
        """Make a server's text safe to print, and remove our login, which the server may have sent back."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return cleaned(text.decode("utf-8", "replace"), limit)

    async def _exchange(self, path: str, limit: int, state: _RequestState) -> HttpOutcome:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self._session.get(
            yarl.URL(self._server.url + path, encoded=True),
            headers=self._headers,
            ssl=self._trust,
            allow_redirects=False,
            trace_request_ctx=state,
        ) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                return Trouble(Reason.PROTOCOL, "compressed, which was not asked for", connected=True)
            body = await _read(response.content, limit)
            if body is None:
                return Trouble(Reason.BODY, f"more than {limit // 1024:,} KiB", connected=True)
            return HttpAnswer(
                status=response.status,
                body=body,
                excerpt=self._harmless(body[:_QUOTABLE], _EXCERPT),
                location=self._harmless(response.headers.get("Location", "").encode("utf-8", "replace")),
                date=_seconds(response.headers.get("Date", "")),
                took=loop.time() - began,
            )


def trouble_of(error: Exception, *, connected: bool) -> Trouble:
    """Translate an error of aiohttp, a socket or TLS."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Trouble(Reason.DNS, error.os_error.strerror or "", connected=False)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Trouble(Reason.RESET, "", connected=True)
    if isinstance(error, aiohttp.ClientPayloadError):
        return Trouble(Reason.RESET, "cut short", connected=True)
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return Trouble(Reason.PROTOCOL, _parser_fault(error.message), connected=True)
    cause = _cause(error)
    if isinstance(cause, OSError):
        failed = _failed(error, cause)
        return Trouble(failed.reason, failed.detail, connected or isinstance(cause, ssl.SSLError))
    return Trouble(Reason.PROTOCOL, _parser_fault(""), connected)


def _failed(error: Exception, cause: OSError) -> ProbeFailed:
    is_of_tls = isinstance(cause, ssl.SSLError)
    if isinstance(error, aiohttp.ClientConnectorError) and cause.errno is not None and not is_of_tls:
        return failures.from_sending(cause.errno, _family(error.host))
    return failures.from_os_error(cause)


def _family(host: str) -> IpFamily:
    """Return the family of an address; for a name, which may have both, one for which this host has a network."""
    return literal_family(host) or next(filter(routes.has_network, IpFamily), IpFamily.IPV4)


def _parser_fault(message: str) -> str:
    return next(
        words for pattern, words in _PARSER_FAULTS if re.search(pattern, message.partition(":")[0], re.IGNORECASE)
    )


def _cause(error: Exception) -> Exception:
    """Return the error of the socket or of TLS; with several addresses, that of the first."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error.__cause__, ssl.SSLError):  # after the handshake: its number is no errno
        return error.__cause__
    number = re.search(r"\[Errno (\d+)\]", str(cause))
    if isinstance(cause, OSError) and cause.errno is None and number:
        return OSError(int(number[1]), os.strerror(int(number[1])))
    return cause


async def _read(content: aiohttp.StreamReader, limit: int) -> bytes | None:
    """Read a whole body; None as soon as it is longer than ``limit``."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


def _seconds(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


async def _note_connection(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:  # noqa: ANN401 - two kinds, neither of which is looked at
    context.trace_request_ctx.connected = True
