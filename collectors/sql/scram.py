"""SCRAM-SHA-256 (RFC 5802, RFC 7677) as bytes: both sides prove that they know a password, and neither shows it.

Without channel binding. A server may ask for any number of iterations, as libpq lets it, that this host can do in time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import hashlib
import hmac
import os
import stringprep
import time
import unicodedata

from collectors.contract import ProbeFailed
from collectors.secret import Secret
from collectors.terms import Reason, Seconds

MECHANISM = "SCRAM-SHA-256"
_AT_ONCE: Seconds = 0.005
"""What may hold the loop; a longer computation goes to a thread, which the interpreter's lock does not stop."""
_MEASURED = 2048
"""Iterations by which this host's pace is measured."""
_NO_BINDING = b"n,,"
_LONGEST = 4096
_MOST = 2**31 - 1
"""Iterations that OpenSSL does."""
_DIGITS = 20
"""Of a number of iterations: no host can do a number that has more."""


Salted = dict[object, bytes]
"""By password, salt and iterations; one at a time."""


class Scram:
    """One conversation: ``first``, then ``final`` with what the server says, then ``verify`` with what it says then.

    ``salted`` keeps a salted password from one login to the next, because it costs 2 ms or more, and at most ``limit``.
    """

    def __init__(self, password: Secret, salted: Salted, limit: Seconds, nonce: str = "") -> None:
        self._password, self._salted, self._limit = password, salted, limit
        self._nonce = nonce or base64.b64encode(os.urandom(18)).decode("ascii")
        self._bare = f"n=,r={self._nonce}".encode("ascii")  # PostgreSQL takes the user from the startup message
        self._server_signature = b""

    def first(self) -> bytes:
        """Return the client's first message."""
        return _NO_BINDING + self._bare

    async def final(self, server_first: bytes) -> bytes:
        """Return the client's final message; ProbeFailed(AUTH) for a server that does not keep to the rules."""
        fields = _fields(server_first)
        nonce, salt, count = fields.get("r", ""), _decoded(fields.get("s", "")), fields.get("i", "")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or not salt:
            raise ProbeFailed(Reason.AUTH, "the server's SCRAM answer is not to our question")
        if not (count.isascii() and count.isdigit() and count.strip("0")):
            raise ProbeFailed(Reason.AUTH, "the server's SCRAM answer has no number of iterations")
        salted = await self._salted_password(salt, int(count.lstrip("0")[:_DIGITS]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        proofless = f"c={base64.b64encode(_NO_BINDING).decode('ascii')},r={nonce}".encode()
        signed = b",".join((self._bare, server_first, proofless))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        self._server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        return proofless + b",p=" + base64.b64encode(proof)

    def verify(self, server_final: bytes) -> None:
        """Accept the server only if it knows the password too; ProbeFailed(AUTH)."""
        signature = _decoded(_fields(server_final).get("v", ""))
        if not self._server_signature or not hmac.compare_digest(signature, self._server_signature):
            raise ProbeFailed(Reason.AUTH, "the server does not know the password: an impostor?")

    async def _salted_password(self, salt: bytes, iterations: int) -> bytes:
        password = prepared(self._password.reveal()).encode("utf-8", "surrogatepass")
        key = password, salt, iterations
        if key not in self._salted:
            takes = iterations * _pace()
            if takes > self._limit or iterations > _MOST:
                detail = f"the server asks for {iterations} iterations of SCRAM, some {takes:.0f} s for this host"
                raise ProbeFailed(Reason.AUTH, f"{detail}; that is longer than the timeout", misconfigured=True)
            if takes <= _AT_ONCE:
                return self._salt(*key)
            # It ends by itself, whatever happens here, and the next login has it at once.
            return await asyncio.to_thread(self._salt, *key)
        return self._salted[key]

    def _salt(self, password: bytes, salt: bytes, iterations: int) -> bytes:
        salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
        self._salted.clear()
        self._salted[password, salt, iterations] = salted
        return salted


@functools.cache
def _pace() -> Seconds:
    """Return what an iteration takes here, at best."""

    def one() -> Seconds:
        began = time.perf_counter()
        hashlib.pbkdf2_hmac("sha256", b"password", b"salt", _MEASURED)
        return (time.perf_counter() - began) / _MEASURED

    return min(one() for _ in range(3))


def prepared(password: str) -> str:
    """Return what PostgreSQL makes its verifier of: SASLprep (RFC 4013), or the text itself where that prohibits it."""
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter for letter in password if not stringprep.in_table_b1(letter)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    return password if not normal or any(_prohibited(letter) for letter in normal) else normal


def _prohibited(letter: str) -> bool:
    tables = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
        stringprep.in_table_a1,
    )
    return any(table(letter) for table in tables)


def _fields(message: bytes) -> dict[str, str]:
    if len(message) > _LONGEST:
        raise ProbeFailed(Reason.AUTH, "the server's SCRAM answer is too long")
    text = message.decode("ascii", "replace")
    return {part[:1]: part[2:] for part in text.split(",") if part[1:2] == "="}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
