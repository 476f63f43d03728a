"""Bodies as text, by the character set that their header names."""

import encodings

import pytest

from collectors import http
from collectors.http.charsets import text_of
from collectors.terms import Reason
from tests.collectors.asking import ask, failure
from tests.collectors.peers import Peer, answering
from tests.collectors.targets import context, http_target, url

TEXT = "Störung: keine"


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        (b"", "utf-8"),
        (b"text/html", "utf-8"),
        (b"text/html; charset=UTF-8", "utf-8"),
        (b"text/html; charset=ISO-8859-1", "latin-1"),
        (b"text/html;charset=latin1", "latin-1"),
        (b'text/html; boundary=x; Charset = "iso-8859-15"', "iso-8859-15"),
        (b"text/html; charset='windows-1252'", "cp1252"),
        (b"text/html; charset=windows-1252; x=y", "cp1252"),
        (b"text/html; charset=macintosh", "mac-roman"),
        (b"text/html; charset=utf-16le", "utf-16-le"),
        (b"text/html; charset=GB18030", "gb18030"),
        (b"text/html; charset=none-such", "utf-8"),
        (b'text/html; title="; charset=utf-8"; charset=iso-8859-1', "latin-1"),
        (b'text/html; title="\\"; charset=utf-8"; charset=iso-8859-1', "latin-1"),
        (b"text/html; charset=iso-8859-1; charset=utf-8", "latin-1"),
        (b"text/html; charset=iso-8859-1, text/html", "latin-1"),
        (b"text/html; charset=iso-8859-1 ", "latin-1"),
        (b'text/html; charset="iso-8859-1', "latin-1"),
        (b"text/html; x-charset=iso-8859-1", "utf-8"),
    ],
)
def test_the_header_says_how_a_body_is_read(content_type, codec):
    assert text_of(TEXT.encode(codec), content_type) == TEXT


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("shift_jis", "cp932", "障害なし"),
        ("x-sjis", "shift_jis", "障害なし"),
        ("EUC-JP", "euc_jp", "障害なし"),
        ("iso-2022-jp", "iso2022_jp", "障害なし"),
        ("big5", "big5", "正常"),
        ("euc-kr", "euc_kr", "정상"),
        ("gb2312", "gbk", "正常"),
        ("koi8-r", "koi8_r", "всё хорошо"),
        ("windows-1251", "cp1251", "всё хорошо"),
        ("iso-8859-1", "cp1252", "5 €"),
        ("us-ascii", "cp1252", "5 €"),
        ("iso-8859-8-i", "iso8859_8", "תקין"),
        ("iso-8859-9", "cp1254", "5 €"),
        ("iso88592", "iso8859_2", "wszystko działa"),
        ("windows-31j", "cp932", "①障害なし"),
        ("tis-620", "cp874", "ปกติ"),
        ("windows-874", "cp874", "ปกติ"),
        ("iso-8859-11", "cp874", "ปกติ"),
        ("windows-949", "cp949", "정상"),
        ("gb_2312-80", "gb18030", "正常"),
        ("cn-big5", "big5", "正常"),
        ("x-x-big5", "big5", "正常"),
        ("x-mac-cyrillic", "mac_cyrillic", "всё хорошо"),
        ("csmacintosh", "mac_roman", "Störung"),
        ("koi8-ru", "koi8_u", "все гаразд"),
        ("koi", "koi8_r", "всё хорошо"),
        ("unicode", "utf-16-le", "Störung"),
        ("ucs-2", "utf-16-le", "Störung"),
        ("unicodeFFFE", "utf-16-be", "Störung"),
    ],
)
def test_the_character_sets_of_the_web_are_known(label, codec, text):
    assert text_of(text.encode(codec), f"text/plain; charset={label}".encode()) == text


@pytest.mark.parametrize(
    "content_types",
    [
        (b"text/html; charset=iso-8859-1", b"text/html"),
        (b"text/html", b"text/html; charset=iso-8859-1"),
        (b"text/html; charset=utf-8", b"text/html; charset=iso-8859-1"),
        (b"text/html; charset=iso-8859-1", b"text/html; charset=none-such"),
    ],
)
def test_of_several_headers_the_last_counts_that_names_a_known_character_set(content_types):
    assert text_of(TEXT.encode("latin-1"), *content_types) == TEXT


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_believed_before_the_header(codec):
    assert text_of(TEXT.encode(codec), b"text/html; charset=iso-8859-1") == TEXT


def test_what_is_no_character_is_replaced():
    assert text_of(b"\xff!", b"text/html; charset=utf-8") == "\ufffd!"


@pytest.mark.parametrize("label", ["zlib", "rot13", "punycode", "unicode_escape", "idna", "undefined", "base64", "hex"])
def test_what_python_can_decode_and_is_no_character_set_is_left_alone(label):
    assert text_of(TEXT.encode(), f"text/html; charset={label}".encode()) == TEXT


def test_names_that_a_server_makes_up_are_not_remembered():
    before = len(encodings._cache)
    for number in range(100):
        text_of(b"x", b"text/html; charset=x%d" % number)
    assert len(encodings._cache) == before


async def test_expect_body_is_looked_for_in_the_text_that_the_header_means():
    page = TEXT.encode("latin-1")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=%s\r\nContent-Length: %d\r\n\r\n"
    async with http.collector(context()) as probe:
        with Peer(answering(head % (b"ISO-8859-1", len(page)) + page)) as peer:
            assert await ask(probe, http_target(url(peer), expect_body=TEXT))
        twice = head.replace(b"\r\nContent-Length", b"\r\nContent-Type: text/html\r\nContent-Length")
        with Peer(answering(twice % (b"ISO-8859-1", len(page)) + page)) as peer:
            assert await ask(probe, http_target(url(peer), expect_body=TEXT))
        with Peer(answering(head % (b"utf-8", len(page)) + page)) as peer:
            assert (await failure(probe, http_target(url(peer), expect_body=TEXT)))[0] is Reason.BODY
