"""The formats of the pages for people: which one a request wants, and the headers of each."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from exporter.overview import PageFormat, lines_page
from exporter.web.request_headers import weight

_TYPES: Mapping[PageFormat, str] = {
    "text": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
NAMES = ", ".join(_TYPES)
_FOR_BROWSERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def wanted(request: web.Request) -> PageFormat | None:
    """Return the format that is asked for, or the one that suits the client; None for one that there is not."""
    asked = request.query.get("format")
    if asked is None:
        return "html" if weight(request, "Accept", "text/html") > 0 else "text"
    return next((shape for shape in _TYPES if shape == asked), None)


def headers(shape: PageFormat, policy: str) -> dict[str, str]:
    """Return the headers of a page with this Content-Security-Policy."""
    return {
        "Content-Type": _TYPES[shape],
        "Content-Security-Policy": policy,
        "Vary": "Accept",
        **_FOR_BROWSERS,
    }


def of_lines(request: web.Request, answer: web.Response) -> web.Response:
    """Return an answer of lines; to a browser as a page."""
    if wanted(request) != "html":
        return answer
    page = lines_page.render(answer.text or "")
    return web.Response(status=answer.status, text=page, headers=headers("html", lines_page.POLICY))
