"""Ages and labels as findings write them."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.terms import Seconds
from exporter.wording import cleaned, span

_LONGEST_AGE: Seconds = 1e12
"""No age is written as more than this, whatever a server says."""
_LABELS = 20
_LABEL = 60
"""Characters of a label's name, and of its value."""


def ago(seconds: Seconds) -> str:
    """Write how long ago something was; clocks may differ by a second, and a server may send what is no number."""
    return f"{span(round(min(seconds, _LONGEST_AGE)))} ago" if seconds >= 1 else "just now"


def braced(labels: Mapping[str, str]) -> str:
    """Write labels as PromQL has them."""
    pairs = (f'{cleaned(key, _LABEL)}="{cleaned(labels[key], _LABEL)}"' for key in sorted(labels)[:_LABELS])
    return "{" + ", ".join(pairs) + "}"
