"""The HTTP side: routes and what they answer; everything it shows is asked of a ``View``."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from isal import isal_zlib

from exporter.fleet import HOST_HEADER, PING_PATH
from exporter.sending import Sending

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text"
OPENMETRICS = f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"
_QUALITY = re.compile(r"q=([01](?:\.[0-9]*)?)")
SD_PATH = "/sd/prometheus"
ROUTES = {
    "/": "index",
    PING_PATH: "ping",
    "/probe": "probe",
    SD_PATH: "sd",
    "/-/healthy": "healthy",
    "/-/ready": "ready",
    "/-/reload": "reload",
}
_Made = TypeVar("_Made")
Shape = Literal["text", "html", "json"]
_SHAPES: dict[Shape, str] = {
    "text": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
_PAGE = re.compile("[1-9][0-9]{0,5}")
_FOR_BROWSERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_STARTED = web.RequestKey("started", float)
"""When we began with a request, before anybody asked who sent it."""
_CLIENT_GONE = 499
"""What nginx calls a request whose client did not wait for the answer."""
_GZIP_LEVEL = 1
"""As small as zlib's fastest level, at a fifth of its cost; ISA-L's other levels are no better."""
_GZIP_FORMAT = 16 + isal_zlib.MAX_WBITS
"""What tells deflateInit2 of zlib.h to write gzip's header and trailer."""
_REST = 0.01
"""Seconds, or as many as the last page took, until the next one is made: others have their turn, connections are
accepted, and who asks meanwhile shares that page."""
_MADE_AT_ONCE = 1 << 17
"""Bytes of a page made before others have their turn, or handed to a thread that compresses them."""


class View(Protocol):
    """What the server shows, counts and triggers."""

    def page(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Return the exposition in pieces."""

    def ping_received(self, peer: str | None) -> None:
        """Count who asked our /ping."""

    def request_answered(self, handler: str, code: int, duration: float) -> None:
        """Count an answered request."""


class Front(Protocol):
    """What the server shows to people."""

    policy: str
    """Its Content-Security-Policy."""

    def pieces(self, shape: Shape, links: Mapping[str, str], page: int) -> Iterator[bytes]:
        """Return the overview in pieces; ``links`` are names and paths of other pages of ours."""


class Refused(Exception):  # noqa: N818 - it says what became of the request
    """What was asked for was not done: ``status`` (RFC 9110, RFC 6585), and the reason as text."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Actions(NamedTuple):
    """What a request can cause; or ask for beside the metrics; all may raise ``Refused``."""

    probe: Callable[[str, str | None], Awaitable[str]]
    """Probe a target now, by one of its probes or by all."""
    reload: Callable[[], Awaitable[str]] | None
    """None unless --web.enable-lifecycle allows it over HTTP."""
    targets: Callable[[], Awaitable[Mapping[str, str]]]
    """Give the whole fleet's scrape targets, for each job as JSON."""


class Server:
    """The application."""

    def __init__(self, view: View, front: Front, actions: Actions, telemetry_path: str) -> None:
        self._view, self._front, self._actions = view, front, actions
        self._telemetry_path = telemetry_path
        self._renders: dict[object, asyncio.Future[Any]] = {}
        self._looking = asyncio.Lock()
        self._sending = Sending()
        self._rested_at = 0.0
        self.ready = False

    def application(self, *middlewares: Middleware) -> web.Application:
        """Return the routes; what the middlewares refuse is counted too."""
        app = web.Application(middlewares=[self._counted, *middlewares], client_max_size=64 << 10)
        app.router.add_get(self._telemetry_path, self._metrics)
        if self._telemetry_path != "/":
            app.router.add_get("/", self._index)
        app.router.add_get(PING_PATH, self._ping)
        app.router.add_get("/probe", self._probe, allow_head=False)
        app.router.add_get(SD_PATH, self._targets)
        app.router.add_get("/-/healthy", self._healthy)
        app.router.add_get("/-/ready", self._ready)
        app.router.add_post("/-/reload", self._reload_now)
        app.on_response_prepare.append(_name_us)
        return app

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = request[_STARTED] = time.perf_counter()
        code = _CLIENT_GONE
        try:
            response = await handler(request)
            if request.transport and not request.transport.is_closing():
                code = response.status
        except web.HTTPException as error:
            code = error.status
            raise
        except Exception:
            code = 500
            raise
        finally:
            self._view.request_answered(self._handler(request.path), code, time.perf_counter() - started)
        return response

    def refused(self, code: int) -> None:
        """Count a request that got an answer and no handler: what it wants is not to be understood."""
        self._view.request_answered("other", code, 0.0)

    def _handler(self, path: str) -> str:
        return "metrics" if path == self._telemetry_path else ROUTES.get(path, "other")

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        openmetrics = 0 < _weight(request, "Accept", _OPENMETRICS) >= _weight(request, "Accept", "text/plain")
        packed = _weight(request, "Accept-Encoding", "gzip") > 0
        pieces = await self._made((openmetrics, packed), lambda: self._page(openmetrics=openmetrics, packed=packed))
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return await self._sending.send(request, headers, pieces)

    async def _made(self, key: object, make: Callable[[], Awaitable[_Made]]) -> _Made:
        """Return what ``make`` makes; who asks for the same while it is being made waits for that."""
        if under_way := self._renders.get(key):
            return cast(_Made, await asyncio.shield(under_way))
        self._renders[key] = under_way = asyncio.get_running_loop().create_future()
        try:
            await asyncio.sleep(self._rested_at - under_way.get_loop().time())  # noqa: TID251 - see _REST
            began = under_way.get_loop().time()
            made = await make()
            now = under_way.get_loop().time()
            self._rested_at = now + min(now - began, _REST)
        except BaseException as error:
            under_way.set_exception(error)
            under_way.exception()  # taken, so that it is no complaint of the loop's when nobody waits
            raise
        finally:
            del self._renders[key]
        under_way.set_result(made)
        return made

    async def _page(self, *, openmetrics: bool, packed: bool) -> list[bytes]:
        """Make the page, never in one piece: 1,000 targets' is 30 MB."""
        packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_FORMAT)
        done: list[bytes] = []
        pieces: list[bytes] = []
        size = 0
        for piece in self._view.page(openmetrics=openmetrics):
            pieces.append(piece)
            size += len(piece)
            if size > _MADE_AT_ONCE:
                done.append(await asyncio.to_thread(_pack, packer, pieces) if packed else b"".join(pieces))
                pieces, size = [], 0
                await asyncio.sleep(0)  # noqa: TID251 - no wait: between the pieces others have their turn
        if packed:
            return [*done, await asyncio.to_thread(_pack, packer, pieces), packer.flush()]
        return [*done, b"".join(pieces)]

    async def _ping(self, request: web.Request) -> web.Response:
        self._view.ping_received(request.headers.get(HOST_HEADER))
        milliseconds = (time.perf_counter() - request[_STARTED]) * 1000
        return web.Response(text="pong\n", headers={"Server-Timing": f"app;dur={milliseconds:.3f}"})

    async def _index(self, request: web.Request) -> web.StreamResponse:
        """Show the overview: to browsers as a page, to everybody else as lines."""
        asked = request.query.get("format")
        shape = next((shape for shape in _SHAPES if shape == asked), None)
        if asked is None:
            shape = "html" if _weight(request, "Accept", "text/html") > 0 else "text"
        number = request.query.get("page", "1")
        if shape is None or not _PAGE.fullmatch(number):
            raise web.HTTPBadRequest(text=f"format is one of {', '.join(_SHAPES)}, and page a number from 1\n")
        page = int(number) if shape == "html" else 1
        pieces = await self._made((shape, page), lambda: self._overview(shape, page))
        headers = {"Content-Type": _SHAPES[shape], "Content-Security-Policy": self._front.policy, "Vary": "Accept"}
        return await self._sending.send(request, headers | _FOR_BROWSERS, pieces)

    async def _overview(self, shape: Shape, page: int) -> list[bytes]:
        pieces = []
        links = {"metrics": self._telemetry_path, "as text": "/?format=text", "as JSON": "/?format=json"}
        async with self._looking:  # one after the other: many who ask at once must not cost memory
            for piece in self._front.pieces(shape, links, page):
                pieces.append(piece)
                await asyncio.sleep(0)  # noqa: TID251 - no wait: between the pieces others have their turn
        return pieces

    async def _probe(self, request: web.Request) -> web.Response:
        target, probe = request.query.get("target"), request.query.get("probe")
        if not target:
            raise web.HTTPBadRequest(text="say which: /probe?target=NAME, and &probe=NAME for one of its probes\n")
        return await _done(self._actions.probe(target, probe))

    async def _targets(self, request: web.Request) -> web.StreamResponse:
        """Serve the whole fleet's targets of one job, as http_sd wants them."""
        try:
            lists = await self._made("targets", self._actions.targets)
        except Refused as refused:
            return web.Response(status=refused.status, text=f"{refused}\n")
        job = request.query.get("job", "")
        if job not in lists:
            text = f"say which job: {SD_PATH}?job=NAME, one of: {', '.join(lists)}\n"
            return web.Response(status=404 if job else 400, text=text)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await self._sending.send(request, headers, [lists[job].encode()])

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="latency-exporter is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if not self.ready:
            raise web.HTTPServiceUnavailable(text="latency-exporter is not ready.\n")
        return web.Response(text="latency-exporter is ready.\n")

    async def _reload_now(self, request: web.Request) -> web.Response:
        if _is_of_another_site(request):
            raise web.HTTPForbidden(text="Another site's page asked for this reload; only our own pages may.\n")
        if self._actions.reload is None:
            raise web.HTTPForbidden(text="Reload over HTTP needs --web.enable-lifecycle; SIGHUP always reloads.\n")
        return await _done(self._actions.reload())


async def _done(action: Awaitable[str]) -> web.Response:
    try:
        return web.Response(text=await action)
    except Refused as refused:
        return web.Response(status=refused.status, text=f"{refused}\n")


def _is_of_another_site(request: web.Request) -> bool:
    """Tell whether a browser sends this for a page that is not ours; programs send none of these (Fetch standard)."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin", request.headers.get("Referer") or None)
    return origin is not None and origin.partition("://")[2].partition("/")[0].lower() != request.host.lower()


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


def _pack(packer: isal_zlib.Compress, pieces: Iterable[bytes]) -> bytes:
    """Compress; run it in a thread, since ISA-L lets others run meanwhile."""
    return b"".join(map(packer.compress, pieces))
