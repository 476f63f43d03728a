"""The requests of the targets, each written once: h11 takes a sixth of a probe's CPU to write one."""

from __future__ import annotations

from collectors.http.exchange import HttpExchange, UrlParts
from collectors.http.target import HttpTarget


class Requests:
    """Keeps a target's request until it is forgotten; none with a password, which may change."""

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._written: dict[HttpTarget, bytes] = {}

    def of(self, target: HttpTarget, url: UrlParts, exchange: HttpExchange) -> bytes:
        """Return the request's bytes; ProbeFailed(LOCAL) if there are none."""
        if target.user is not None:
            return exchange.request(url, self._user_agent)
        request = self._written.get(target)
        if request is None:
            request = self._written[target] = exchange.request(url, self._user_agent)
        return request

    def forget(self, target: HttpTarget) -> None:
        """Drop what is kept for a target."""
        self._written.pop(target, None)
