"""A single probe's lines as a page."""

from __future__ import annotations

from exporter.overview import lines_page

LINES = """\
a<b> ping: GET http://127.0.0.1/ over ipv4
  connect        12 µs  |#                                       |
  in all        485 µs
  verdict: fine
"""


def test_the_lines_stand_as_they_are_and_each_bar_may_have_a_line_of_its_own() -> None:
    bar = f"|#{' ' * 39}|"
    text = LINES.replace("<", "&lt;").replace(">", "&gt;").replace(bar, f"<span>{bar}</span>")
    assert f"<pre>{text}</pre>" in lines_page.render(LINES)
