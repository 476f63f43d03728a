"""Series turned into words: rows of a table that say who, and what of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Sentence(NamedTuple):
    """A sentence for each of some series. ``who`` and ``what`` may hold values of labels, as in ``{target}``."""

    series: str
    who: str
    what: str
    alert: str = ""
    """The alert that says the same, if there is one."""


def joined(sentences: Iterable[Sentence]) -> str:
    """Return one query for all of them, with the labels ``who``, ``what`` and ``alert``."""
    return "max by (who, what, alert) (\n  " + "\n  or ".join(map(_in_words, sentences)) + "\n)"


def path(start: str = "") -> str:
    """Return how a path is named, behind some words."""
    return f"{start}{{source}} → {{target}}"


def _in_words(sentence: Sentence) -> str:
    words = _labelled(_labelled(sentence.series, "who", sentence.who), "what", sentence.what)
    return _labelled(words, "alert", sentence.alert) if sentence.alert else words


def _labelled(series: str, label: str, words: str) -> str:
    """Give series a label that is a sentence. PromQL writes only one label at a time, so several are joined."""
    before, *rest = words.split("{")
    names, gaps = zip(*(part.split("}") for part in rest), strict=True) if rest else ((), ())
    if not names:
        return f'label_replace({series}, "{label}", "{words}", "", "")'
    if len(names) == 1:
        return f'label_replace({series}, "{label}", "{before}$1{gaps[0]}", "{names[0]}", "(.*)")'
    ends = ", ".join(f'"{name}"' for name in names)
    both = f'label_join({series}, "{label}", "{gaps[0]}", {ends})'
    return (
        f'label_replace({both}, "{label}", "{before}$1{gaps[-1]}", "{label}", "(.*)")' if before or gaps[-1] else both
    )
