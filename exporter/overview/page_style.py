"""What all pages for browsers have in common: colours, light and dark, and a policy that lets them fetch nothing."""

from __future__ import annotations

import base64
import hashlib

COMMON = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --paper: #fff; --line: #d0d7de; --link: #0550ae;
  --fine: #116329; --bad: #a40e26; --doubt: #7d4e00; --trace: #0550ae }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9da7b3; --paper: #0d1117; --line: #30363d;
  --link: #79c0ff; --fine: #56d364; --bad: #ff9492; --doubt: #e3b341; --trace: #79c0ff } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 1rem }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; overflow-wrap: anywhere }
p { margin: .25rem 0 }
a { color: var(--link) }
a:focus-visible, div:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
"""
"""The beginning of the style sheet of every page."""


def policy(style: str) -> str:
    """Return the Content-Security-Policy of a page: nothing in it runs or is fetched, whatever a name holds."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"style-src 'sha256-{digest}'"
    )
