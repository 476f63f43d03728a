"""A body's bytes as text, by the character set that its Content-Type names (RFC 9110, 8.3.2); else UTF-8.

Only character sets of the web are decoded: Python knows others that cost far more than their length, and remembers
each name that it was ever asked for.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from encodings.aliases import aliases

_PARAMETER = re.compile(rb""";\s*([^=;\s"]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"?|([^;,\s]*))""", re.DOTALL)
"""A parameter's name and value; the value may be in quotes. Open quotes end with the header."""
_LONGEST = 40
"""Bytes of a label."""
_CODECS = {
    *("utf_8", "utf_16", "utf_16_le", "utf_16_be", "ascii", "latin_1", "mac_roman", "mac_cyrillic", "koi8_r", "koi8_u"),
    *(f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)),
    *(f"cp{page}" for page in (866, 874, *range(1250, 1259))),
    *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "euc_jp", "iso2022_jp", "shift_jis", "euc_kr", "cp932", "cp949"),
}
_OF_THE_WEB = {
    "utf_8": "unicode11utf8 unicode20utf8 unicode_1_1_utf_8",
    "utf_16_le": "csunicode iso_10646_ucs_2 ucs_2 unicode unicodefeff",
    "utf_16_be": "unicodefffe",
    "latin_1": "iso88591",
    "iso8859_2": "iso88592",
    "iso8859_3": "iso88593",
    "iso8859_4": "iso88594",
    "iso8859_5": "iso88595",
    "iso8859_6": "csiso88596e csiso88596i iso88596 iso_8859_6_e iso_8859_6_i",
    "iso8859_7": "iso88597 sun_eu_greek",
    "iso8859_8": "csiso88598e csiso88598i iso88598 iso_8859_8_e iso_8859_8_i logical visual",
    "iso8859_9": "iso88599",
    "iso8859_10": "iso885910",
    "iso8859_13": "iso885913",
    "iso8859_14": "iso885914",
    "iso8859_15": "csisolatin9 iso885915",
    "cp874": "dos_874 iso8859_11 iso885911 iso_8859_11 tis_620 windows_874",
    "koi8_r": "koi koi8",
    "koi8_u": "koi8_ru",
    "mac_roman": "csmacintosh mac",
    "mac_cyrillic": "mac_ukrainian",
    "gb2312": "csgb2312 gb_2312 gb_2312_80",
    "big5": "cn_big5 x_big5",
    "euc_jp": "cseucpkdfmtjapanese",
    "cp932": "windows_31j",
    "cp949": "cseuckr csksc56011987 iso_ir_149 ks_c_5601_1989 ksc_5601 windows_949",
}
"""What browsers call them besides (encoding.spec.whatwg.org, 4.2), written as ``_known`` writes labels."""
_BY_LABEL = {
    **{name: name for name in _CODECS},
    **{alias: name for alias, name in aliases.items() if name in _CODECS},
    **{label: name for name, labels in _OF_THE_WEB.items() for label in labels.split()},
}
_AS_BROWSERS_DO = {
    "latin_1": "cp1252",
    "ascii": "cp1252",
    "iso8859_9": "cp1254",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
"""A body that is called the first is read as the second, which has more characters (likewise)."""
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf_8"), (codecs.BOM_UTF16_LE, "utf_16_le"), (codecs.BOM_UTF16_BE, "utf_16_be"))


def text_of(body: bytes, *content_types: bytes) -> str:
    """Decode a body; what is no character becomes U+FFFD. A byte order mark is believed before a header.

    Of several headers the last one counts that names a character set which is known.
    """
    for mark, codec in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace")
    codec = next((codec for content_type in reversed(content_types) for codec in _named(content_type)), "utf_8")
    return body.decode(_AS_BROWSERS_DO.get(codec, codec), "replace")


def _named(content_type: bytes) -> Iterator[str]:
    """Return the codecs of the character sets that a header names."""
    for name, between_quotes, bare in _PARAMETER.findall(content_type):
        label = (between_quotes or bare).strip(b" \t'")
        if name.lower() == b"charset" and len(label) <= _LONGEST and (codec := _known(label.decode("latin-1"))):
            yield codec


def _known(label: str) -> str | None:
    return _BY_LABEL.get(re.sub(r"[^a-z0-9]+", "_", label.lower()).removeprefix("x_"))
