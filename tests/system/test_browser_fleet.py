"""The fleet in a real browser: thirty hosts of which ten hang, narrow and wide, dark and light."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.collectors.peers import silent
from tests.exporter.fleet_view.fleets import failing, lost, pair
from tests.exporter.fleet_view.test_peer_pages import Exporter, response
from tests.exporter.fleet_view.test_reports import PAGE
from tests.ports import free_port
from tests.system.chromium import WIDTHS, beyond, keep_picture, launched, opened, violations
from tests.system.running import REPOSITORY

pytestmark = pytest.mark.browser

HOSTS = [f"wf{number:03}" for number in range(1, 31)]
HANGING = HOSTS[20:]
EVIL = "<script>document.title = 'evil'</script><img src=http://192.0.2.1/x>"
FLEET = """
defaults: {interval: 5m, timeout: 1s}
probes:
  tcp: {protocol: tcp, port: PORT}
  ping: {protocol: http, url: "http://{address}:PORT/ping"}
hosts:
"""


def says(source: str) -> bytes:
    """Return the page of a host: one is lost, one is slow there, one says what it should not."""
    pairs = [pair(target, "icmp", rtt=0.08) for target in HOSTS if target not in {source, HOSTS[5]}]
    pairs.append(lost(HOSTS[5], "icmp"))
    if source == HOSTS[2]:
        pairs.append(failing(HOSTS[3], "ping", "status", verdict={"word": "peer", "why": EVIL}))
    return response(json.dumps({**PAGE, "pairs": pairs}).encode())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the program as the first host; the others are its pages alone, each at an address of its own."""
    port, file = free_port(), tmp_path_factory.mktemp("fleet") / "fleet.yml"
    lines = [
        f"  - {{name: {host}, address: 127.0.0.{number}, datacenter: d{number % 3}}}" for number, host in numbered()
    ]
    file.write_text(FLEET.replace("PORT", str(port)) + "\n".join(lines) + "\n")
    with contextlib.ExitStack() as stack:
        for number, host in numbered()[1:]:
            does = silent if host in HANGING else says(host)
            stack.enter_context(Exporter(does, host=f"127.0.0.{number}", port=port))
        stack.enter_context(running(file, port))
        yield f"http://127.0.0.1:{port}"


def numbered() -> list[tuple[int, str]]:
    return list(enumerate(HOSTS, start=1))


@contextlib.contextmanager
def running(file: Path, port: int) -> Iterator[None]:
    words = [sys.executable, "-m", "exporter", f"--config.file={file}", f"--host={HOSTS[0]}"]
    words.append(f"--web.listen-address=127.0.0.1:{port}")
    with subprocess.Popen(words, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 60
            while not is_ready(port):
                assert time.monotonic() < until
                time.sleep(0.2)
            yield
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@pytest.mark.parametrize("javascript", [True, False])
def test_it_names_the_culprits_and_draws_all_thirty(browser: Browser, url: str, javascript: bool) -> None:
    with opened(browser, url, "/fleet", java_script_enabled=javascript) as (page, complaints):
        lines = [each.inner_text() for each in page.locator("li").all()]
        assert any(line.startswith(f"host {HOSTS[5]}: 19 hosts get no answer from it") for line in lines)
        assert any(line.startswith(f"exporter {HOSTS[20]}, ") for line in lines)
        assert any(EVIL in line for line in lines)
        rows = page.locator("tbody tr").all()
        assert [row.locator("th").inner_text() for row in rows] == HOSTS
        grey = [row.locator("th").inner_text() for row in rows if row.locator("td.unknown").count()]
        assert grey == HANGING
        assert rows[1].locator("td").nth(5).inner_text() == "lost"
        assert page.title().startswith("The fleet as asked from wf001")
        assert complaints == []


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_screen_and_everybody_can_use_it(browser: Browser, url: str, width: int, colours: str) -> None:
    how: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": colours}
    with opened(browser, url, "/fleet", **how) as (page, complaints):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        keep_picture(page, f"fleet-{width}-{colours}")
        assert beyond(page, width, may_be_hidden="td.none, td.fine") == [], "nothing is read by scrolling sideways"
        assert complaints == []
        assert violations(page) == []


def test_from_the_page_of_a_host_one_link_leads_to_it_and_another_back(browser: Browser, url: str) -> None:
    with opened(browser, url) as (page, complaints):
        page.get_by_role("link", name="the fleet").click()
        page.wait_for_url(f"{url}/fleet")
        page.get_by_role("link", name="this host").click()
        page.wait_for_url(f"{url}/")
        assert complaints == []
