"""How long a server is met in another way, by what went wrong there; the time is a parameter."""

from __future__ import annotations

import ssl

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.failures import TlsRefused
from collectors.sql.refusals import Refusals, StrangerError
from collectors.terms import Reason

SERVER = ("192.0.2.1", 3306)
OURS, OTHERS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Two sets of authorities."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def pause(refusals: Refusals, now: float) -> float:
    """Return how long the latest refusal stands."""
    refusal = refusals.get(SERVER, OURS, now)
    assert refusal is not None
    return refusal.until - now


def bad_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code, error.verify_message = 20, "unable to get local issuer certificate"
    return error


def test_tls_that_fails_again_is_tried_after_ever_longer_pauses_of_an_hour_at_most() -> None:
    refusals, now, pauses = Refusals(), 0.0, list[float]()
    for _ in range(8):
        refusals.of_tls(SERVER, OURS, TlsRefused("no"), Facts(), now)
        pauses.append(pause(refusals, now))
        now += pauses[-1]
        assert refusals.get(SERVER, OURS, now) is None
    assert pauses == [MINUTE * times for times in (1, 2, 4, 8, 16, 32)] + [HOUR, HOUR]


def test_a_certificate_that_was_refused_stands_for_a_day_with_its_chain() -> None:
    refusals = Refusals()
    refusals.of_certificate(SERVER, OURS, bad_certificate(), b"chain", 5.0)
    assert pause(refusals, 5.0) == DAY
    refusal = refusals.get(SERVER, OURS, 5.0)
    assert refusal is not None
    assert refusal.chain == b"chain"
    assert refusal.again().reason is Reason.TLS


def test_by_other_authorities_nothing_is_refused() -> None:
    refusals = Refusals()
    refusals.of_certificate(SERVER, OURS, bad_certificate(), b"chain", 0.0)
    assert refusals.get(SERVER, OTHERS, 0.0) is None


def test_only_the_tenth_handshake_in_a_row_that_is_cut_off_is_no_coincidence() -> None:
    refusals = Refusals()
    for _ in range(9):
        refusals.of_accident(SERVER, OURS, Facts(), 0.0)
    assert refusals.get(SERVER, OURS, 0.0) is None
    refusals.of_accident(SERVER, OURS, Facts(), 0.0)
    assert pause(refusals, 0.0) == MINUTE


def test_a_login_that_succeeds_ends_all_that_was_remembered() -> None:
    refusals = Refusals()
    for _ in range(9):
        refusals.of_accident(SERVER, OURS, Facts(), 0.0)
    refusals.of_stranger(SERVER, StrangerError("no PostgreSQL"), 0.0)
    refusals.forget(SERVER)
    refusals.avoid_stranger(SERVER, 1.0)
    refusals.of_accident(SERVER, OURS, Facts(), 1.0)
    assert refusals.get(SERVER, OURS, 1.0) is None


def test_a_stranger_is_left_alone_for_a_minute_then_for_two() -> None:
    refusals, now = Refusals(), 0.0
    for length in (MINUTE, 2 * MINUTE):
        refusals.of_stranger(SERVER, StrangerError("no PostgreSQL"), now)
        with pytest.raises(ProbeFailed, match="no PostgreSQL"):
            refusals.avoid_stranger(SERVER, now + length - 1)
        now += length
        refusals.avoid_stranger(SERVER, now)
