"""The fleet for a browser: the culprits in words, then the matrix, in words as well as in colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import starmap

from exporter.fleet_view.culprits import FleetCulprit
from exporter.fleet_view.matrix import Matrix, matrix
from exporter.fleet_view.text import MOST_CULPRITS, WELL, and_more, in_maintenance, summary
from exporter.fleet_view.view import View
from exporter.overview.page_style import COMMON, policy
from exporter.wording import counted

_COLUMNS = 40
"""Up to so many columns, all are drawn."""
_MANY = 12
"""More columns than these are drawn small, with their names upright."""
_STYLE = (
    COMMON
    + """\
h2 { font-size: 1.05rem; margin: 1rem 0 .25rem }
ul { margin: .25rem 0; padding-left: 1.25rem }
li { overflow-wrap: anywhere }
b { overflow-wrap: anywhere }
div { overflow-x: auto; margin: .5rem 0 }
table { border-collapse: collapse }
caption { text-align: left; color: var(--dim); padding-bottom: .25rem }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums }
th { font-weight: 600 }
td { white-space: nowrap }
.critical b, td.bad { color: var(--bad) }
.warning b, td.doubt { color: var(--doubt) }
.fine b, td.fine { color: var(--fine) }
td.bad { font-weight: 600 }
.unknown, td.in-maintenance, td.none, .dim { color: var(--dim) }
td.unknown { white-space: normal }
.many { font-size: .8rem }
.many thead th { writing-mode: vertical-rl; padding: .3rem 0 }
.many td { padding-right: .3rem; white-space: normal }
nav a { margin-right: 1rem }
@media (max-width: 70rem) {
  table, caption, tbody, td, tbody th { display: block }
  thead { position: absolute; clip-path: inset(50%); height: 1px; width: 1px; overflow: hidden }
  tbody tr { display: flex; flex-wrap: wrap; gap: 0 .75rem; padding: .5rem 0; border-bottom: 1px solid var(--line) }
  tbody tr > * { border: 0; padding: 0; min-width: 0; white-space: normal; overflow-wrap: anywhere }
  tbody th { flex-basis: 100% }
  td.none, .many td.fine { display: none }
  .many caption::after { content: " What is fine is left out on a narrow screen." }
  td::before { content: attr(data-to); color: var(--dim); font-weight: 400 }
}
"""
)
POLICY = policy(_STYLE)


def render(view: View, title: str, links: Mapping[str, str]) -> Iterator[str]:
    """Write it in pieces; ``links`` are the names and paths of our other pages."""
    title, drawn = escape(title), matrix(view, _COLUMNS)
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{_STYLE}</style></head>\n<body><main>'
        f"<h1>{title}</h1>\n<p>{escape(summary(view))}</p>\n<h2>Who is to blame</h2>\n"
    )
    drawn_culprits = view.culprits[:MOST_CULPRITS]
    yield "".join(["<ul>", *map(_culprit, drawn_culprits), "</ul>\n"]) if drawn_culprits else _nothing()
    if more := and_more(view):
        yield f"<p>{more}</p>\n"
    if quiet := in_maintenance(view):
        yield f'<p class="dim">{escape(quiet)}</p>\n'
    yield "<h2>Who sees what</h2>\n"
    if drawn.rows and drawn.columns:
        yield _table_head(drawn)
        yield from (_row(view, row, drawn) for row in drawn.rows)
        yield "</tbody></table></div>\n"
    if drawn.left_out:
        yield f"<p>{counted(drawn.left_out, 'host')} more: nothing wrong from there.</p>\n"
    yield f'<nav aria-label="This host">{"".join(starmap(_link, links.items()))}</nav></main></body></html>\n'


def _culprit(culprit: FleetCulprit) -> str:
    name = escape(f"{culprit.kind} {culprit.name}".strip())
    alert = f' <span class="dim">{escape(culprit.alert)}</span>' if culprit.alert else ""
    severity = "critical" if culprit.critical else "warning"
    return f'<li class="{severity}"><b>{name}</b>: {escape(culprit.text)}{alert}</li>\n'


def _nothing() -> str:
    return f'<p class="fine"><b>{WELL}</b></p>\n'


def _table_head(drawn: Matrix) -> str:
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in drawn.columns)
    many = ' class="many"' if len(drawn.columns) > _MANY else ""
    return (
        f'<div role="region" aria-label="Matrix" tabindex="0"><table{many}>'
        "<caption>Each row is what a host sees. Reload for newer results, after ten seconds.</caption>"
        f'<thead><tr><th scope="col">from</th>{heads}</tr></thead><tbody>\n'
    )


def _row(view: View, row: str, drawn: Matrix) -> str:
    head = f'<th scope="row">{escape(row)}</th>'
    if missing := view.no_pages.get(row):
        cells = f'<td class="unknown" colspan="{len(drawn.columns)}">no page: {escape(missing.why)}</td>'
    else:
        cells = "".join(_cell(view, row, column) for column in drawn.columns)
    return f"<tr>{head}{cells}</tr>\n"


def _cell(view: View, row: str, column: str) -> str:
    cell = view.cell(row, column)
    return f'<td class="{cell.state}" data-to="{escape(column)} ">{escape(cell.word)}</td>'


def _link(name: str, path: str) -> str:
    """Link relatively: a proxy may have put a prefix in front."""
    return f'<a href="{escape(path.removeprefix("/") or "./")}">{escape(name)}</a>'
