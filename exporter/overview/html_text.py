"""The overview for a browser: one page that asks for nothing else, in words as well as in colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import starmap
from urllib.parse import urlencode

from exporter.overview.losses import share
from exporter.overview.page_style import COMMON, policy
from exporter.overview.rows import PairRow, Snapshot
from exporter.overview.sparkline import sparkline
from exporter.overview.text import own_health_in_words, summary
from exporter.overview.verdict import Verdict, judge_host
from exporter.wording import span

ROWS = 100
"""Pairs on a page."""
_AT_ONCE = 25
"""Rows of one piece."""

_STYLE = (
    COMMON
    + """\
div { overflow-x: auto; margin: .75rem 0 }
table { border-collapse: collapse }
caption { text-align: left; color: var(--dim); padding-bottom: .25rem }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: middle }
tbody th { font-weight: 600 }
td { white-space: nowrap }
td:nth-child(1), td:nth-child(4), td:nth-child(8) { white-space: normal }
td:nth-child(1) { min-width: 12rem }
td, th { font-variant-numeric: tabular-nums }
.dim { color: var(--dim) }
.fine b { color: var(--fine) }
.network b, .peer b, .database b, .n8n b { color: var(--bad) }
.this-host b, .configuration b { color: var(--doubt) }
.in-maintenance b { color: var(--dim) }
path { fill: none; stroke: var(--trace); stroke-width: 1.5 }
path.lost { stroke: var(--bad) }
svg { display: block }
nav a { margin-right: 1rem }
@media (max-width: 70rem) {
  table, caption, tbody, td, th { display: block }
  thead { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden }
  tbody tr { display: flex; flex-wrap: wrap; gap: 0 .75rem; padding: .5rem 0; border-bottom: 1px solid var(--line) }
  tbody tr > * { border: 0; padding: 0; min-width: 0; white-space: normal; overflow-wrap: anywhere; order: 6 }
  tbody th { order: 1 }
  td:nth-child(3) { order: 2 }
  td:nth-child(9) { order: 3; margin-left: auto }
  td:nth-child(4) { order: 4; flex-basis: 100% }
  td:nth-child(1) { order: 5; flex-basis: 100% }
  td:nth-child(5), td:nth-child(7), td:nth-child(8) { color: var(--dim); font-size: .9em }
  td:nth-child(6) { order: 7 }
  td:nth-child(5)::before { content: "loss " }
  td:nth-child(7)::before { content: "age " }
  td:nth-child(8)::before { content: "last failure " }
}
"""
)
POLICY = policy(_STYLE)

_COLUMNS = ("Verdict", "Target", "Probe", "Now", "Loss", "Recent results", "Age", "Last failure", "Look closer")


def render(snapshot: Snapshot, links: Mapping[str, str], page: int) -> Iterator[str]:
    """Write page number ``page``, or the last, in pieces; ``links`` are the names and paths of our other pages."""
    host, count = judge_host(snapshot.own_health), len(snapshot.rows)
    page = max(1, min(page, -(-count // ROWS)))
    rows = snapshot.rows[ROWS * (page - 1) : ROWS * page]
    title, missing = escape(snapshot.title), escape(snapshot.own_health.hosts_missing)
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{_STYLE}</style></head>\n<body><main>'
        f"<h1>{title}</h1>\n<p>{escape(summary(snapshot, host))}</p>\n"
        f"<p{_class(host)}>This host: {escape(own_health_in_words(snapshot.own_health))}. {_verdict(host)}"
        f"{missing and f'; {missing}'}</p>\n"
    )
    if rows:
        yield _table_head(count, page)
    for start in range(0, len(rows), _AT_ONCE):
        yield "".join(_line(row, snapshot.wall) for row in rows[start : start + _AT_ONCE])
    yield "</tbody></table></div>\n" if rows else "<p>This host measures nothing.</p>\n"
    yield f'{_pages(count, page)}<nav aria-label="This host">{"".join(starmap(_link, links.items()))}</nav>'
    yield "</main></body></html>\n"


def _table_head(count: int, page: int) -> str:
    first = ROWS * (page - 1) + 1
    caption = f"Pairs {first} to {min(count, ROWS * page)} of {count}, the worst first. Reload for newer results."
    heads = "".join(f'<th scope="col">{column}</th>' for column in _COLUMNS)
    return (
        '<div role="region" aria-label="Pairs" tabindex="0"><table>'
        f"<caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>\n"
    )


def _line(row: PairRow, wall: float) -> str:
    pair, seen = row.pair, row.seen
    cells = (
        f"<td>{_verdict(row.verdict)}</td>",
        f'<th scope="row">{escape(pair.name)}{_address(row)}</th>',
        f"<td>{escape(seen.name)}</td>",
        f"<td>{_now(row)}</td>",
        f"<td>{share(seen)}</td>",
        f"<td>{sparkline(row.recent)}</td>",
        f"<td>{'-' if seen.age is None else span(seen.age)}</td>",
        f"<td>{_last_failure(row, wall)}</td>",
        f'<td><a href="{escape(_probe_link(row))}"{_label(row)}>probe now</a></td>',
    )
    return f"<tr{_class(row.verdict)}>{''.join(cells)}</tr>\n"


def _address(row: PairRow) -> str:
    """Write which address of the name is measured."""
    address = row.seen.address
    return f' <span class="dim">{escape(address)}</span>' if address else ""


def _now(row: PairRow) -> str:
    """Write what the latest probe measured, with the exact value of its headline for programs."""
    words, reply = escape(row.now), row.seen.reply
    if reply is None or reply.headline is None:
        return words
    return f'<data value="{reply.headline!r}">{words}</data>'


def _last_failure(row: PairRow, wall: float) -> str:
    failure = row.last_failure
    if failure is None:
        return '<span class="dim">none</span>'
    return f"{escape(failure.reason)}, {span(max(0.0, wall - failure.wall))} ago"


def _label(row: PairRow) -> str:
    """Name the link, so that the links of all rows differ for a screen reader."""
    return f' aria-label="{escape(f"probe now: {row.pair.name} {row.seen.name}")}"'


def _probe_link(row: PairRow) -> str:
    return "probe?" + urlencode({"target": row.pair.name, "probe": row.pair.probe}, errors="surrogatepass")


def _verdict(verdict: Verdict) -> str:
    why = f": {escape(verdict.why)}" if verdict.why else ""
    return f"<b>{verdict.culprit or '-'}</b>{why}"


def _class(verdict: Verdict) -> str:
    return f' class="{verdict.culprit.replace(" ", "-")}"' if verdict.culprit else ""


def _pages(count: int, page: int) -> str:
    last = -(-count // ROWS)
    steps = [("previous", page - 1), ("next", page + 1)]
    links = [f'<a href="?page={number}">{word} {ROWS} pairs</a>' for word, number in steps if 1 <= number <= last]
    return f'<nav aria-label="Pages">{"".join(links)}</nav>' if links else ""


def _link(name: str, path: str) -> str:
    """Link relatively: a proxy may have put a prefix in front."""
    return f'<a href="{escape(path.removeprefix("/") or "./")}">{escape(name)}</a>'
