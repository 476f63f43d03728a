"""A body's bytes as text, by the character set that its Content-Type names (RFC 9110, 8.3.2); else UTF-8.

Only character sets of the web are decoded: Python knows others that cost far more than their length, and remembers
each name that it was ever asked for.
"""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases

_CHARSET = re.compile(rb"""(?i);\s*charset\s*=\s*["']?([a-z0-9._:+-]{1,40})""")
_CODECS = {
    *("utf_8", "utf_16", "utf_16_le", "utf_16_be", "ascii", "latin_1", "mac_roman", "koi8_r", "koi8_u"),
    *(f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)),
    *(f"cp{page}" for page in (866, 874, *range(1250, 1259))),
    *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "euc_jp", "iso2022_jp", "shift_jis", "euc_kr", "cp932", "cp949"),
}
_BY_LABEL = {name: name for name in _CODECS} | {alias: name for alias, name in aliases.items() if name in _CODECS}
_AS_BROWSERS_DO = {"latin_1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
"""What is called the one is read as the other, which holds more (encoding.spec.whatwg.org, 4.2)."""
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf_8"), (codecs.BOM_UTF16_LE, "utf_16_le"), (codecs.BOM_UTF16_BE, "utf_16_be"))


def text_of(body: bytes, content_type: bytes) -> str:
    """Decode a body; what is no character becomes U+FFFD. A byte order mark is believed before a header."""
    for mark, codec in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace")
    return body.decode(_codec(content_type), "replace")


def _codec(content_type: bytes) -> str:
    named = _CHARSET.search(content_type)
    label = re.sub(r"[^a-z0-9]+", "_", named[1].decode("ascii").lower()).removeprefix("x_") if named else ""
    codec = _BY_LABEL.get(label, "utf_8")
    return _AS_BROWSERS_DO.get(codec, codec)
