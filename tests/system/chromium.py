"""Chromium, headless: pages with all that it complains of, and what of them is out of sight."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (320, 360, 768, 1280, 1440)
_BEYOND = """([width, hidden]) => [...document.querySelectorAll("h1, p, tbody th, tbody td, li, a")]
  .filter(each => !hidden || !each.matches(hidden) || each.getClientRects().length)
  .filter(each => { const at = each.getBoundingClientRect(); return at.left < 0 || at.right > width || !at.width })
  .map(each => each.innerText)"""
_SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""A folder to keep pictures in, for people to look at."""


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Browser, url: str, path: str = "/", **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """Open a page; with it every error of its console and every request that it makes elsewhere."""
    context = browser.new_context(**how)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith((url, "data:")) else complaints.append(request.url)
    )
    page.goto(f"{url}{path}", wait_until="networkidle")
    yield page, complaints
    context.close()


def beyond(page: Page, width: int, *, may_be_hidden: str = "") -> list[str]:
    """Return what of the page is beyond its sides, or nowhere; what this selector names may be nowhere."""
    out: list[str] = page.evaluate(_BEYOND, [width, may_be_hidden])
    return out


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return what keeps some people from using the page, by axe's rules, and where."""
    broken = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in broken]


def keep_picture(page: Page, name: str) -> None:
    """Take a picture, if somebody wants to look at it."""
    if _SCREENSHOTS:
        page.screenshot(path=Path(_SCREENSHOTS) / f"{name}.png", full_page=True)
