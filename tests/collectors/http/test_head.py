"""Heads of answers, line by line: what frames the body, and what of a peer's text people get to see."""

from __future__ import annotations

import pytest

from collectors.contract import ProbeFailed
from collectors.http.head import Head, excerpt, place_of


def head(*lines: bytes, status: int = 200) -> Head:
    made = Head(b"HTTP/1.1 %d OK" % status)
    for line in lines:
        made.add(line)
    return made


@pytest.mark.parametrize(("status", "interim"), [(100, True), (101, False), (103, True), (200, False), (304, False)])
def test_an_answer_is_interim_below_200_but_for_switching_protocols(status: int, interim: bool) -> None:
    assert head(status=status).is_interim is interim


def test_the_last_transfer_coding_that_changes_anything_frames_the_body() -> None:
    assert head(b"Transfer-Encoding: gzip, Chunked", b"transfer-encoding: identity").transfer_coding == b"chunked"
    assert head(b"Transfer-Encoding: identity").transfer_coding == b""


def test_a_length_may_stand_twice_and_is_one() -> None:
    assert head().length() is None
    assert head(b"Content-Length: 5", b"Content-Length: 5, 5").length() == 5
    with pytest.raises(ProbeFailed, match='it has no one length: "5, 6"'):
        head(b"Content-Length: 5", b"Content-Length: 6").length()


def test_a_line_that_begins_with_white_space_goes_on_with_the_header_before_it() -> None:
    assert head(b"Location: /a", b"\t/b").fields == {b"location": [b"/a /b"]}


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (b"https://user:pw@host/path?token=1#part", b"https://host/path"),
        (b"//user@host/path", b"//host/path"),
        (b"/path?token=1", b"/path"),
    ],
)
def test_a_place_has_neither_a_login_nor_what_may_be_a_token(location: bytes, place: bytes) -> None:
    assert place_of(location) == place


def test_a_quotation_is_short_and_on_one_line() -> None:
    assert excerpt(b"a\r\n\xffb") == '"a...b"'
    assert excerpt(b"x" * 101) == '"' + "x" * 100 + '..."'
