"""What one Prometheus, or VictoriaMetrics, knows of the fleet: its answers brought together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from collectors.terms import Seconds
from exporter.doctor import bodies, promql
from exporter.doctor.bodies import ActiveTarget, Sample
from exporter.doctor.expected import SeriesKey, of_database, of_n8n
from exporter.doctor.outcome import Answers, ServerSeen
from exporter.http_client.outcome import HttpAnswer

_LONG_AGO = 1e9
"""In seconds since the epoch: an older scrape is none, which servers write as a time long ago."""


class Exporter(NamedTuple):
    """An exporter whose series are there; it says itself which host it is."""

    host: str
    labels: Mapping[str, str]
    """What the scrape configuration gave it."""
    sampled: float
    """When its newest sample was taken, in seconds since the epoch."""
    config_hash: float | None
    reloaded: bool | None
    """Whether it could read its fleet file the last time."""
    lists_failing: Sequence[str] = ()
    """The mechanisms of its lists of hosts that it could not have or take the last time."""


class Knowledge(NamedTuple):
    """What one server knows; None where it gave no answer."""

    server: str
    now: float
    """By its own clock, in seconds since the epoch."""
    targets: Sequence[ActiveTarget] | None
    exporters: Sequence[Exporter] | None
    series: Mapping[str, frozenset[SeriesKey]] | None
    """By the label ``source``."""

    def age(self, target: ActiveTarget) -> Seconds | None:
        """Return how long ago it was scraped; None: never."""
        scraped = _moment(target.scraped)
        return None if scraped is None else self.now - scraped


def knowledge_of(seen: ServerSeen, now: float) -> Knowledge:
    """Bring together a server's answers; ``now`` is our clock's, for a server that sends no date."""
    answers = seen.answers
    dates = [outcome.date for outcome in answers.outcomes.values() if isinstance(outcome, HttpAnswer)]
    return Knowledge(
        server=seen.server.name,
        now=max((date for date in dates if date is not None), default=now),
        targets=answers.read("targets", bodies.targets),
        exporters=_exporters(answers),
        series=_series(answers),
    )


def _exporters(answers: Answers) -> list[Exporter] | None:
    sampled, state = (answers.read(question, bodies.vector) for question in ("sampled", "state"))
    if sampled is None or state is None:
        return None
    known = {(sample.metric.get("__name__"), _scrape(sample)): sample.number for sample in state}
    failing: dict[tuple[str, str], list[str]] = {}
    for sample in state:
        if sample.metric.get("__name__") == promql.LISTS_FAILING and sample.number > 0:
            failing.setdefault(_scrape(sample), []).append(sample.metric.get("mechanism", ""))
    return [_exporter(sample, known, failing.get(_scrape(sample), ())) for sample in sampled]


def _exporter(
    sample: Sample, known: Mapping[tuple[str | None, tuple[str, str]], float], failing: Sequence[str]
) -> Exporter:
    scrape = _scrape(sample)
    reloaded = known.get((promql.RELOADED, scrape))
    return Exporter(
        host=sample.metric.get("self", ""),
        labels={key: value for key, value in sample.metric.items() if key != "self" and not key.startswith("self_")},
        sampled=sample.number,
        config_hash=known.get((promql.HASH, scrape)),
        reloaded=None if reloaded is None else reloaded == 1,
        lists_failing=sorted(failing),
    )


def _scrape(sample: Sample) -> tuple[str, str]:
    """Return what all series of one scrape have in common."""
    return sample.metric.get("job", ""), sample.metric.get("instance", "")


def _series(answers: Answers) -> dict[str, frozenset[SeriesKey]] | None:
    pairs, databases, n8ns = (answers.read(question, bodies.vector) for question in ("pairs", "databases", "n8ns"))
    if pairs is None or databases is None or n8ns is None:
        return None
    by_source: dict[str, set[SeriesKey]] = {}
    for source, series in (*_pairs(pairs), *_databases(databases), *_n8ns(n8ns)):
        by_source.setdefault(source, set()).add(series)
    return {source: frozenset(several) for source, several in by_source.items()}


def _pairs(samples: Sequence[Sample]) -> Iterator[tuple[str, SeriesKey]]:
    for sample in samples:
        labels = sample.metric
        yield (
            labels.get("source", ""),
            SeriesKey(labels.get("target", ""), labels.get("probe", ""), labels.get("ip_family", "")),
        )


def _databases(samples: Sequence[Sample]) -> Iterator[tuple[str, SeriesKey]]:
    for sample in samples:
        yield sample.metric.get("source", ""), of_database(sample.metric.get("database", ""))


def _n8ns(samples: Sequence[Sample]) -> Iterator[tuple[str, SeriesKey]]:
    for sample in samples:
        yield sample.metric.get("source", ""), of_n8n(sample.metric.get("n8n", ""))


def _moment(text: str) -> float | None:
    """Read a time by RFC 3339, which Go writes with as many decimals as it likes."""
    try:
        moment = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return moment if moment > _LONG_AGO else None
