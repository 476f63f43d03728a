"""A value on one line that readers of JSON and of YAML understand alike."""

from __future__ import annotations

import json
import re


def one_line(value: object) -> str:
    r"""Write a value on one line.

    YAML takes some raw characters for the ends of lines, and ``\ud83d\ude00`` for no character at all;
    VictoriaMetrics puts variables of its environment in the place of ``%{NAME}``.
    """
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(
        r"[\x7f-\uffff]|%(?=\{)",
        lambda odd: odd[0] if odd[0].isprintable() and odd[0] != "%" else f"\\u{ord(odd[0]):04x}",
        text,
    )
