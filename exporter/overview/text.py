"""The overview for a terminal: one aligned line per pair, the worst first, and this host last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from exporter.overview.losses import share
from exporter.overview.rows import PairRow, Snapshot
from exporter.overview.verdict import Culprit, Verdict, judge_host
from exporter.recording.own_health import OwnHealth
from exporter.wording import display_width, plural, printable, span

_AT_ONCE = 250
"""Lines of one piece."""
_NAMED = 4
"""Suspects at the head of a page; the lines of the pairs name all of them."""
_THIS_HOST = "(this host)"


def render(snapshot: Snapshot) -> Iterator[str]:
    """Write the overview in pieces, between which others may run."""
    host = judge_host(snapshot.own_health)
    # What is missing of a list has no bound, so it stands in the column behind which nothing is aligned.
    condition = "; ".join(filter(None, (str(host), snapshot.own_health.hosts_missing)))
    lines = [_cells(row) for row in snapshot.rows] + [
        (_THIS_HOST, "", own_health_in_words(snapshot.own_health), "", condition)
    ]
    widths = [max(display_width(line[column]) for line in lines) for column in range(4)]
    head = f"{snapshot.title}: {summary(snapshot, host)}"
    yield f"{printable(head)}\n\n"
    for start in range(0, len(lines), _AT_ONCE):
        yield "".join(_aligned(line, widths) for line in lines[start : start + _AT_ONCE])


def summary(snapshot: Snapshot, host: Verdict) -> str:
    """Count the verdicts, and name who explains many of them: 12 pairs, 9 fine, 3 network; b2 or its only link: ..."""
    rows = snapshot.rows
    counts = Counter(row.verdict.culprit for row in rows)
    parts = [
        f"{len(rows)} {plural('pair', len(rows))}",
        *(f"{counts[culprit]} {culprit}" for culprit in Culprit if counts[culprit]),
    ]
    parts += [f"{counts[None]} without a result yet"] if counts[None] else []
    doubt = "" if host.culprit is Culprit.FINE else f"; {host.culprit}: {host.why}"
    named = [str(suspect) for suspect in snapshot.suspects[:_NAMED]]
    resting = _in_maintenance(snapshot.own_health)
    return "; ".join([", ".join(parts) + doubt, *(f"this host is {words}" for words in resting), *named])


def own_health_in_words(own: OwnHealth) -> str:
    """Write how well this host measured in the last minute, and whether it is in maintenance."""
    queue = "not measured (by ICMP alone)" if own.egress_queue is None else span(own.egress_queue)
    parts = [*_in_maintenance(own), f"egress queue {queue}"]
    if own.lateness is not None:
        parts.append(f"probes late by {span(own.lateness)}")
    if own.skipped:
        parts.append(f"{own.skipped} skipped")
    if own.overflows:
        parts.append(f"{own.overflows} replies lost here")
    return ", ".join(parts)


def _in_maintenance(own: OwnHealth) -> Iterator[str]:
    if own.maintenance is not None:
        yield f"{Culprit.MAINTENANCE} {own.maintenance}".rstrip()


def _cells(row: PairRow) -> tuple[str, str, str, str, str]:
    loss = f"loss {share(row.seen)}"
    return printable(row.pair.name), printable(row.seen.name), row.now, loss, printable(f"{row.verdict}{_address(row)}")


def _address(row: PairRow) -> str:
    """Write which address of a name is measured, at the end of the line of a pair that is not well."""
    address, verdict = row.seen.address, row.verdict
    if address is None or verdict.culprit in {None, Culprit.FINE, Culprit.MAINTENANCE} or address in verdict.why:
        return ""
    return f"; measured at {address}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell + " " * (width - display_width(cell)) for cell, width in zip(line, widths, strict=False)]
    return "  ".join([*cells, line[-1]]).rstrip() + "\n"
