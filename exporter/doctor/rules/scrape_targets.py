"""All targets of a server, also those that are not ours: how many there are, and which are scraped twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from exporter.doctor.bodies import ActiveTarget
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.knowledge import Knowledge
from exporter.fleet import OWN_JOB
from exporter.wording import counted, some

_HEALTH = ("up", "down", "unknown")


def targets(knowledge: Knowledge) -> Iterator[Diagnosis]:
    """Count the targets, and name those that two jobs scrape."""
    if knowledge.targets is None:
        return
    what = f"targets of {knowledge.server}"
    if not knowledge.targets:
        yield Diagnosis(Status.NOTE, what, "none: it scrapes nobody itself")
        return
    counts = Counter(target.health if target.health in _HEALTH else "unknown" for target in knowledge.targets)
    counted_health = ", ".join(f"{counts[health]} {health}" for health in _HEALTH if counts[health])
    down = tuple(_named(target) for target in knowledge.targets if target.health == "down" and not _ours(target))
    others = f"; of other jobs are down: {some(down)}" if down else ""
    status = Status.NOTE if down else Status.OK
    yield Diagnosis(status, what, f"{counted(len(knowledge.targets), 'target')}: {counted_health}{others}", down)
    twice = tuple(_twice(knowledge.targets))
    if twice:
        text = f"scraped by two jobs, so that each series is there twice: {some(twice)}; remove one of the jobs"
        yield Diagnosis(Status.WARNING, what, text, twice)


def _ours(target: ActiveTarget) -> bool:
    """Return whether its host has a line of its own."""
    return target.labels.get("job") == OWN_JOB


def _named(target: ActiveTarget) -> str:
    return f"{target.labels.get('job', '')} {target.labels.get('instance') or target.address}"


def _twice(several: Sequence[ActiveTarget]) -> Iterator[str]:
    pools: dict[str, dict[str, None]] = {}
    for target in several:
        if target.url:
            pools.setdefault(target.url, {})[target.pool] = None
    for url, names in pools.items():
        if len(names) > 1:
            yield f"{url.partition('?')[0]} ({' and '.join(names)})"
