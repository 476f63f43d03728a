"""Validity from bytes, against ``cryptography``, which reads the whole certificate."""

import datetime as dt
import ssl
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from collectors.transport import certificate


@pytest.mark.parametrize(
    "until",
    [
        dt.datetime(2026, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
        dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
        dt.datetime(2050, 1, 1, tzinfo=dt.UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
    ],
)
def test_validity_is_what_cryptography_reads(authority, until):
    made = authority.certificate("a.test", until=until)
    assert certificate.validity(made.public_bytes(serialization.Encoding.DER)) == read(made)


def read(made):
    return made.not_valid_before_utc.timestamp(), made.not_valid_after_utc.timestamp()


def test_the_systems_own_roots_are_read_as_cryptography_reads_them():
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some old roots have odd serial numbers
        for der in roots:
            assert certificate.validity(der) == read(x509.load_der_x509_certificate(der))


@given(st.binary(max_size=80), st.integers(0, 400), st.integers(0, 30))
def test_hostile_bytes_tell_nothing_and_break_nothing(authority, noise, at, removed):
    made = authority.certificate("a.test", until=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    der = made.public_bytes(serialization.Encoding.DER)
    validity = certificate.validity(der[:at] + noise + der[at + removed :])
    assert validity is None or all(isinstance(moment, float) for moment in validity)


@pytest.mark.parametrize(
    "der", [b"", b"0", b"0\x80", b"0\xff" + bytes(9), b"0\x84\xff\xff\xff\xff", bytes(9999), b"\xa0" * 99]
)
def test_what_is_no_certificate_tells_nothing(der):
    assert certificate.validity(der) is None
