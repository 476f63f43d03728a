"""A reader of what is used here of Grafana Alloy's syntax: blocks, attributes, strings, numbers, lists, references."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*) | (?P<space>[ \t\r]+) | (?P<end>\n) | (?P<mark>[{}\[\],=])
      | (?P<string>"(?:[^"\\\n]|\\.)*") | (?P<number>\d+) | (?P<word>[a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)*)""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:[abfnrtv\\\"]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})")
"""Those of Go that are JSON's too; half a surrogate pair is no character there."""


class Block(NamedTuple):
    """A block: its name, its label, its attributes and the blocks in it."""

    name: str
    label: str | None
    attributes: dict[str, Any]
    blocks: list[Block]

    def block(self, name: str) -> Block:
        """Return the one block of a name."""
        (one,) = [block for block in self.blocks if block.name == name]
        return one


class Reference(str):
    """What another component or an argument gives."""

    __slots__ = ()


def read(text: str) -> list[Block]:
    """Read a whole file; raises ValueError."""
    tokens = list(_tokens(text))
    attributes, blocks = _body(tokens)
    if attributes or tokens:
        raise ValueError(f"beside blocks: {attributes} {tokens}")
    return blocks


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"no token: {text[at : at + 20]!r}")
        at = token.end()
        if token.lastgroup not in {"comment", "space"}:
            yield str(token.lastgroup), token[0]


def _body(tokens: list[tuple[str, str]]) -> tuple[dict[str, Any], list[Block]]:
    """Read lines until the block ends, or the file; each ends with its line."""
    attributes: dict[str, Any] = {}
    blocks: list[Block] = []
    while tokens and tokens[0] != ("mark", "}"):
        kind, word = tokens.pop(0)
        if kind == "end":
            continue
        if kind != "word":
            raise ValueError(f"no name: {word!r}")
        if tokens[0] == ("mark", "="):
            tokens.pop(0)
            if word in attributes:
                raise ValueError(f"twice: {word}")
            attributes[word] = _value(tokens)
        else:
            label = _string(tokens.pop(0)[1]) if tokens[0][0] == "string" else None
            _expect(tokens, "{")
            blocks.append(Block(word, label, *_body(tokens)))
            _expect(tokens, "}")
        if tokens and tokens[0] != ("mark", "}"):
            _expect(tokens, "\n")
    return attributes, blocks


def _value(tokens: list[tuple[str, str]]) -> Any:
    kind, text = tokens.pop(0)
    match kind, text:
        case "string", _:
            return _string(text)
        case "number", _:
            return int(text)
        case "word", _:
            return Reference(text)
        case "mark", "[":
            return _items(tokens)
    raise ValueError(f"no value: {text!r}")


def _items(tokens: list[tuple[str, str]]) -> list[Any]:
    items = []
    while tokens[0] != ("mark", "]"):
        items.append(_value(tokens))
        if tokens[0] != ("mark", "]"):
            _expect(tokens, ",")
    _expect(tokens, "]")
    return items


def _expect(tokens: list[tuple[str, str]], text: str) -> None:
    if (token := tokens.pop(0)[1]) != text:
        raise ValueError(f"{token!r} where {text!r} belongs")


def _string(text: str) -> str:
    if odd := re.search(r"\\.{0,5}", _ESCAPE.sub("", text)):
        raise ValueError(f"no escape of Go's: {odd[0]}")
    if "\ufeff" in text:
        raise ValueError("a byte order mark inside the file")
    return str(json.loads(text))
