"""The HTTP side: its routes and what they answer; pages and actions come from the objects that it is given."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collectors.terms import Seconds
from exporter.fleet import HOST_HEADER, PING_PATH, SD_PATH
from exporter.overview import PageFormat
from exporter.web import formats
from exporter.web.connections import SERVER
from exporter.web.pages import SharedPages, in_blocks, in_turns
from exporter.web.request_headers import is_of_another_site, weight
from exporter.web.sending import Sending

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text"
OPENMETRICS = f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"
_PROTOBUF = "application/vnd.google.protobuf"
_DELIMITED = {"proto": "io.prometheus.client.MetricFamily", "encoding": "delimited"}
PROTOBUF = "; ".join([_PROTOBUF, *(f"{name}={value}" for name, value in _DELIMITED.items())])
ROUTES = {
    "/": "index",
    PING_PATH: "ping",
    "/probe": "probe",
    SD_PATH: "sd",
    "/fleet": "fleet",
    "/-/healthy": "healthy",
    "/-/ready": "ready",
    "/-/reload": "reload",
}
_PAGE = re.compile("[1-9][0-9]{0,5}")
_STARTED = web.RequestKey("started", float)
"""When work on a request began, before its login is checked."""
_CLIENT_GONE = 499
"""nginx' code for a request whose client did not wait for the answer."""


class MetricsPage(Protocol):
    """The page of metrics, and what is counted of requests."""

    def page(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Return the exposition in pieces."""

    def messages(self) -> Iterator[bytes]:
        """Return the same in protobuf."""

    def ping_received(self, peer: str | None) -> None:
        """Count a request to /ping; ``peer`` is the host that it names."""

    def request_answered(self, handler: str, code: int, duration: Seconds) -> None:
        """Count an answered request."""


class OverviewPages(Protocol):
    """The pages for people."""

    policy: str
    """Their Content-Security-Policy."""

    def pieces(self, shape: PageFormat, links: Mapping[str, str], page: int) -> Iterator[bytes]:
        """Return the overview in pieces; ``links`` are names and paths of other pages of ours."""


class FleetPages(Protocol):
    """What all exporters of the fleet see, for people; making it asks them, at most once per ten seconds."""

    policy: str
    """Their Content-Security-Policy."""

    async def pieces(self, shape: PageFormat, links: Mapping[str, str]) -> Iterator[bytes]:
        """Return the page in pieces; ``links`` are names and paths of other pages of ours."""


class Refused(Exception):
    """A request was not carried out: its answer has this ``status`` (RFC 9110, RFC 6585), and the reason as text."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Actions(NamedTuple):
    """What the program does or looks up for a request; each may raise ``Refused``."""

    probe: Callable[[str, str | None], Awaitable[str]]
    """Probe a target now, by one of its probes or by all, and explain it."""
    reload: Callable[[], Awaitable[str]] | None
    """Read the files again; None unless --web.enable-lifecycle allows it over HTTP."""
    targets: Callable[[], Awaitable[Mapping[str, str]]]
    """Return the whole fleet's scrape targets as JSON, by the names of their jobs."""


class WebServer:
    """The application: its routes, and which of its answers are shared."""

    def __init__(self, metrics: MetricsPage, overview: OverviewPages, actions: Actions, telemetry_path: str) -> None:
        self._metrics, self._overview_pages, self._actions = metrics, overview, actions
        self._telemetry_path = telemetry_path
        self._pages = SharedPages()
        self._one_overview = asyncio.Lock()
        self._sending = Sending()
        self.ready = False
        self.fleet: FleetPages | None = None
        """None where --web.disable-fleet turns it off."""
        self.hosts_missing: Callable[[], str] = str
        """Returns why not all hosts may be known; empty if all are."""

    def application(self, *middlewares: Middleware) -> web.Application:
        """Return the application with its routes; what the middlewares refuse is counted too."""
        app = web.Application(middlewares=[self._counted, *middlewares], client_max_size=64 << 10)
        app.router.add_get(self._telemetry_path, self._serve_metrics)
        if self._telemetry_path != "/":
            app.router.add_get("/", self._index)
        app.router.add_get(PING_PATH, self._ping)
        app.router.add_get("/probe", self._probe, allow_head=False)
        app.router.add_get(SD_PATH, self._targets)
        app.router.add_get("/fleet", self._fleet)
        app.router.add_get("/-/healthy", self._healthy)
        app.router.add_get("/-/ready", self._ready)
        app.router.add_post("/-/reload", self._reload_now)
        app.on_response_prepare.append(_set_server_header)
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
            self._metrics.request_answered(self._handler_of(request.path), code, time.perf_counter() - started)
        return response

    def refused(self, code: int) -> None:
        """Count a request that no handler was called for, since it could not be understood."""
        self._metrics.request_answered("other", code, 0.0)

    def _handler_of(self, path: str) -> str:
        return "metrics" if path == self._telemetry_path else ROUTES.get(path, "other")

    async def _serve_metrics(self, request: web.Request) -> web.StreamResponse:
        shape = _shape_of_metrics(request)
        packed = weight(request, "Accept-Encoding", "gzip") > 0
        pieces = await self._pages.get((shape, packed), lambda: in_blocks(self._page_of_metrics(shape), packed=packed))
        headers = {"Content-Type": shape, "Vary": "Accept, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return await self._sending.send(request, headers, pieces)

    def _page_of_metrics(self, shape: str) -> Iterator[bytes]:
        return self._metrics.messages() if shape == PROTOBUF else self._metrics.page(openmetrics=shape == OPENMETRICS)

    async def _ping(self, request: web.Request) -> web.Response:
        self._metrics.ping_received(request.headers.get(HOST_HEADER))
        milliseconds = (time.perf_counter() - request[_STARTED]) * 1000
        return web.Response(text="pong\n", headers={"Server-Timing": f"app;dur={milliseconds:.3f}"})

    async def _index(self, request: web.Request) -> web.StreamResponse:
        """Serve the overview: to browsers as a page, to other clients as lines."""
        shape = formats.wanted(request)
        number = request.query.get("page", "1")
        if shape is None or not _PAGE.fullmatch(number):
            raise web.HTTPBadRequest(text=f"format is one of {formats.NAMES}, and page a number from 1\n")
        pieces = await self._overview(shape, int(number) if shape == "html" else 1)
        return await self._sending.send(request, formats.headers(shape, self._overview_pages.policy), pieces)

    async def own_page(self) -> bytes:
        """Return the overview as JSON, as other exporters get it."""
        return b"".join(await self._overview("json", 1))

    async def _overview(self, shape: PageFormat, page: int) -> list[bytes]:
        links = {"metrics": self._telemetry_path, "as text": "/?format=text", "as JSON": "/?format=json"}
        if self.fleet is not None:
            links["the fleet"] = "/fleet"

        async def make() -> list[bytes]:
            async with self._one_overview:  # of many that are asked for at once each would cost memory
                return await in_turns(self._overview_pages.pieces(shape, links, page))

        return await self._pages.get((shape, page), make)

    async def _fleet(self, request: web.Request) -> web.StreamResponse:
        """Serve the fleet as all its exporters see it: to browsers as a page, to other clients as lines."""
        fleet, shape = self.fleet, formats.wanted(request)
        if fleet is None:
            raise web.HTTPNotFound(text="The fleet is not shown here: --web.disable-fleet.\n")
        if shape is None:
            raise web.HTTPBadRequest(text=f"format is one of {formats.NAMES}\n")
        links = {"this host": "/", "as text": "/fleet?format=text", "as JSON": "/fleet?format=json"}

        async def make() -> list[bytes]:
            return await in_turns(await fleet.pieces(shape, links))

        pieces = await self._pages.get(("fleet", shape), make)
        return await self._sending.send(request, formats.headers(shape, fleet.policy), pieces)

    async def _probe(self, request: web.Request) -> web.Response:
        target, probe = request.query.get("target"), request.query.get("probe")
        if not target:
            raise web.HTTPBadRequest(text="say which: /probe?target=NAME, and &probe=NAME for one of its probes\n")
        return formats.of_lines(request, await _outcome(self._actions.probe(target, probe)))

    async def _targets(self, request: web.Request) -> web.StreamResponse:
        """Serve the whole fleet's targets of one job, as http_sd wants them."""
        try:
            lists = await self._pages.get("targets", self._actions.targets)
        except Refused as refused:
            return web.Response(status=refused.status, text=f"{refused}\n")
        job = request.query.get("job", "")
        if job not in lists:
            text = f"say which job: {SD_PATH}?job=NAME, one of: {', '.join(lists)}\n"
            return web.Response(status=404 if job else 400, text=text)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await self._sending.send(request, headers, [lists[job].encode()])

    async def _healthy(self, _: web.Request) -> web.Response:
        missing = self.hosts_missing()
        return web.Response(text="latency-exporter is healthy.\n" + (f"{missing}\n" if missing else ""))

    async def _ready(self, _: web.Request) -> web.Response:
        if not self.ready:
            raise web.HTTPServiceUnavailable(text="latency-exporter is not ready.\n")
        return web.Response(text="latency-exporter is ready.\n")

    async def _reload_now(self, request: web.Request) -> web.Response:
        if is_of_another_site(request):
            raise web.HTTPForbidden(text="Another site's page asked for this reload; only our own pages may.\n")
        if self._actions.reload is None:
            raise web.HTTPForbidden(text="Reload over HTTP needs --web.enable-lifecycle; SIGHUP always reloads.\n")
        return await _outcome(self._actions.reload())


def _shape_of_metrics(request: web.Request) -> str:
    """Return the content type of the page of metrics that a request wants; of two that it wants as much, the richer."""
    weights = {
        PROTOBUF: weight(request, "Accept", _PROTOBUF, _DELIMITED),
        OPENMETRICS: weight(request, "Accept", _OPENMETRICS),
        TEXT: weight(request, "Accept", "text/plain"),
    }
    return max(weights, key=lambda shape: weights[shape]) if any(weights.values()) else TEXT


async def _outcome(action: Awaitable[str]) -> web.Response:
    """Answer by what an action returns, or by the reason why it was refused."""
    try:
        return web.Response(text=await action)
    except Refused as refused:
        return web.Response(status=refused.status, text=f"{refused}\n")


async def _set_server_header(_: web.Request, response: web.StreamResponse) -> None:
    """Name this program, and not the versions that aiohttp would name."""
    response.headers["Server"] = SERVER
