"""One HTTP/1.1 exchange as bytes, without sockets: the request to send, and the answer understood and judged.

The request is written by h11, the answer read by ``collectors.http.answer``. Redirects are reported and not followed,
nothing is decompressed, no cookie is kept, and what a peer may cost is bounded: 64 KiB of headers, ``max_body_bytes``.
"""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Iterable
from typing import NamedTuple

import h11

from collectors.contract import Facts, ProbeFailed
from collectors.http.answer import Answer
from collectors.http.charsets import text_of
from collectors.http.head import Head, place_of
from collectors.http.target import HttpTarget
from collectors.literals import bracketed
from collectors.terms import Reason, Seconds

_SHOWN = 200
"""Characters of what a peer says that people get to see."""
_PORTS = {"http": 80, "https": 443}
_WITH_BODY = {"POST", "PUT", "PATCH"}
_REDIRECTS = range(300, 400)
_REFUSALS = set(range(400, 500)) - {408, 425, 429}
"""The server is well and does not take this request (RFC 9110, section 15.5); the others ask to come later."""


class UrlParts(NamedTuple):
    """A url taken apart; the host without brackets."""

    tls: bool
    host: str
    port: int
    authority: str
    """As the Host header has it: without the dot by which a name may end."""
    path: str
    """With the query."""


def split_url(text: str) -> UrlParts:
    """Return the parts of a url."""
    parts = urllib.parse.urlsplit(text)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    shortest = bracketed(host.rstrip("."))
    authority = shortest if port == _PORTS[parts.scheme] else f"{shortest}:{port}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return UrlParts(
        parts.scheme == "https",
        host,
        port,
        authority,
        urllib.parse.quote(path, safe="/?%:@!$&'()*+,;=~", errors="replace"),
    )


def name_in_tls(url: UrlParts, headers: Iterable[tuple[str, str]]) -> str:
    """Return the name that the certificate has to be for: the url's host, or the one of a Host header instead."""
    asked = next((value for name, value in headers if name.lower() == "host"), "")
    return (urllib.parse.urlsplit(f"//{asked}").hostname or url.host).rstrip(".")


class HttpExchange:
    """A request, and what has come of its answer so far."""

    def __init__(self, target: HttpTarget, facts: Facts) -> None:
        self._target, self.facts = target, facts
        self._answer = Answer(bodiless=target.method == "HEAD")
        self._body_bytes = 0
        self._body: list[bytes] = []
        self._content_types: list[bytes] = []

    def request(self, url: UrlParts, user_agent: str) -> bytes:
        """Return the request's bytes; ProbeFailed(LOCAL) without its text (it may hold a secret) if there are none."""
        connection = h11.Connection(h11.CLIENT)
        try:
            headers = _headers(self._target, url, user_agent)
            message = h11.Request(method=self._target.method, target=url.path, headers=headers)
            return (connection.send(message) or b"") + (connection.send(h11.EndOfMessage()) or b"")
        except (h11.LocalProtocolError, UnicodeError):
            raise ProbeFailed(Reason.LOCAL, "method, url or a header can't be written in HTTP/1.1") from None

    @property
    def interim_answers(self) -> int:
        """How many have ended (100 Continue, 103 Early Hints ...): they say nothing of the work on the answer."""
        return self._answer.interim

    @property
    def answer_begun(self) -> bool:
        """Whether anything of the answer itself has come."""
        return self._answer.begun

    def feed(self, data: bytes) -> bool:
        """Read more bytes of the answer (none: the peer has closed); return whether it is complete, and as expected."""
        if not data:
            self._answer.end()
        for event in self._answer.feed(data):
            if isinstance(event, Head):
                self._take_head(event)
            else:
                self._take_body(event)
        if self._answer.complete:
            self._check_body()
        return self._answer.complete

    def _take_head(self, head: Head) -> None:
        self.facts.status_code = head.status
        self._content_types = head.fields.get(b"content-type", [])
        for value in head.fields.get(b"server-timing", ()):
            if self.facts.peer_processing is None:
                self.facts.peer_processing = peer_processing(value, self._target.timeout)
        if head.status in _REDIRECTS and (places := head.fields.get(b"location")):
            place = place_of(places[-1])
            self.facts.redirect = place[:_SHOWN].decode("ascii", "backslashreplace")[:_SHOWN]
        if head.status not in self._target.expect_status:
            where = f", which points to {self.facts.redirect}" if self.facts.redirect else ""
            refused = head.status in _REDIRECTS or head.status in _REFUSALS
            raise ProbeFailed(Reason.STATUS, f"status {head.status}{where}", misconfigured=refused)

    def _take_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > self._target.max_body_bytes:
            raise ProbeFailed(Reason.BODY, f"more than max_body_bytes ({self._target.max_body_bytes})")
        if self._target.expect_body is not None:
            self._body.append(data)

    def _check_body(self) -> None:
        pattern = self._target.expect_body
        if pattern is not None and not pattern.search(text_of(b"".join(self._body), *self._content_types)):
            raise ProbeFailed(Reason.BODY, f"nothing matches {pattern.pattern!r}")


def peer_processing(value: bytes, waited: Seconds) -> Seconds | None:
    """Return what ``Server-Timing: app;dur=MILLISECONDS`` says (W3C Server Timing), in seconds.

    That it took longer than anybody ``waited`` for it is not believed.
    """
    for metric in value.decode("latin-1").split(","):
        name, *parameters = (part.strip() for part in metric.split(";"))
        for parameter in parameters if name == "app" else ():
            key, _, number = parameter.partition("=")
            if key.strip().lower() == "dur":
                return _duration(number.strip().strip('"'), waited)
    return None


def _duration(number: str, most: Seconds) -> Seconds | None:
    try:
        seconds = float(number) / 1000
    except ValueError:
        return None
    return seconds if 0 <= seconds <= most else None


def _headers(target: HttpTarget, url: UrlParts, user_agent: str) -> list[tuple[bytes, bytes]]:
    """Return the target's own headers, and of ours those that they do not replace."""
    own = {name.lower() for name, _ in target.headers}
    ours = {
        "host": url.authority,
        "user-agent": user_agent,
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }
    if target.method in _WITH_BODY:
        ours["content-length"] = "0"
    if target.user is not None:
        ours["authorization"] = _basic(target)
    kept = [(name, value) for name, value in ours.items() if name not in own]
    return [(name.encode(), value.encode()) for name, value in (*kept, *target.headers)]


def _basic(target: HttpTarget) -> str:
    password = target.password.reveal() if target.password is not None else ""
    return "Basic " + base64.b64encode(f"{target.user}:{password}".encode()).decode()
