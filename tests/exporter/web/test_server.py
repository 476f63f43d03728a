"""The routes, asked by a real client; what is behind them is a stand-in."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from exporter.fleet import HOST_HEADER
from exporter.overview import PageFormat
from exporter.web.server import OPENMETRICS, PROTOBUF, TEXT, Actions, Refused, WebServer
from tests.exporter.pages import ANSWERS, Small
from tests.exporter.probing.virtual_time import skip
from tests.exporter.samples import parsed

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROMETHEUS_2_42_NATIVE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited,"
    "application/openmetrics-text; version=1.0.0;q=0.8,application/openmetrics-text; version=0.0.1;q=0.75,"
    "text/plain; version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3_NATIVE = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6," + PROMETHEUS_3
)
VICTORIA_METRICS = "text/plain;version=0.0.4;q=1,*/*;q=0.1"


class View:
    """Shows a page that takes some turns of the loop, and remembers what it was told."""

    def __init__(self) -> None:
        self.renders = 0
        self.peers: list[str | None] = []
        self.answered: list[tuple[str, int]] = []
        self.broken = False
        self.line = b""
        self.times = 1

    def page(self, *, openmetrics: bool) -> Iterator[bytes]:
        self.renders += 1
        for number in range(20):
            yield f"line {number} of {'openmetrics' if openmetrics else 'text'}\n".encode() * self.times
        yield self.line
        if self.broken:
            raise ValueError("a bug")

    def messages(self) -> Iterator[bytes]:
        yield b""
        for piece in self.page(openmetrics=False):
            yield piece.replace(b"text", b"protobuf")

    def ping_received(self, peer: str | None) -> None:
        self.peers.append(peer)

    def request_answered(self, handler: str, code: int, duration: float) -> None:
        assert 0 <= duration < 10
        self.answered.append((handler, code))


class Front:
    """Shows which overview was asked for."""

    policy = "default-src 'none'"

    def __init__(self) -> None:
        self.now = self.most = 0

    def pieces(self, shape: PageFormat, links: Mapping[str, str], page: int) -> Iterator[bytes]:
        self.now += 1
        self.most = max(self.most, self.now)
        yield f"{shape} page {page}: ".encode()
        self.now -= 1
        yield " ".join(links.values()).encode()


class FleetFront:
    """Shows which page of the fleet was asked for."""

    policy = "default-src 'self'"

    def __init__(self) -> None:
        self.looks = 0

    async def pieces(self, shape: PageFormat, links: Mapping[str, str]) -> Iterator[bytes]:
        self.looks += 1
        await asyncio.sleep(0)
        return iter([f"the fleet as {shape}: ".encode(), " ".join(links.values()).encode()])


async def probe(target: str, probe: str | None) -> str:
    if target == "busy":
        raise Refused(429, "too often")
    return f"probed {target} {probe}\n"


async def targets() -> dict[str, str]:
    return {"latency": '[{"targets": ["h:9102"]}]\n', "node": "[]\n"}


def new_server(view: View, front: Front, telemetry_path: str = "/metrics", reload: Reload | None = None) -> WebServer:
    return WebServer(view, front, Actions(probe, reload, targets), telemetry_path)


Reload = Callable[[], Awaitable[str]]
Start = Callable[..., Awaitable[TestClient]]


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.fixture
async def start(view: View, front: Front) -> AsyncIterator[Start]:
    """Start a server; ``start()`` gives a client of it that adds no header of its own."""
    clients: list[TestClient] = []

    async def start(
        telemetry_path: str = "/metrics", reload: Reload | None = None, fleet: FleetFront | None = None
    ) -> TestClient:
        server = new_server(view, front, telemetry_path, reload)
        server.fleet = fleet
        server.ready = True
        skipped = ("Accept", "Accept-Encoding", "User-Agent")
        client = TestClient(TestServer(server.application()), skip_auto_headers=skipped, auto_decompress=False)
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


# /metrics


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROMETHEUS_2_42_NATIVE, PROTOBUF),
        (PROMETHEUS_3_NATIVE, PROTOBUF),
        (PROTOBUF, PROTOBUF),
        (PROTOBUF.replace("delimited", '"delimited"') + ",*/*;q=0.9", PROTOBUF),
        (f"text/plain,{PROTOBUF}", PROTOBUF),
        (f"text/plain,{PROTOBUF};q=0.9", TEXT),
        (f"{PROTOBUF};q=0", TEXT),
        (PROTOBUF.replace("delimited", "text"), TEXT),
        (PROTOBUF.replace("MetricFamily", "Another"), TEXT),
        ("application/vnd.google.protobuf", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text ; Version=1.0.0 ; Q=0.9, text/plain;q=0.8", OPENMETRICS),
        (VICTORIA_METRICS, TEXT),
        ("*/*", TEXT),
        (None, TEXT),
        ("", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;version=1.0.0;q=0.000,*/*", TEXT),
        ("text/plain;version=0.0.4;q=0.8,application/openmetrics-text;q=0.2", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text-or-not", TEXT),
        (";;,,;q=", TEXT),
    ],
)
async def test_the_format_is_the_one_that_is_asked_for(start: Start, accept: str | None, content_type: str) -> None:
    client = await start()
    response = await client.get("/metrics", headers={} if accept is None else {"Accept": accept})
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    page = await response.text()
    assert ("openmetrics" in page, "protobuf" in page) == (content_type == OPENMETRICS, content_type == PROTOBUF)
    assert response.headers["Vary"] == "Accept, Accept-Encoding"


async def test_accept_may_stand_in_several_lines(start: Start) -> None:
    client = await start()
    headers = [("Accept", "text/plain;q=0.5"), ("Accept", "application/openmetrics-text")]
    assert (await client.get("/metrics", headers=headers)).headers["Content-Type"] == OPENMETRICS


@pytest.mark.parametrize("accept", [PROMETHEUS_2_42, VICTORIA_METRICS, PROMETHEUS_3_NATIVE])
async def test_a_compressed_page_is_the_same_page(start: Start, accept: str) -> None:
    client = await start()
    plain = await client.get("/metrics", headers={"Accept": accept})
    packed = await client.get("/metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await packed.read()) == await plain.read()
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("*", False),
        ("", False),
    ],
)
async def test_a_page_is_compressed_only_for_who_wants_it(start: Start, accepted: str, *, packed: bool) -> None:
    client = await start()
    response = await client.get("/metrics", headers={"Accept-Encoding": accepted})
    assert ("Content-Encoding" in response.headers) == packed


async def test_who_asks_while_a_page_is_made_gets_that_page(start: Start, view: View) -> None:
    view.times = 2000  # large enough to be made in pieces
    client = await start()
    responses = await asyncio.gather(*(client.get("/metrics") for _ in range(8)))
    assert len({await response.text() for response in responses}) == 1
    assert view.renders < 8
    await client.get("/metrics")
    before = view.renders
    await client.get("/metrics")
    assert view.renders == before + 1, "a page was kept"


async def test_between_two_pages_others_have_their_turn_and_who_asks_meanwhile_shares_the_second(
    view: View, front: Front
) -> None:
    server = new_server(view, front)
    async with TestClient(TestServer(server.application())) as client:
        server._pages._rested_at = asyncio.get_running_loop().time() + 1.0
        asked = [asyncio.create_task(client.get("/metrics")) for _ in range(6)]
        await (await client.get("/ping")).read()
        assert view.renders == 0
        skip(1.0)
        await asyncio.gather(*asked)
    assert view.renders == 1


async def test_formats_that_are_asked_for_at_the_same_time_do_not_mix(start: Start, view: View) -> None:
    view.times = 2000
    client = await start()
    accepts = [VICTORIA_METRICS, PROMETHEUS_3] * 4
    responses = await asyncio.gather(*(client.get("/metrics", headers={"Accept": accept}) for accept in accepts))
    for accept, response in zip(accepts, responses, strict=True):
        assert ("openmetrics" in await response.text()) == (accept == PROMETHEUS_3)


async def test_a_page_that_cannot_be_made_is_a_500_for_all_who_wait_and_tried_anew(start: Start, view: View) -> None:
    client = await start()
    view.broken = True
    responses = await asyncio.gather(*(client.get("/metrics") for _ in range(4)))
    assert [response.status for response in responses] == [500] * 4
    view.broken = False
    assert (await client.get("/metrics")).status == 200
    assert view.answered == [("metrics", 500)] * 4 + [("metrics", 200)]


@pytest.mark.parametrize(("accept", "content_type"), [("", TEXT), (PROMETHEUS_3_NATIVE, PROTOBUF)])
async def test_a_head_request_is_answered_without_a_body(start: Start, accept: str, content_type: str) -> None:
    client = await start()
    response = await client.head("/metrics", headers={"Accept": accept})
    length = len(await (await client.get("/metrics", headers={"Accept": accept})).read())
    assert (response.status, await response.read()) == (200, b"")
    assert response.headers["Content-Length"] == str(length)
    assert response.headers["Content-Type"] == content_type


@pytest.mark.parametrize("path", ["/other/metrics", "/"])
async def test_the_telemetry_path_can_be_another(start: Start, view: View, path: str) -> None:
    client = await start(telemetry_path=path)
    assert "line 19 of text" in await (await client.get(path)).text()
    assert (await client.get("/metrics")).status == 404
    assert view.answered == [("metrics", 200), ("other", 404)]


async def test_a_scrape_causes_no_probe_and_changes_no_metric_of_a_pair(start: Start, tmp_path: Path) -> None:
    small = Small(tmp_path)
    small.decide("wf008", "icmp", ANSWERS["icmp"])
    client = TestClient(
        TestServer(WebServer(small.recorder, Front(), Actions(probe, None, targets), "/metrics").application())
    )
    async with client:
        pages = [await (await client.get("/metrics", headers={"Accept": PROMETHEUS_3})).text() for _ in range(3)]
    assert parsed(pages[0], openmetrics=True)
    of_pairs = [[line for line in page.splitlines() if "target=" in line] for page in pages]
    assert of_pairs[0] == of_pairs[1] == of_pairs[2]
    assert len(of_pairs[0]) > 50


# /ping and the others


@pytest.mark.parametrize("peer", ["wf008", None, "Brasília", "x" * 1000])
async def test_a_ping_is_tiny_says_its_own_time_and_who_asked_is_counted(
    start: Start, view: View, peer: str | None
) -> None:
    client = await start()
    response = await client.get("/ping", headers={} if peer is None else {HOST_HEADER: peer})
    assert (response.status, await response.text()) == (200, "pong\n")
    assert sum(len(name) + len(value) + 4 for name, value in response.headers.items()) < 250
    match = re.fullmatch(r"app;dur=([0-9]+\.[0-9]{3})", response.headers["Server-Timing"])
    assert match
    assert 0 <= float(match[1]) < 1000
    assert view.peers == [peer]
    assert view.answered == [("ping", 200)]


@pytest.mark.parametrize(
    ("method", "path", "handler", "code"),
    [
        ("GET", "/", "index", 200),
        ("GET", "/metrics", "metrics", 200),
        ("HEAD", "/metrics", "metrics", 200),
        ("POST", "/metrics", "metrics", 405),
        ("GET", "/-/healthy", "healthy", 200),
        ("GET", "/-/ready", "ready", 200),
        ("POST", "/-/reload", "reload", 403),
        ("GET", "/-/reload", "reload", 405),
        ("GET", "/favicon.ico", "other", 404),
        ("GET", "/?format=xml", "index", 400),
        ("GET", "/fleet", "fleet", 404),
        ("POST", "/fleet", "fleet", 405),
        ("GET", "/probe?target=wf008", "probe", 200),
        ("GET", "/probe", "probe", 400),
        ("GET", "/probe?target=busy", "probe", 429),
        ("HEAD", "/probe?target=wf008", "probe", 405),
        ("POST", "/probe?target=wf008", "probe", 405),
        ("GET", "/metrics/", "other", 404),
        ("GET", "/%ff%00?x=1", "other", 404),
        ("DELETE", "/../../etc/passwd", "other", 404),
    ],
)
async def test_each_request_is_counted_by_its_handler_and_unknown_paths_are_other(
    start: Start, view: View, method: str, path: str, handler: str, code: int
) -> None:
    client = await start()
    response = await client.request(method, path)
    assert (response.status, view.answered) == (code, [(handler, code)])


# / and /probe

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "path", "shape", "content_type"),
    [
        ("*/*", "/", "text page 1", "text/plain; charset=utf-8"),
        (None, "/", "text page 1", "text/plain; charset=utf-8"),
        ("*/*", "/?page=3", "text page 1", "text/plain; charset=utf-8"),
        (CHROME, "/", "html page 1", "text/html; charset=utf-8"),
        (CHROME, "/?page=3", "html page 3", "text/html; charset=utf-8"),
        (CHROME, "/?format=text", "text page 1", "text/plain; charset=utf-8"),
        ("text/html;q=0", "/", "text page 1", "text/plain; charset=utf-8"),
        ("*/*", "/?format=html&page=2", "html page 2", "text/html; charset=utf-8"),
        (CHROME, "/?format=json", "json page 1", "application/json"),
    ],
)
async def test_the_overview_is_a_page_for_browsers_and_lines_for_everybody_else(
    start: Start, accept: str | None, path: str, shape: str, content_type: str
) -> None:
    client = await start(telemetry_path="/here")
    response = await client.get(path, headers={} if accept is None else {"Accept": accept})
    assert await response.text() == f"{shape}: /here /?format=text /?format=json"
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Content-Security-Policy"] == "default-src 'none'"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["format=", "format=HTML", "page=0", "page=-1", "page=x", "page=1e9", "page=%D9%A1"])
async def test_a_wrong_format_or_page_is_a_400_with_the_right_ones(start: Start, query: str) -> None:
    response = await (await start()).get(f"/?{query}")
    assert response.status == 400
    assert await response.text() == "format is one of text, html, json, and page a number from 1\n"


async def test_a_browser_gets_what_became_of_a_probe_as_a_page(start: Start) -> None:
    client = await start()
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path, status, line in (
        ("/probe?target=wf008&probe=%3Cb%3E", 200, "<pre>probed wf008 &lt;b&gt;\n</pre>"),
        ("/probe?target=busy", 429, "<pre>"),
    ):
        answer = await client.get(path, headers=accept)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
        assert line in await answer.text()
        text = await client.get(f"{path}&format=text", headers=accept)
        assert text.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_probe_needs_a_target_and_passes_on_what_became_of_it(start: Start) -> None:
    client = await start()
    assert await (await client.get("/probe?target=wf008&probe=icmp")).text() == "probed wf008 icmp\n"
    assert await (await client.get("/probe?target=wf008")).text() == "probed wf008 None\n"
    assert await (await client.get("/probe?target=busy")).text() == "too often\n"
    assert (await (await client.get("/probe")).text()).startswith("say which: /probe?target=NAME")


async def test_not_ready_is_503_until_the_first_configuration_is_in_force(view: View) -> None:
    server = new_server(view, Front())
    async with TestClient(TestServer(server.application())) as client:
        assert (await client.get("/-/ready")).status == 503
        assert (await client.get("/-/healthy")).status == 200
        server.ready = True
        assert (await client.get("/-/ready")).status == 200


async def test_a_reload_over_http_needs_the_flag_and_says_so(start: Start) -> None:
    client = await start()
    response = await client.post("/-/reload")
    assert response.status == 403
    assert await response.text() == "Reload over HTTP needs --web.enable-lifecycle; SIGHUP always reloads.\n"


async def test_a_reload_over_http_is_done_and_tells_what_changed_or_every_problem(start: Start) -> None:
    problems: list[str] = []

    async def reload() -> str:
        if problems:
            raise Refused(500, "\n".join(problems))
        return "reloaded: +2 hosts, 14 pairs kept\n"

    client = await start(reload=reload)
    response = await client.post("/-/reload")
    assert (response.status, await response.text()) == (200, "reloaded: +2 hosts, 14 pairs kept\n")
    problems += ["fleet.yml:1: one", "fleet.yml:2: two"]
    response = await client.post("/-/reload")
    assert (response.status, await response.text()) == (500, "fleet.yml:1: one\nfleet.yml:2: two\n")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://exporter:9102"}, 200),
        ({"Origin": "https://proxy", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Referer": "http://exporter:9102/?page=2"}, 200),
        ({"Referer": "http://evil.example/exporter:9102"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://exporter"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://exporter:9102", "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_no_page_of_another_site_makes_us_reload(start: Start, headers: dict[str, str], status: int) -> None:
    reloads = 0

    async def reload() -> str:
        nonlocal reloads
        reloads += 1
        return "reloaded: 14 pairs kept\n"

    client = await start(reload=reload)
    response = await client.post("/-/reload", headers={"Host": "Exporter:9102", **headers})
    assert (response.status, reloads) == (status, int(status == 200))


async def test_a_client_that_leaves_in_the_middle_of_a_page_is_no_error_of_ours(
    start: Start, view: View, caplog: pytest.LogCaptureFixture
) -> None:
    view.line = b"x" * (1 << 22)
    client = await start()
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readexactly(1000)
    writer.transport.abort()
    async with asyncio.timeout(10):
        while not view.answered:
            await asyncio.sleep(0.01)
    assert view.answered == [("metrics", 499)]
    assert caplog.records == []


async def test_looks_are_made_one_after_the_other(start: Start, front: Front) -> None:
    client = await start()
    await asyncio.gather(*(client.get(f"/?format=html&page={page}") for page in range(1, 30)))
    assert front.most == 1


# /fleet


@pytest.mark.parametrize(
    ("accept", "query", "shape", "content_type"),
    [
        ("*/*", "", "text", "text/plain; charset=utf-8"),
        (CHROME, "", "html", "text/html; charset=utf-8"),
        (CHROME, "?format=text", "text", "text/plain; charset=utf-8"),
        ("*/*", "?format=json", "json", "application/json"),
    ],
)
async def test_the_fleet_is_shown_as_each_client_wants_it(
    start: Start, accept: str, query: str, shape: str, content_type: str
) -> None:
    client = await start(fleet=FleetFront())
    async with client.get(f"/fleet{query}", headers={"Accept": accept}) as answer:
        text = await answer.text()
        assert text == f"the fleet as {shape}: / /fleet?format=text /fleet?format=json"
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["Content-Security-Policy"] == "default-src 'self'"
        assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept")


async def test_a_format_of_the_fleet_that_there_is_not_asks_nobody(start: Start) -> None:
    fleet = FleetFront()
    client = await start(fleet=fleet)
    async with client.get("/fleet?format=xml") as answer:
        assert (answer.status, await answer.text()) == (400, "format is one of text, html, json\n")
    assert fleet.looks == 0


async def test_all_who_look_at_once_get_one_page(start: Start) -> None:
    fleet = FleetFront()
    client = await start(fleet=fleet)
    answers = await asyncio.gather(*(client.get("/fleet") for _ in range(10)))
    assert {await answer.text() for answer in answers} == {"the fleet as text: / /fleet?format=text /fleet?format=json"}
    assert fleet.looks < 10


async def test_turned_off_it_is_404_with_a_word_and_without_a_link(start: Start) -> None:
    off, on = await start(), await start(fleet=FleetFront())
    async with off.get("/fleet") as answer:
        assert (answer.status, await answer.text()) == (404, "The fleet is not shown here: --web.disable-fleet.\n")
    assert "/fleet" not in await (await off.get("/")).text()
    assert "/fleet" in await (await on.get("/")).text()


# /sd/prometheus


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("?job=latency", 200, '[{"targets": ["h:9102"]}]\n'),
        ("?job=node", 200, "[]\n"),
        ("", 400, "say which job: /sd/prometheus?job=NAME, one of: latency, node\n"),
        ("?job=other", 404, "say which job: /sd/prometheus?job=NAME, one of: latency, node\n"),
    ],
)
async def test_the_targets_of_a_job_are_served_and_without_a_job_the_jobs_are_named(
    start: Start, query: str, status: int, text: str
) -> None:
    client = await start()
    async with client.get(f"/sd/prometheus{query}") as answer:
        assert (answer.status, await answer.text()) == (status, text)
        assert answer.content_type == ("application/json" if status == 200 else "text/plain")


async def test_a_fleet_that_no_scrape_config_can_say_is_told(view: View, front: Front) -> None:
    async def refused() -> dict[str, str]:
        raise Refused(500, "fleet.yml:3: scrape.jobs.node.path: odd")

    server = WebServer(view, front, Actions(probe, None, refused), "/metrics")
    async with TestClient(TestServer(server.application())) as client, client.get("/sd/prometheus?job=x") as answer:
        assert (answer.status, await answer.text()) == (500, "fleet.yml:3: scrape.jobs.node.path: odd\n")
