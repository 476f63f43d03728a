"""The overview in a real browser: Chromium, headless, with and without JavaScript, narrow and wide, dark and light."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.ports import free_port
from tests.system.chromium import WIDTHS, beyond, keep_picture, launched, opened, violations
from tests.system.running import REPOSITORY
from tests.system.running import Page as Metrics

pytestmark = pytest.mark.browser

FLEET = """
defaults: {{interval: 1s, timeout: 900ms}}
hosts: [{{name: wf001, address: 127.0.0.1, location: wf001_usa, country: US}}]
probes:
  tcp: {{protocol: tcp, port: {port}}}
  ping: {{protocol: http, url: "http://{{address}}:{port}/ping"}}
  closed: {{protocol: tcp, port: {closed}}}
endpoints:
  - {{name: "a<b>&\\"c", probe: {{protocol: http, url: "http://127.0.0.1:{port}/nowhere"}}}}
{more}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@contextlib.contextmanager
def running(folder: Path, more: str = "") -> Iterator[str]:
    """Run the program on a port of its own until each pair of its host has been decided twice; its address."""
    port = free_port()
    file = folder / "fleet.yml"
    file.write_text(FLEET.format(port=port, closed=free_port(), more=more))
    words = [sys.executable, "-m", "exporter", f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(words, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 20
            while min(metrics(url).values("network_latency_probes_total", target="wf001"), default=0) < 2:
                assert time.monotonic() < until
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()


def metrics(url: str) -> Metrics:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/metrics", timeout=5) as response:
        return Metrics(response.read().decode())
    return Metrics("")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("overview")) as url:
        yield url


@pytest.mark.parametrize("javascript", [True, False])
def test_it_says_the_same_as_curl_without_an_error_or_a_request_elsewhere(
    browser: Browser, url: str, javascript: bool
) -> None:
    with opened(browser, url, java_script_enabled=javascript) as (page, complaints):
        rows = [row.inner_text().split("\t") for row in page.locator("tbody tr").all()]
        words = [(row[0].partition(":")[0], *row[1:3]) for row in rows]
        assert set(words[:2]) == {("configuration", 'a<b>&"c', "http"), ("peer", "wf001", "closed")}
        assert words[2:] == [("fine", "wf001", "ping"), ("fine", "wf001", "tcp")]
        assert all(row[3].startswith("failing for ") for row in rows[:2])
        assert complaints == []


def test_its_numbers_are_those_of_the_metrics(browser: Browser, url: str) -> None:
    """Both change each second, so the page is held against the metrics around it; again, if it took too long."""
    names = {"tcp": "network_latency_rtt_seconds", "ping": "network_latency_http_response_seconds"}
    for _ in range(20):
        before = metrics(url)
        with opened(browser, url) as (page, _):
            shown = {
                row.locator("td").nth(1).inner_text(): float(row.locator("data").get_attribute("value") or "nan")
                for row in page.locator("tr:has(data)").all()
            }
        after = metrics(url)
        if all(
            shown.get(probe) in {before.value(name, probe=probe), after.value(name, probe=probe)}
            for probe, name in names.items()
        ):
            return
    raise AssertionError(shown)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_screen_and_everybody_can_use_it(browser: Browser, url: str, width: int, colours: str) -> None:
    how: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": colours}
    with opened(browser, url, **how) as (page, complaints):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert beyond(page, width) == [], "nothing is read by scrolling sideways"
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[colours]
        assert complaints == []
        keep_picture(page, f"overview-{width}-{colours}")
        assert violations(page) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("probe", ["ping", "closed", "none"])
def test_a_single_probe_is_read_on_every_screen(browser: Browser, url: str, width: int, probe: str) -> None:
    viewport: Any = {"width": width, "height": 800}
    path = f"/probe?target=wf001&probe={probe}"
    with opened(browser, url, path, viewport=viewport, is_mobile=True) as (page, _):
        while "at most once in" in page.content():  # it was probed for another width
            page.reload()
        words = {"ping": "in all", "closed": "verdict: peer", "none": "measures no probe"}
        assert words[probe] in page.locator("pre").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [each.bounding_box() for each in page.locator("h1, pre, pre span, a").all()]
        assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        keep_picture(page, f"probe-{probe}-{width}")
        assert violations(page) == []


def test_every_link_can_be_reached_by_the_keyboard_and_leads_somewhere(browser: Browser, url: str) -> None:
    with opened(browser, url) as (page, complaints):
        links = page.locator("a").count()
        seen: set[str] = set()
        for _ in range(links + 3):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.href || document.activeElement.tagName"))
        assert {link.evaluate("link => link.href") for link in page.locator("a").all()} <= seen
        assert complaints == []
        page.get_by_role("link", name=re.compile("^probe now: wf001 closed")).press("Enter")
        page.wait_for_url(re.compile("probe[?]target=wf001"))
        assert "verdict: peer" in page.content()


def test_behind_a_path_prefix_every_link_stays_below_it(browser: Browser, url: str) -> None:
    """As Traefik's StripPrefix has it: what the browser asks below /latency/, the program sees without it."""
    context = browser.new_context()
    page, elsewhere = context.new_page(), []

    def strip(route, request) -> None:
        if "/latency/" not in request.url:
            elsewhere.append(request.url)
        route.fulfill(response=route.fetch(url=request.url.replace("/latency/", "/")))

    page.route("**/*", strip)
    page.goto(f"{url}/latency/")
    for link in [each.evaluate("link => link.href") for each in page.locator("a").all()]:
        assert link.startswith(f"{url}/latency/"), link
    page.get_by_role("link", name="metrics").click()
    assert "network_latency_rtt_seconds" in page.content()
    assert elsewhere == []
    context.close()


def test_a_thousand_pairs_are_read_page_by_page(browser: Browser, tmp_path: Path) -> None:
    more = "".join(
        f"  - {{name: e{number}, address: 127.0.0.1, probe: {{protocol: tcp, port: 1, interval: 5m}}}}\n"
        for number in range(1000)
    )
    with running(tmp_path, more) as url, opened(browser, url) as (page, complaints):
        assert page.locator("tbody tr").count() == 100
        for _ in range(10):
            page.get_by_role("link", name="next").click()
            page.wait_for_load_state()  # the page comes in pieces
        assert page.locator("tbody tr").count() == 4
        assert "Pairs 1001 to 1004 of 1004" in page.locator("caption").inner_text()
        assert page.get_by_role("link", name="next").count() == 0
        assert complaints == []
