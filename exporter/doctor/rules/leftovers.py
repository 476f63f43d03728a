"""What is left of the push path: groups in a Pushgateway, and series that no exporter of ours has measured.

They bear the names of ours, so that an old query returns both, and the pushed ones contain the time of the
program that pushed them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from exporter.doctor.bodies import PushedGroup, Sample
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.finding_text import ago, braced
from exporter.doctor.knowledge import Knowledge
from exporter.doctor.promql import EVERY_PUSHED_NAME, RTT
from exporter.doctor.stack import StackServer
from exporter.wording import cleaned, counted, some, spans

_OUR_NAMES = re.compile(EVERY_PUSHED_NAME)
_SHOWN = 10
_PUSHED = "push_time_seconds"


def pushgateway(groups: Sequence[PushedGroup], server: StackServer, now: float) -> Iterator[Diagnosis]:
    """Name the groups that feed names of ours, and how each is removed."""
    feeding = [(group, names) for group in groups if (names := sorted(filter(_OUR_NAMES.fullmatch, group.metrics)))]
    if not feeding:
        text = f"nothing of the push path among {counted(len(groups), 'group')}"
        yield Diagnosis(Status.OK, "leftovers in pushgateway", text)
    for group, names in feeding[:_SHOWN]:
        when = _pushed(group)
        since = "" if when is None else f", pushed {ago(now - when)}"
        text = f"group {braced(group.labels)} feeds {some(names)}{since}; stop what pushes it, then "
        text += _removal(group, server)
        yield Diagnosis(Status.WARNING, "leftovers in pushgateway", text, tuple(names))
    if len(feeding) > _SHOWN:
        text = f"{counted(len(feeding) - _SHOWN, 'more group')} like these; stop what pushes them, then delete them"
        yield Diagnosis(Status.WARNING, "leftovers in pushgateway", text)


def series(knowledge: Knowledge, samples: Sequence[Sample], *, legacy_rules: bool) -> Iterator[Diagnosis]:
    """Name what is left in a Prometheus or VictoriaMetrics, by the job that brings it."""
    ours = {exporter.labels.get("job") for exporter in knowledge.exporters or ()}
    by_job: dict[str, set[str]] = {}
    for sample in samples:
        name, job = sample.metric.get("__name__", ""), sample.metric.get("job", "")
        if job in ours or (not job and (legacy_rules or not name.startswith("network_latency_"))):
            continue  # scraped from an exporter without the label `source`, or recorded by legacy.yml
        by_job.setdefault(job, set()).add(name)
    what = f"leftovers in {knowledge.server}"
    if not by_job:
        yield Diagnosis(Status.OK, what, "no series of the push path")
    for job, names in sorted(by_job.items())[:_SHOWN]:
        brought = f"job {cleaned(job, 60)} brings" if job else "somebody writes"
        text = f"{brought} {some(sorted(names))} beside ours; stop what pushes it, and drop its job"
        yield Diagnosis(Status.WARNING, what, text, tuple(sorted(names)))


def compared(server: str, pushed: Sequence[Sample], measured: Sequence[Sample]) -> Iterator[Diagnosis]:
    """Hold the last five minutes of both against each other, path by path: the rest was the program that pushed."""
    truth = {_path(sample): sample.number for sample in measured}
    both = [(_path(sample), sample.number, truth[_path(sample)]) for sample in pushed if _path(sample) in truth]
    for (source, target), claimed, true in sorted(both)[:_SHOWN]:
        text = f"{cleaned(source, 60)} to {cleaned(target, 60)}: {_difference(claimed, true)}"
        yield Diagnosis(Status.NOTE, f"{RTT} in {server}", text)


def _difference(claimed: float, true: float) -> str:
    if not (0 < true < claimed < float("inf")):
        return f"pushed {claimed * 1000:.0f} ms, measured {true * 1000:.0f}"
    pushed, measured, rest = spans((claimed, true, claimed - true))
    return f"pushed {pushed}, measured {measured}; the difference, {rest}, is the ping service's"


def _path(sample: Sample) -> tuple[str, str]:
    return sample.metric.get("source_location", ""), sample.metric.get("target_location", "")


def _pushed(group: PushedGroup) -> float | None:
    """Return when a group was pushed, in seconds since the epoch."""
    try:
        return float(group.metrics[_PUSHED][0]["value"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _removal(group: PushedGroup, server: StackServer) -> str:
    """Write the command that deletes a group; a label that is empty or holds a slash has to be encoded (its README)."""
    labels = {"job": group.labels.get("job", ""), **group.labels}
    if not all(labels.values()) or any("/" in text for pair in labels.items() for text in pair):
        return "delete the group on its page"
    path = "/".join(f"{quote(key)}/{quote(value)}" for key, value in labels.items())
    return f"curl -X DELETE '{server.url}/metrics/{cleaned(path)}'"
