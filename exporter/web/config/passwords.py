"""Passwords against their bcrypt hashes.

bcrypt takes 60 ms of a processor at cost 10 and 230 ms at 12. So it runs in a thread (it releases the GIL), one
check at a time; addresses take turns, and verdicts are kept. Under a flood of wrong passwords a user who has logged in
before is served at once, and a first login from elsewhere after a check or two.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping

from exporter.web.fair_queues import OneAtATime

MAX_WAITING = 512
MAX_WAITING_PER_ADDRESS = 64
"""Logins that wait for bcrypt: as many as there are connections. Beyond, the one that waits longest is refused."""
_MAX_WRONG = 100
_BCRYPT_BYTES = 72
"""bcrypt knows no more of a password. Go cuts there in silence, bcrypt 5.0 of Python raises."""


def _matches(password: bytes, bcrypt_hash: bytes) -> bool:
    import bcrypt  # noqa: PLC0415 - a third of a MB, which a file without users saves

    return bcrypt.checkpw(password, bcrypt_hash)


class PasswordChecks:
    """Checks passwords and keeps the verdicts.

    A verdict stands under a digest of user, hash and password, keyed by a secret of this process: no
    password is kept, a changed hash voids the verdicts of the old one, and the time that a comparison
    of digests takes reveals nothing.
    """

    def __init__(self, check: Callable[[bytes, bytes], bool] = _matches) -> None:
        self._check = check
        self._secret = secrets.token_bytes(32)
        self._right: dict[bytes, bytes] = {}
        """User -> digest; apart from the wrong ones, so that no flood of those displaces it."""
        self._wrong: dict[bytes, None] = {}
        self._bcrypt = OneAtATime(MAX_WAITING, MAX_WAITING_PER_ADDRESS)

    async def is_right(self, users: Mapping[bytes, bytes], user: bytes, password: bytes, address: str = "") -> bool:
        """Return whether this is a user's password; raises Busy. Unknown users take as long as known ones."""
        password = password[:_BCRYPT_BYTES]
        bcrypt_hash = users[user] if user in users else self._stand_in(users, user)
        digest = self._digest(user, bcrypt_hash, password)
        verdict = self._verdict(users, user, digest)
        if verdict is not None:
            return verdict
        async with self._bcrypt.waiting_turn(address):
            verdict = self._verdict(users, user, digest)  # the same login may have been waiting before this one
            if verdict is not None:
                return verdict
            matches = await asyncio.to_thread(self._check, password, bcrypt_hash)
        return self._remember(user, digest, is_right=matches and user in users)

    def _stand_in(self, users: Mapping[bytes, bytes], user: bytes) -> bytes:
        """Choose the hash that an unknown user is checked against: always the same one, so the time is steady."""
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
