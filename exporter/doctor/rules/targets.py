"""All targets of a server, also those that are not ours: how many there are, and which are scraped twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from exporter.doctor.answers import Target
from exporter.doctor.findings import Finding, Status
from exporter.doctor.view import View
from exporter.fleet.references import OWN_JOB
from exporter.wording import counted, some

_HEALTH = ("up", "down", "unknown")


def targets(view: View) -> Iterator[Finding]:
    """Count them, and name what is scraped by two jobs."""
    if view.targets is None:
        return
    what = f"targets of {view.server}"
    if not view.targets:
        yield Finding(Status.NOTE, what, "none: it scrapes nobody itself")
        return
    counts = Counter(target.health if target.health in _HEALTH else "unknown" for target in view.targets)
    told = ", ".join(f"{counts[health]} {health}" for health in _HEALTH if counts[health])
    down = tuple(_named(target) for target in view.targets if target.health == "down" and not _ours(target))
    others = f"; of other jobs are down: {some(down)}" if down else ""
    status = Status.NOTE if down else Status.OK
    yield Finding(status, what, f"{counted(len(view.targets), 'target')}: {told}{others}", down)
    twice = tuple(_twice(view.targets))
    if twice:
        text = f"scraped by two jobs, so that each series is there twice: {some(twice)}; remove one of the jobs"
        yield Finding(Status.WARNING, what, text, twice)


def _ours(target: Target) -> bool:
    """Tell whether the line of its host says it already."""
    return target.labels.get("job") == OWN_JOB


def _named(target: Target) -> str:
    return f"{target.labels.get('job', '')} {target.labels.get('instance') or target.address}"


def _twice(several: Sequence[Target]) -> Iterator[str]:
    pools: dict[str, dict[str, None]] = {}
    for target in several:
        if target.url:
            pools.setdefault(target.url, {})[target.pool] = None
    for url, names in pools.items():
        if len(names) > 1:
            yield f"{url.partition('?')[0]} ({' and '.join(names)})"
