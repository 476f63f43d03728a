"""SCRAM-SHA-256 against its RFC, and against servers that do not keep to it."""

from __future__ import annotations

import pytest

from collectors.contract import ProbeFailed, Reason
from collectors.scram import MAX_ITERATIONS, Scram, prepared
from collectors.secret import Secret

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


class Named(Scram):
    """As in RFC 7677's example, whose client names its user; PostgreSQL's does not."""

    def __init__(self) -> None:
        super().__init__(Secret("pencil"), {}, NONCE)
        self._bare = f"n=user,r={NONCE}".encode()


def test_the_example_of_rfc_7677_is_spoken_to_the_letter() -> None:
    scram = Named()
    assert scram.first() == b"n,,n=user,r=" + NONCE.encode()
    assert scram.final(SERVER_FIRST) == b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," + PROOF
    scram.verify(SERVER_FINAL)


def test_a_server_that_does_not_know_the_password_is_refused() -> None:
    scram = Named()
    scram.final(SERVER_FIRST)
    with pytest.raises(ProbeFailed, match="an impostor") as failed:
        scram.verify(SERVER_FINAL.replace(b"6rri", b"7rri"))
    assert failed.value.reason is Reason.AUTH


def test_a_signature_before_the_question_proves_nothing() -> None:
    with pytest.raises(ProbeFailed, match="an impostor"):
        Named().verify(b"v=")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"r=somebody-elses,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        SERVER_FIRST.replace(b"i=4096", b"i=0"),
        SERVER_FIRST.replace(b"i=4096", b"i=4095"),
        SERVER_FIRST.replace(b"i=4096", b"i=-1"),
        SERVER_FIRST.replace(b"i=4096", b"i=2147483647"),
        SERVER_FIRST.replace(b"i=4096", f"i={MAX_ITERATIONS + 1}".encode()),
        SERVER_FIRST.replace(b"W22Z", b"!!!!"),
        SERVER_FIRST + b"x" * 5000,
        b"\xff" * 100,
    ],
)
def test_whatever_else_a_server_says_is_refused_at_once(said: bytes) -> None:
    with pytest.raises(ProbeFailed) as failed:
        Named().final(said)
    assert failed.value.reason is Reason.AUTH


def test_a_salted_password_is_computed_once() -> None:
    salted: dict[tuple[bytes, int], bytes] = {}
    for _ in range(2):
        scram = Scram(Secret("pencil"), salted, NONCE)
        scram.final(SERVER_FIRST)
    assert len(salted) == 1


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
