"""Each host of the fleet in one server: is it scraped, as what, and are the series of all its pairs there.

The first of these causes that holds is the one that is reported, for the others follow from it:

    no exporter is scraped at all   the scrape configuration is not loaded: one line, not one per host
    it is no target                 the target list is old, or another one
    its target is down              what the server says of the last scrape, in plain words
    up, without series of ours      another program answers there, or another host's exporter
    its label ``source`` is wrong   a scrape configuration that was written by hand
    series are missing              it runs another fleet file, or something drops them
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from collectors.terms import Seconds
from exporter.doctor.bodies import ActiveTarget
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.expected import ExpectedHost, SeriesKey
from exporter.doctor.finding_text import ago
from exporter.doctor.knowledge import Exporter, Knowledge
from exporter.doctor.rules.fleet_files import OURS_IS_ODD, FleetFiles, compared
from exporter.doctor.rules.scrape_errors import cause
from exporter.fleet import OWN_JOB
from exporter.wording import cleaned, counted, some

_COMPARED = (
    "job",
    "instance",
    "host",
    "source",
    "source_location",
    "source_datacenter",
    "source_country",
)
_GENERATE = "run `latency-exporter scrape-configs`"
_DROPPED = "it runs this fleet file, so a relabelling or a limit of the scrape job drops them"


class HostRules(NamedTuple):
    """What holds for all hosts."""

    config_hash: int | None
    """Of the fleet file that was read here; None where a list of hosts could not be had, so that it says nothing."""
    old_after: Seconds
    """A sample older than this is too old: some scrapes have failed or were left out."""


class Part(NamedTuple):
    """A piece of a host's line."""

    status: Status
    text: str
    missing: tuple[SeriesKey, ...] = ()


def hosts(knowledge: Knowledge, expected: Sequence[ExpectedHost], rules: HostRules) -> list[Diagnosis]:
    """Judge all hosts as one server sees them."""
    if knowledge.targets is None or knowledge.exporters is None:
        return []  # another line says that the server gave no answer
    if not knowledge.exporters and not any(_is_of(target, expected) for target in knowledge.targets):
        return [_nobody(knowledge, expected)]
    files = compared(rules.config_hash, knowledge.exporters, {host.name for host in expected})
    diagnoses = [_diagnosis(knowledge, host, _parts(knowledge, host, rules, files)) for host in expected]
    return [*diagnoses, *filter(None, [files.diagnosis(knowledge.server)])]


def _is_of(target: ActiveTarget, expected: Sequence[ExpectedHost]) -> bool:
    return target.labels.get("job") == OWN_JOB or any(target.address == host.address for host in expected)


def _nobody(knowledge: Knowledge, expected: Sequence[ExpectedHost]) -> Diagnosis:
    several = tuple(host.name for host in expected)
    text = (
        f"no exporter is scraped ({some(several)}): the scrape configuration is not loaded; {_GENERATE}, paste its "
        f"jobs.yml into the configuration of {knowledge.server}, and reload it"
    )
    return Diagnosis(Status.BROKEN, f"job {OWN_JOB} in {knowledge.server}", text, several)


def _diagnosis(knowledge: Knowledge, host: ExpectedHost, parts: Sequence[Part]) -> Diagnosis:
    status = max((part.status for part in parts), key=list(Status).index)
    names = tuple(str(series) for part in parts for series in part.missing)
    return Diagnosis(status, f"{host.name} in {knowledge.server}", "; ".join(part.text for part in parts), names)


def _parts(knowledge: Knowledge, host: ExpectedHost, rules: HostRules, files: FleetFiles) -> list[Part]:
    exporters = [exporter for exporter in knowledge.exporters or () if exporter.host == host.name]
    targets = [target for target in knowledge.targets or () if _scrapes(target, host, exporters)]
    is_down = bool(targets) and all(target.health == "down" for target in targets)  # older samples may linger
    if is_down or not exporters:
        return [_without_series(knowledge, host, targets), *_missing_with_it(knowledge, host)]
    exporter = max(exporters, key=lambda exporter: (_wrong(host, exporter) == [], exporter.sampled))
    parts = [_sampled(knowledge, exporter, rules)]
    if wrong := _wrong(host, exporter):
        parts.append(_wrongly_labelled(host, exporter, wrong))
    if exporter.labels.get("source") == host.name:
        parts += _series(knowledge, host, exporter, files)
    return parts


def _scrapes(target: ActiveTarget, host: ExpectedHost, exporters: Sequence[Exporter]) -> bool:
    """Return whether a target is this host: by its address, by its label, or by its own page."""
    labels = target.labels
    if target.address == host.address or (labels.get("job") == OWN_JOB and labels.get("source") == host.name):
        return True
    scrapes = [(exporter.labels.get("job"), exporter.labels.get("instance")) for exporter in exporters]
    return (labels.get("job"), labels.get("instance")) in scrapes


def _without_series(knowledge: Knowledge, host: ExpectedHost, targets: Sequence[ActiveTarget]) -> Part:
    """Return why nothing of it is there."""
    if not targets:
        text = (
            f"not scraped: it is no target of job {OWN_JOB}; {_GENERATE} again where {knowledge.server} reads its lists"
        )
        return Part(Status.BROKEN, text)
    target = min(targets, key=lambda target: (target.health != "up", target.labels.get("job") != OWN_JOB))
    age, address = knowledge.age(target), cleaned(target.address or host.address)
    if target.health == "up":
        return Part(Status.BROKEN, _another(knowledge, host, target, address))
    if target.health != "down" or age is None:
        return Part(Status.WARNING, "not scraped yet: it is new there; ask again in a minute")
    return Part(Status.BROKEN, f"down, tried {ago(age)}: {cause(target.error, knowledge.server, address)}")


def _another(knowledge: Knowledge, host: ExpectedHost, target: ActiveTarget, address: str) -> str:
    scrape = target.labels.get("job"), target.labels.get("instance")
    others = [
        exporter.host
        for exporter in knowledge.exporters or ()
        if (exporter.labels.get("job"), exporter.labels.get("instance")) == scrape
    ]
    if others:
        return (
            f"the exporter at {address} says that it is {some(others)}: correct the address of {host.name} in the "
            "fleet file, or --host there"
        )
    return (
        f"up, and without series of latency-exporter: another program answers at {address}, or it has just been "
        "started; look at the page there"
    )


def _missing_with_it(knowledge: Knowledge, host: ExpectedHost) -> list[Part]:
    """Name what is missing because of that; the last samples of a host that is down are gone within minutes."""
    missing = _missing(knowledge, host)
    if not missing:
        return []
    text = f"so {_count(missing)} of {_pairs(host.series)} are missing: {some(map(str, missing))}"
    return [Part(Status.OK, text, missing)]


def _pairs(series: Collection[SeriesKey]) -> str:
    return counted(_count(series), "pair")


def _count(series: Collection[SeriesKey]) -> int:
    return sum(each.pairs for each in series)


def _missing(knowledge: Knowledge, host: ExpectedHost) -> tuple[SeriesKey, ...]:
    return tuple(sorted(host.series - (knowledge.series or {}).get(host.name, frozenset())))


def _sampled(knowledge: Knowledge, exporter: Exporter, rules: HostRules) -> Part:
    age = knowledge.now - exporter.sampled
    if age > rules.old_after:
        return Part(Status.WARNING, f"its newest sample is old, of {ago(age)}: look at /targets of {knowledge.server}")
    return Part(Status.OK, f"up, scraped {ago(age)}")


def _wrong(host: ExpectedHost, exporter: Exporter) -> list[str]:
    """List the labels that are not as they should be, the most important first."""
    wrong = [
        key
        for key in _COMPARED
        if exporter.labels.get(key, "") != host.labels.get(key, "")
        and not (key == "instance" and "instance" not in host.labels)  # keep_instance: the server's own
    ]
    return sorted(wrong, key=lambda key: key != "source")


def _wrongly_labelled(host: ExpectedHost, exporter: Exporter, wrong: Sequence[str]) -> Part:
    differences = [
        f"{key}={_quoted(exporter.labels.get(key))} instead of {_quoted(host.labels.get(key))}" for key in wrong[:3]
    ]
    text = (
        f"with wrong labels: {', '.join(differences)}; use the stanzas and lists of `latency-exporter scrape-configs`"
    )
    if wrong[0] != "source":
        return Part(Status.WARNING, text)
    missing = tuple(sorted(host.series))
    return Part(Status.BROKEN, f"{text}; nobody finds its {_pairs(missing)}", missing)


def _quoted(value: str | None) -> str:
    return f'"{cleaned(value, 60)}"' if value else "nothing"


def _series(knowledge: Knowledge, host: ExpectedHost, exporter: Exporter, files: FleetFiles) -> list[Part]:
    """Hold its series against the fleet file."""
    if knowledge.series is None:
        return []
    fault = files.fault(exporter)
    if missing := _missing(knowledge, host):
        text = f"{_count(missing)} of {_pairs(host.series)} missing: {some(map(str, missing))}"
        return [Part(Status.BROKEN, f"{text}; {fault or _DROPPED}", missing)]
    parts = [Part(Status.OK, f"all {_pairs(host.series)} there")]
    if fault and fault != OURS_IS_ODD:  # one line says that for all
        parts.append(Part(Status.WARNING, fault))
    return parts
