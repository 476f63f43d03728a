"""Each host of the fleet in one server: is it scraped, as what, and are the series of all its pairs there.

The first cause that is found is the one that is told, for the others follow from it:

    nobody is scraped at all        the scrape configuration is not loaded: one line, not one per host
    it is no target                 the target list is old, or another one
    its target is down              what the server says of the last scrape, in plain words
    up, without series of ours      another program answers there, or another host's exporter
    its label ``source`` is wrong   a scrape configuration that was written by hand
    series are missing              it runs another fleet file, or something drops them
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from collectors.contract import Seconds
from exporter.doctor.answers import Target
from exporter.doctor.expected import ExpectedHost, Series
from exporter.doctor.findings import Finding, Status
from exporter.doctor.rules.fleet_files import OURS_IS_ODD, FleetFiles, compared
from exporter.doctor.rules.scrape_errors import cause
from exporter.doctor.view import Exporter, View
from exporter.doctor.wording import ago
from exporter.fleet.references import OWN_JOB
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


class Rules(NamedTuple):
    """What holds for all hosts."""

    config_hash: int
    """Of the fleet file that was read here."""
    old_after: Seconds
    """A sample older than this is too old: some scrapes have failed or were left out."""


class Part(NamedTuple):
    """A piece of a host's line."""

    status: Status
    text: str
    missing: tuple[Series, ...] = ()


def hosts(view: View, expected: Sequence[ExpectedHost], rules: Rules) -> list[Finding]:
    """Judge all hosts as one server sees them."""
    if view.targets is None or view.exporters is None:
        return []  # it is told already that the server did not say
    if not view.exporters and not any(_is_of(target, expected) for target in view.targets):
        return [_nobody(view, expected)]
    files = compared(rules.config_hash, view.exporters, {host.name for host in expected})
    found = [_finding(view, host, _parts(view, host, rules, files)) for host in expected]
    return [*found, *filter(None, [files.finding(view.server)])]


def _is_of(target: Target, expected: Sequence[ExpectedHost]) -> bool:
    return target.labels.get("job") == OWN_JOB or any(target.address == host.address for host in expected)


def _nobody(view: View, expected: Sequence[ExpectedHost]) -> Finding:
    several = tuple(host.name for host in expected)
    text = (
        f"no exporter is scraped ({some(several)}): the scrape configuration is not loaded; {_GENERATE}, paste its "
        f"jobs.yml into the configuration of {view.server}, and reload it"
    )
    return Finding(Status.BROKEN, f"job {OWN_JOB} in {view.server}", text, several)


def _finding(view: View, host: ExpectedHost, parts: Sequence[Part]) -> Finding:
    status = max((part.status for part in parts), key=list(Status).index)
    names = tuple(str(series) for part in parts for series in part.missing)
    return Finding(status, f"{host.name} in {view.server}", "; ".join(part.text for part in parts), names)


def _parts(view: View, host: ExpectedHost, rules: Rules, files: FleetFiles) -> list[Part]:
    exporters = [exporter for exporter in view.exporters or () if exporter.host == host.name]
    targets = [target for target in view.targets or () if _scrapes(target, host, exporters)]
    is_down = bool(targets) and all(target.health == "down" for target in targets)  # what it said before may linger
    if is_down or not exporters:
        return [_without_series(view, host, targets), *_missing_with_it(view, host)]
    exporter = max(exporters, key=lambda exporter: (_wrong(host, exporter) == [], exporter.sampled))
    parts = [_sampled(view, exporter, rules)]
    if wrong := _wrong(host, exporter):
        parts.append(_wrongly_labelled(host, exporter, wrong))
    if exporter.labels.get("source") == host.name:
        parts += _series(view, host, exporter, files)
    return parts


def _scrapes(target: Target, host: ExpectedHost, exporters: Sequence[Exporter]) -> bool:
    """Tell whether a target is this host: by its address, by its label, or by what its own page says."""
    labels = target.labels
    if target.address == host.address or (labels.get("job") == OWN_JOB and labels.get("source") == host.name):
        return True
    scrapes = [(exporter.labels.get("job"), exporter.labels.get("instance")) for exporter in exporters]
    return (labels.get("job"), labels.get("instance")) in scrapes


def _without_series(view: View, host: ExpectedHost, targets: Sequence[Target]) -> Part:
    """Say why nothing of it is there."""
    if not targets:
        text = f"not scraped: it is no target of job {OWN_JOB}; {_GENERATE} again where {view.server} reads its lists"
        return Part(Status.BROKEN, text)
    target = min(targets, key=lambda target: (target.health != "up", target.labels.get("job") != OWN_JOB))
    age, address = view.age(target), cleaned(target.address or host.address)
    if target.health == "up":
        return Part(Status.BROKEN, _another(view, host, target, address))
    if target.health != "down" or age is None:
        return Part(Status.WARNING, "not scraped yet: it is new there; ask again in a minute")
    return Part(Status.BROKEN, f"down, tried {ago(age)}: {cause(target.error, view.server, address)}")


def _another(view: View, host: ExpectedHost, target: Target, address: str) -> str:
    scrape = target.labels.get("job"), target.labels.get("instance")
    others = [
        exporter.host
        for exporter in view.exporters or ()
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


def _missing_with_it(view: View, host: ExpectedHost) -> list[Part]:
    """Name what is missing because of that; the last samples of a host that is down are gone within minutes."""
    missing = _missing(view, host)
    if not missing:
        return []
    text = f"so {_count(missing)} of {_pairs(host.series)} are missing: {some(map(str, missing))}"
    return [Part(Status.OK, text, missing)]


def _pairs(series: Collection[Series]) -> str:
    return counted(_count(series), "pair")


def _count(series: Collection[Series]) -> int:
    return sum(each.pairs for each in series)


def _missing(view: View, host: ExpectedHost) -> tuple[Series, ...]:
    return tuple(sorted(host.series - (view.series or {}).get(host.name, frozenset())))


def _sampled(view: View, exporter: Exporter, rules: Rules) -> Part:
    age = view.now - exporter.sampled
    if age > rules.old_after:
        return Part(Status.WARNING, f"its newest sample is old, of {ago(age)}: look at /targets of {view.server}")
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
    told = [
        f"{key}={_quoted(exporter.labels.get(key))} instead of {_quoted(host.labels.get(key))}" for key in wrong[:3]
    ]
    text = f"with wrong labels: {', '.join(told)}; use the stanzas and lists of `latency-exporter scrape-configs`"
    if wrong[0] != "source":
        return Part(Status.WARNING, text)
    missing = tuple(sorted(host.series))
    return Part(Status.BROKEN, f"{text}; nobody finds its {_pairs(missing)}", missing)


def _quoted(value: str | None) -> str:
    return f'"{cleaned(value, 60)}"' if value else "nothing"


def _series(view: View, host: ExpectedHost, exporter: Exporter, files: FleetFiles) -> list[Part]:
    """Hold its series against the fleet file."""
    if view.series is None:
        return []
    fault = files.fault(exporter)
    if missing := _missing(view, host):
        text = f"{_count(missing)} of {_pairs(host.series)} missing: {some(map(str, missing))}"
        return [Part(Status.BROKEN, f"{text}; {fault or _DROPPED}", missing)]
    parts = [Part(Status.OK, f"all {_pairs(host.series)} there")]
    if fault and fault != OURS_IS_ODD:  # that is said once, for all
        parts.append(Part(Status.WARNING, fault))
    return parts
