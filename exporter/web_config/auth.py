"""Who may ask, in exporter-toolkit's order: rate limit, then basic authentication, for every path.

bcrypt takes 60 ms of a processor at cost 10 and 230 ms at 12. So it runs in a thread (it releases the
GIL), one at a time; addresses take turns, and verdicts are kept. Under a flood of wrong passwords, who logged
in before is served at once, and a first login from elsewhere after a check or two.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter.web_config.limits import address_of
from exporter.web_config.line import Busy, Line
from exporter.web_config.loading import WebConfig

MAX_WAITING = 512
MAX_WAITING_PER_ADDRESS = 64
"""Logins that wait for bcrypt: as many as there are connections. Beyond, the longest waiting is told to come back."""
_MAX_WRONG = 100
_BCRYPT_BYTES = 72
"""bcrypt knows no more of a password. Go cuts there in silence, bcrypt 5.0 of Python raises."""


def _matches(password: bytes, bcrypt_hash: bytes) -> bool:
    import bcrypt  # noqa: PLC0415 - a third of a MB that only who has users pays for

    return bcrypt.checkpw(password, bcrypt_hash)


class Logins:
    """Checks passwords and keeps the verdicts.

    A verdict stands under a digest of user, hash and password, keyed by a secret of this process: no
    password is kept, a changed hash voids what was said of the old one, and the time that a comparison
    of digests takes tells nothing.
    """

    def __init__(self, check: Callable[[bytes, bytes], bool] = _matches) -> None:
        self._check = check
        self._secret = secrets.token_bytes(32)
        self._right: dict[bytes, bytes] = {}
        """User -> digest; apart from the wrong ones, so that no flood of those displaces it."""
        self._wrong: dict[bytes, None] = {}
        self._line = Line(MAX_WAITING, MAX_WAITING_PER_ADDRESS)

    async def is_right(self, users: Mapping[bytes, bytes], user: bytes, password: bytes, address: str = "") -> bool:
        """Tell whether this is a user with his password; raises Busy. Unknown users take as long as known ones."""
        password = password[:_BCRYPT_BYTES]
        bcrypt_hash = users[user] if user in users else self._stand_in(users, user)
        digest = self._digest(user, bcrypt_hash, password)
        verdict = self._verdict(users, user, digest)
        if verdict is not None:
            return verdict
        async with self._line.turn(address):
            verdict = self._verdict(users, user, digest)  # the same login may have been waiting before this one
            if verdict is not None:
                return verdict
            matches = await asyncio.to_thread(self._check, password, bcrypt_hash)
        return self._remember(user, digest, is_right=matches and user in users)

    def _stand_in(self, users: Mapping[bytes, bytes], user: bytes) -> bytes:
        """Choose whose hash an unknown user is checked against: always the same one's, so the time is steady."""
        hashes = sorted(users.values())
        return hashes[int.from_bytes(self._digest(user)[:8]) % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        return hmac.digest(self._secret, b"".join(b"%d:%b" % (len(part), part) for part in parts), "sha256")

    def _verdict(self, users: Mapping[bytes, bytes], user: bytes, digest: bytes) -> bool | None:
        if user in users and hmac.compare_digest(self._right.get(user, b""), digest):
            return True
        return False if digest in self._wrong else None

    def _remember(self, user: bytes, digest: bytes, *, is_right: bool) -> bool:
        if is_right:
            self._right[user] = digest
            return True
        if len(self._wrong) >= _MAX_WRONG:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[digest] = None
        return False


class _Bucket:
    """Tokens for requests; full at the start, as Go's rate.Limiter is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full_at = clock()

    def has_one(self, config: WebConfig) -> bool:
        """Take a token, if one is left. What is missing from the bucket is written as when it will be full."""
        if config.token_interval is None:
            return True
        now = self._clock()
        full_at = max(self._full_at, now) + config.token_interval
        if full_at - now > config.burst * config.token_interval * (1 + 1e-9):
            return False
        self._full_at = full_at
        return True


def authenticate(
    config: Callable[[], WebConfig], logins: Logins | None = None, clock: Callable[[], float] = time.monotonic
) -> Middleware:
    """Make the middleware that asks ``config()`` at each request, so that a reload takes effect at once."""
    logins, bucket = logins or Logins(), _Bucket(clock)

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        current = config()
        if not bucket.has_one(current):
            raise web.HTTPTooManyRequests(text="Too many requests; see rate_limit in the web configuration.\n")
        if current.users:
            await _ensure_user(logins, current.users, request)
        return await handler(request)

    return guard


async def _ensure_user(logins: Logins, users: Mapping[bytes, bytes], request: web.Request) -> None:
    login = _login(request.headers.get("Authorization", ""))
    peer = request.transport.get_extra_info("peername") if request.transport else None
    try:
        if login and await logins.is_right(users, *login, address_of(peer)):
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
