"""Lines for people, such as those on a single probe, as a page for a browser: they fit a narrow screen too."""

from __future__ import annotations

import re
from html import escape

from exporter.overview.page_style import COMMON, policy

_STYLE = (
    COMMON
    + """\
pre { font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: .75rem 0 }
span { white-space: pre }
@media (max-width: 40rem) { span { display: block; font-size: min(13px, 3.4vw) } }
"""
)
POLICY = policy(_STYLE)
_BAR = re.compile(r"\|[# ]+\|$", re.MULTILINE)
"""A part of a time line, which stands on a line of its own where there is no room beside the number."""


def render(lines: str) -> str:
    """Write the page."""
    text = _BAR.sub(r"<span>\g<0></span>", escape(lines))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>Probe now</title><style>{_STYLE}</style></head>\n<body><main>'
        f"<h1>Probe now</h1>\n<pre>{text}</pre>\n"
        '<nav><a href=".">this host</a></nav>\n</main></body></html>\n'
    )
