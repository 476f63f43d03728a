"""SCRAM-SHA-256 against its RFC, and against servers that do not keep to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading

import pytest

from collectors.contract import ProbeFailed
from collectors.secret import Secret
from collectors.sql.scram import Salted, Scram, prepared
from collectors.terms import Reason

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


class Named(Scram):
    """As in RFC 7677's example, whose client names its user; PostgreSQL's does not."""

    def __init__(self) -> None:
        super().__init__(Secret("pencil"), {}, 10.0, NONCE)
        self._bare = f"n=user,r={NONCE}".encode()


async def test_the_example_of_rfc_7677_is_spoken_to_the_letter() -> None:
    scram = Named()
    assert scram.first() == b"n,,n=user,r=" + NONCE.encode()
    assert await scram.final(SERVER_FIRST) == b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," + PROOF
    scram.verify(SERVER_FINAL)


async def test_a_server_that_does_not_know_the_password_is_refused() -> None:
    scram = Named()
    await scram.final(SERVER_FIRST)
    with pytest.raises(ProbeFailed, match="an impostor") as failed:
        scram.verify(SERVER_FINAL.replace(b"6rri", b"7rri"))
    assert failed.value.reason is Reason.AUTH


def test_a_signature_before_the_question_proves_nothing() -> None:
    with pytest.raises(ProbeFailed, match="an impostor"):
        Named().verify(b"v=")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"r=somebody-elses,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        SERVER_FIRST.replace(b"i=4096", b"i=0"),
        SERVER_FIRST.replace(b"i=4096", b"i=000"),
        SERVER_FIRST.replace(b"i=4096", b"i=-1"),
        SERVER_FIRST.replace(b"i=4096", b"i=2147483647"),
        SERVER_FIRST.replace(b"i=4096", b"i=99999999999999999999"),
        SERVER_FIRST.replace(b"i=4096", b"i="),
        SERVER_FIRST.replace(b"W22Z", b"!!!!"),
        SERVER_FIRST + b"x" * 5000,
        b"\xff" * 100,
    ],
)
async def test_whatever_else_a_server_says_is_refused_at_once(message: bytes) -> None:
    with pytest.raises(ProbeFailed) as failed:
        await Named().final(message)
    assert failed.value.reason is Reason.AUTH


async def test_a_salted_password_is_computed_once_for_each_password() -> None:
    salted: Salted = {}
    for _ in range(2):
        await Scram(Secret("pencil"), salted, 10.0, NONCE).final(SERVER_FIRST)
    ((key, value),) = salted.items()
    salted[key] = bytes(32)
    wrong = await Scram(Secret("pencil"), salted, 10.0, NONCE).final(SERVER_FIRST)
    right = await Scram(Secret("pen"), {}, 10.0, NONCE).final(SERVER_FIRST)
    assert await Scram(Secret("pen"), salted, 10.0, NONCE).final(SERVER_FIRST) == right != wrong
    assert value not in salted.values()


@pytest.mark.parametrize("iterations", [1, 1000, 4096, 50_000, 600_000])
async def test_any_number_of_iterations_is_done_that_this_host_can_do_in_time(iterations: int) -> None:
    """As libpq does, whose server may ask for few (``scram_iterations``) or many."""
    asked = SERVER_FIRST.replace(b"4096", str(iterations).encode())
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    salted: Salted = {}
    await Scram(Secret("pencil"), salted, 60.0, NONCE).final(asked)
    assert list(salted.values()) == [hashlib.pbkdf2_hmac("sha256", b"pencil", salt, iterations)]


async def test_a_long_computation_does_not_hold_the_loop() -> None:
    """The loop turns many times meanwhile; if it were held, the computation would be over at the first turn."""
    asked = SERVER_FIRST.replace(b"4096", b"400000")
    computing = asyncio.ensure_future(Scram(Secret("pencil"), {}, 60.0, NONCE).final(asked))
    for _ in range(20):
        await asyncio.sleep(0)
        assert not computing.done()
    await computing


@pytest.mark.parametrize("iterations", ["2147483647", "1" + 12 * "0", "1" + 308 * "0", "1" + 309 * "0", 3900 * "9"])
async def test_a_computation_that_outlasts_the_timeout_is_not_begun(iterations: str) -> None:
    threads = threading.active_count()
    told = rf"for {iterations[:20]} iterations of SCRAM, some .* longer than the timeout"
    with pytest.raises(ProbeFailed, match=told) as failed:
        await Scram(Secret("pencil"), {}, 10.0, NONCE).final(SERVER_FIRST.replace(b"4096", iterations.encode()))
    assert failed.value.reason is Reason.AUTH
    assert threading.active_count() == threads


async def test_more_iterations_than_openssl_does_are_refused_whatever_the_timeout() -> None:
    with pytest.raises(ProbeFailed, match="2147483648 iterations") as failed:
        await Scram(Secret("pencil"), {}, 86_400.0, NONCE).final(SERVER_FIRST.replace(b"4096", b"2147483648"))
    assert failed.value.reason is Reason.AUTH


@pytest.mark.parametrize(
    ("password", "as_stored"),
    [
        ("pencil", "pencil"),
        ("I\u00adX", "IX"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0007é", "\u0007é"),
    ],
)
def test_a_password_is_prepared_as_postgresql_prepares_it(password: str, as_stored: str) -> None:
    """The examples of RFC 4013; what it prohibits is taken as it is."""
    assert prepared(password) == as_stored
