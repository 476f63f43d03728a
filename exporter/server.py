"""The HTTP side: routes and what they answer; everything it shows is asked of a ``View``."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter import __version__
from exporter.fleet import HOST_HEADER, PING_PATH

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text"
OPENMETRICS = f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"
_QUALITY = re.compile(r"q=([01](?:\.[0-9]*)?)")
ROUTES = {"/": "index", PING_PATH: "ping", "/-/healthy": "healthy", "/-/ready": "ready", "/-/reload": "reload"}
_STARTED = web.RequestKey("started", float)
"""When we began with a request, before anybody asked who sent it."""
_GZIP_LEVEL = 1
"""Ten times faster than the highest and a tenth larger."""
_PACKED_AT_ONCE = 1 << 18
"""Bytes handed to a thread at once: what handing over costs is nothing beside it."""
_SENT_AT_ONCE = 1 << 16
"""Bytes handed to the transport at once: of more it would keep a copy, and move that with each packet."""


class View(Protocol):
    """What the server shows, counts and triggers."""

    def page(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Return the exposition in pieces."""

    def ping_received(self, peer: str | None) -> None:
        """Count who asked our /ping."""

    def request_answered(self, handler: str, code: int, duration: float) -> None:
        """Count an answered request."""


class Server:
    """The application; ``reload`` is None unless --web.enable-lifecycle allows it over HTTP."""

    def __init__(
        self,
        view: View,
        telemetry_path: str,
        reload: Callable[[], Awaitable[list[str]]] | None,
    ) -> None:
        self._view, self._reload, self._telemetry_path = view, reload, telemetry_path
        self._renders: dict[tuple[bool, bool], asyncio.Future[list[bytes]]] = {}
        self.ready = False

    def application(self, *middlewares: Middleware) -> web.Application:
        """Return the routes; what the middlewares refuse is counted too."""
        app = web.Application(middlewares=[self._counted, *middlewares], client_max_size=64 << 10)
        app.router.add_get(self._telemetry_path, self._metrics)
        if self._telemetry_path != "/":
            app.router.add_get("/", self._index)
        app.router.add_get(PING_PATH, self._ping)
        app.router.add_get("/-/healthy", self._healthy)
        app.router.add_get("/-/ready", self._ready)
        app.router.add_post("/-/reload", self._reload_now)
        app.on_response_prepare.append(_name_us)
        return app

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = request[_STARTED] = time.perf_counter()
        code = 500
        try:
            response = await handler(request)
            code = response.status
        except web.HTTPException as error:
            code = error.status
            raise
        finally:
            self._view.request_answered(self._handler(request.path), code, time.perf_counter() - started)
        return response

    def _handler(self, path: str) -> str:
        return "metrics" if path == self._telemetry_path else ROUTES.get(path, "other")

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        openmetrics = 0 < _weight(request, "Accept", _OPENMETRICS) >= _weight(request, "Accept", "text/plain")
        packed = _weight(request, "Accept-Encoding", "gzip") > 0
        pieces = await self._rendered(openmetrics=openmetrics, packed=packed)
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return await _sent(request, headers, pieces)

    async def _rendered(self, *, openmetrics: bool, packed: bool) -> list[bytes]:
        """Return the page; who asks while one is being made waits for that one."""
        key = openmetrics, packed
        if under_way := self._renders.get(key):
            return await asyncio.shield(under_way)
        self._renders[key] = under_way = asyncio.get_running_loop().create_future()
        try:
            pieces = await self._render(openmetrics=openmetrics, packed=packed)
        except BaseException as error:
            under_way.set_exception(error)
            under_way.exception()  # taken, so that it is no complaint of the loop's when nobody waits
            raise
        finally:
            del self._renders[key]
        under_way.set_result(pieces)
        return pieces

    async def _render(self, *, openmetrics: bool, packed: bool) -> list[bytes]:
        """Make the page, never in one piece: 1,000 targets' is 30 MB."""
        packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        done: list[bytes] = []
        pieces: list[bytes] = []
        for piece in self._view.page(openmetrics=openmetrics):
            pieces.append(piece)
            if packed and sum(map(len, pieces)) > _PACKED_AT_ONCE:
                done.append(await asyncio.to_thread(_pack, packer, pieces))
                pieces = []
            else:
                await asyncio.sleep(0)  # noqa: TID251 - no wait: between the pieces others have their turn
        if packed:
            return [*done, await asyncio.to_thread(_pack, packer, pieces), packer.flush()]
        return pieces

    async def _ping(self, request: web.Request) -> web.Response:
        self._view.ping_received(request.headers.get(HOST_HEADER))
        milliseconds = (time.perf_counter() - request[_STARTED]) * 1000
        return web.Response(text="pong\n", headers={"Server-Timing": f"app;dur={milliseconds:.3f}"})

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(
            text=f"latency-exporter {__version__}\n\n"
            f"{self._telemetry_path}  what this host measured, for Prometheus\n"
            "/ping  what its peers measure\n"
            "/-/healthy  /-/ready\n"
        )

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="latency-exporter is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if not self.ready:
            raise web.HTTPServiceUnavailable(text="latency-exporter is not ready.\n")
        return web.Response(text="latency-exporter is ready.\n")

    async def _reload_now(self, _: web.Request) -> web.Response:
        if self._reload is None:
            raise web.HTTPForbidden(text="Reload over HTTP needs --web.enable-lifecycle; SIGHUP always reloads.\n")
        problems = await self._reload()
        if problems:
            raise web.HTTPInternalServerError(text="\n".join([*problems, ""]))
        return web.Response(text="reloaded\n")


def _weight(request: web.Request, header: str, name: str) -> float:
    """Return how much a header wants something (RFC 9110, section 12.4.2); 0 where it does not name it."""
    weights = [0.0]
    for item in ",".join(request.headers.getall(header, ())).lower().split(","):
        named, *parameters = (part.strip() for part in item.split(";"))
        if named == name:
            given = next((parameter for parameter in parameters if parameter.startswith("q=")), "q=1")
            quality = _QUALITY.fullmatch(given)
            weights.append(float(quality[1]) if quality else 0.0)
    return max(weights)


async def _name_us(_: web.Request, response: web.StreamResponse) -> None:
    """Say who answers, and not which versions of what aiohttp would name."""
    response.headers["Server"] = "latency-exporter"


def _pack(packer: zlib._Compress, pieces: Iterable[bytes]) -> bytes:
    """Compress; run it in a thread, since zlib lets others run meanwhile."""
    return b"".join(map(packer.compress, pieces))


async def _sent(request: web.Request, headers: dict[str, str], pieces: Sequence[bytes]) -> web.StreamResponse:
    """Answer piece by piece, so that no more than one at a time waits in the client's buffer."""
    response = web.StreamResponse(headers=headers)
    response.content_length = sum(map(len, pieces))
    await response.prepare(request)
    if request.method != "HEAD":
        for piece in pieces:
            if len(piece) > _SENT_AT_ONCE:  # a client may take it all as fast as it is handed over
                await asyncio.sleep(0)  # noqa: TID251 - no wait: others have their turn
            for start in range(0, len(piece), _SENT_AT_ONCE):
                await response.write(memoryview(piece)[start : start + _SENT_AT_ONCE])
    await response.write_eof()
    return response
