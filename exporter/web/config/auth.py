"""Which requests are let in, in exporter-toolkit's order: rate limit, then basic authentication, for every path."""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from collectors.terms import Seconds
from exporter.web.client_address import address_of
from exporter.web.config.loading import WebConfig
from exporter.web.config.passwords import PasswordChecks
from exporter.web.fair_queues import Busy


class TokenBucket:
    """Tokens for requests; full at the start, as Go's rate.Limiter is."""

    def __init__(self, clock: Callable[[], Seconds]) -> None:
        self._clock = clock
        self._full_at = clock()

    def has_one(self, config: WebConfig) -> bool:
        """Return whether a token is left, and use it. The bucket is kept as the time at which it will be full."""
        if config.token_interval is None:
            return True
        now = self._clock()
        full_at = max(self._full_at, now) + config.token_interval
        if full_at - now > config.burst * config.token_interval * (1 + 1e-9):
            return False
        self._full_at = full_at
        return True


def authenticate(
    config: Callable[[], WebConfig], checks: PasswordChecks | None = None, clock: Callable[[], Seconds] = time.monotonic
) -> Middleware:
    """Make the middleware that asks ``config()`` at each request, so that a reload takes effect at once."""
    checks, bucket = checks or PasswordChecks(), TokenBucket(clock)

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        current = config()
        if not bucket.has_one(current):
            raise web.HTTPTooManyRequests(text="Too many requests; see rate_limit in the web configuration.\n")
        if current.users:
            await _ensure_user(checks, current.users, request)
        return await handler(request)

    return guard


async def _ensure_user(checks: PasswordChecks, users: Mapping[bytes, bytes], request: web.Request) -> None:
    login = _login(request.headers.get("Authorization", ""))
    peer = request.transport.get_extra_info("peername") if request.transport else None
    try:
        if login and await checks.is_right(users, *login, address_of(peer)):
            return
    except Busy:
        raise web.HTTPServiceUnavailable(
            text="Too many logins at once; try again.\n", headers={"Retry-After": "1"}
        ) from None
    raise web.HTTPUnauthorized(text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"})


def _login(authorization: str) -> tuple[bytes, bytes] | None:
    """Read user and password from the header; None for whatever is not basic authentication."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except ValueError:
        return None
    return (user, password) if colon else None


def extra_headers(
    config: Callable[[], WebConfig],
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make what ``application.on_response_prepare`` wants, so that errors bear the headers too."""

    async def add(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(config().headers)

    return add
