"""Answers of HTTP/1 as bytes: what curl takes is taken, in whatever pieces it comes; the words for the others."""

import itertools
import time

import pytest

from collectors.contract import ProbeFailed
from collectors.http.answer import HEADER_ROOM, Answer
from collectors.http.head import Head
from collectors.terms import Reason

OK = b"Content-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

TAKEN = {
    "as it should be": b"HTTP/1.1 200 OK\r\n" + OK,
    "line feeds alone": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "no reason": b"HTTP/1.1 200\r\n" + OK,
    "no reason but a space": b"HTTP/1.1 200 \r\n" + OK,
    "small letters": b"http/1.1 200 ok\r\n" + OK,
    "words without a space": b"HTTP/1.1 200OK\r\n" + OK,
    "the version of a server behind": b"HTTP/2 200\r\n" + OK,
    "several spaces": b"HTTP/1.1  200 OK\r\n" + OK,
    "HTTP/1.0, kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + OK,
    "control characters": b"HTTP/1.1 200 OK\r\nX-Id: a\x01b\x7f\r\n" + OK,
    "white space at the end": b"HTTP/1.1 200 OK\r\nServer: box \t\r\n" + OK,
    "a folded header": b"HTTP/1.1 200 OK\r\nServer: box\r\n  two\r\n\tthree\r\n" + OK,
    "a folded length": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok",
    "Latin-1": b"HTTP/1.1 200 Tr\xe8s bien\r\nServer: caf\xe9\r\n" + OK,
    "an empty header": b"HTTP/1.1 200 OK\r\nServer:\r\n" + OK,
    "no space after the colon": b"HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nok",
    "the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + OK,
    "the same length twice in a line": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "a space in a name": b"HTTP/1.1 200 OK\r\nX Powered By: box\r\n" + OK,
    "no name": b"HTTP/1.1 200 OK\r\n: box\r\n" + OK,
    "a name of odd letters": b"HTTP/1.1 200 OK\r\nX-(c)\xe9: box\r\n" + OK,
    "identity": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n" + OK,
    "chunks": CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    "chunks with extensions and a trailer": CHUNKED + b"2;a=b\r\nok\r\n0;c\r\nX-T: 1\r\n\r\n",
    "chunks with line feeds alone": CHUNKED.replace(b"\r", b"") + b"2 \nok\n0\n\n",
    "chunks and a length": b"HTTP/1.1 200 OK\nContent-Length: 9\nTRANSFER-ENCODING: Chunked\n\n2\nok\n0\n\n",
    "chunks of something": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\nLink: <x>\n\nHTTP/1.1 200 OK\r\n" + OK,
    "more than was announced": b"HTTP/1.1 200 OK\r\n" + OK + b"HTTP/1.1 500 Next\r\n\r\n",
}
UNTIL_THE_END = {
    "no length": b"HTTP/1.1 200 OK\r\n\r\nok",
    "a length that cannot be": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x-own\r\nContent-Length: 9\r\n\r\nok",
    "identity and no length": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok",
}
BODILESS = {
    "no content": b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}
ALLOWED_PIECES = (1, 2, 7, 1 << 20)


def read(data: bytes, piece: int = 1 << 20, *, bodiless: bool = False, ended: bool = False) -> tuple[int, bytes, bool]:
    """Return status, body, and whether that is all."""
    answer = Answer(bodiless=bodiless)
    events: list[Head | bytes] = []
    for start in range(0, len(data), piece):
        events += answer.feed(data[start : start + piece])
    if ended:
        answer.end()
    heads = [event for event in events if isinstance(event, Head)]
    body = b"".join(event for event in events if isinstance(event, bytes))
    assert len(heads) == 1
    return heads[0].status, body, answer.complete


@pytest.mark.parametrize("piece", ALLOWED_PIECES)
@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN)
def test_what_curl_takes_is_taken(data, piece):
    assert read(data, piece) == (200, b"ok", True)


@pytest.mark.parametrize("piece", ALLOWED_PIECES)
@pytest.mark.parametrize("data", UNTIL_THE_END.values(), ids=UNTIL_THE_END)
def test_a_body_of_unknown_length_ends_with_the_connection(data, piece):
    assert read(data, piece)[1:] == (b"ok", False)
    assert read(data, piece, ended=True)[1:] == (b"ok", True)


@pytest.mark.parametrize("data", BODILESS.values(), ids=BODILESS)
def test_some_answers_have_no_body_whatever_they_say(data):
    assert read(data, 1)[1:] == (b"", True)


def test_the_answer_to_a_head_has_none():
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", bodiless=True) == (200, b"", True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", 'this is no answer in HTTP: "SSH-2.0-OpenSSH_9.2"'),
        (b"ICY 200 OK\r\n", 'this is no answer in HTTP: "ICY 200 OK"'),
        (b"\r\nHTTP/1.1 200 OK\r\n" + OK, 'this is no answer in HTTP: ""'),
        (b"x" * 5000, f'this is no answer in HTTP: "{"x" * 100}..."'),
        (b"\x1b[31m\xe9\0\n", 'this is no answer in HTTP: ".[31m.."'),
        (b"\x15\x03\x01\x00\x02\x02\x46", "it answers in TLS: is the url to begin with https?"),
        (bytes.fromhex("000012040000000000") + bytes(18), "it speaks HTTP/2 alone; HTTP/1.1 is asked for here"),
        (b"HTTP/1.2 200\r\n", 'its first line is not one of HTTP/1.1: "HTTP/1.2 200"'),
        (b"HTTP/1.1 20 OK\r\n", 'its first line is not one of HTTP/1.1: "HTTP/1.1 20 OK"'),
        (b"HTTP/1.1 2000 OK\r\n", 'its first line is not one of HTTP/1.1: "HTTP/1.1 2000 OK"'),
        (b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n", 'a header line without a colon: "HTTP/1.1 200 OK"'),
        (b"HTTP/1.1 200 OK\r\nX: a\0b\r\n", "a zero byte in its headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + OK, 'it has no one length: "2, 3"'),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 'it has no one length: "-1"'),
        (CHUNKED + b"xyz\r\n", 'no length of a chunk: "xyz"'),
        (CHUNKED + b"f" * 17 + b"\r\n", f'no length of a chunk: "{"f" * 17}"'),
        (CHUNKED + b"1\r\nabc\r\n", "a chunk is longer than it says"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEADER_ROOM, "more than 64 KiB of headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"a:\n" * (HEADER_ROOM // 3), "more than 64 KiB of headers"),
        (b"HTTP/1.1 100 Go\r\n\r\n" * 33, "more than 32 interim answers"),
    ],
)
def test_what_is_no_answer_is_told_in_words(data, words):
    for piece in (7, 1 << 20):
        with pytest.raises(ProbeFailed) as failed:
            read(data, piece)
        assert failed.value.reason is Reason.PROTOCOL
        assert failed.value.detail == words or piece == 7  # of what has come by then


@pytest.mark.parametrize("data", [b"", b"HTT", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", CHUNKED + b"2\r\nok"])
def test_what_ends_too_soon_was_not_complete(data):
    with pytest.raises(ProbeFailed, match="closed before the answer was complete"):
        read_to_the_end(data)


def test_a_few_bytes_that_begin_no_answer_are_told_at_the_end():
    with pytest.raises(ProbeFailed, match='this is no answer in HTTP: "no"'):
        read_to_the_end(b"no")


def read_to_the_end(data: bytes) -> None:
    answer = Answer(bodiless=False)
    list(answer.feed(data))
    answer.end()


def test_64_kib_of_headers_are_taken():
    line = b"Content-Security-Policy: script-src https://cdn.example.test " + b"x" * 480 + b"\r\n"
    data = b"HTTP/1.1 200 OK\r\n" + line * ((HEADER_ROOM - 100) // len(line)) + OK
    assert read(data, 4096) == (200, b"ok", True)


def test_only_the_headers_that_matter_are_kept():
    answer = Answer(bodiless=False)
    (head,) = answer.feed(b"HTTP/1.1 301 Moved\r\nX: y\r\n z\r\nLOCATION :  /a\r\nLocation:/b\r\n\r\n")
    assert isinstance(head, Head)
    assert head.status == 301
    assert head.fields == {b"location": [b"/a", b"/b"]}


def test_whether_the_answer_itself_has_begun():
    answer = Answer(bodiless=False)
    begun = []
    for data in (b"HTTP/1.1 103 Early", b" Hints\r\n\r\n", b"H", b"TTP/1.1 200 OK\r\n\r\n"):
        list(answer.feed(data))
        begun.append((answer.begun, answer.interim))
    assert begun == [(True, 0), (False, 1), (True, 1), (True, 1)]


@pytest.mark.clock
def test_a_line_that_comes_byte_by_byte_costs_no_more_than_it_is_long():
    """Searching it anew each time would be 2,000 million steps."""
    answer, began = Answer(bodiless=False), time.process_time()
    for byte in itertools.chain(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(120, 60_000)):
        list(answer.feed(bytes((byte,))))
    assert time.process_time() - began < 2
