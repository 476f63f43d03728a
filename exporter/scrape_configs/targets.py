"""Which hosts are scraped in which job, and how: the fleet as target groups of file_sd and http_sd.

A stanza has one login, one CA and one certificate, the job's. Hosts with others get a stanza of their own,
``JOB@DIGEST``, in which they keep the label ``job="JOB"``. Another port, path or scheme needs no stanza, only a label
of the target.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from exporter.fleet import OWN_JOB, BadFile, Fleet, Host, Problem, ScrapeJob
from exporter.scrape_configs.json_line import one_line
from exporter.wording import host_and_port

TargetGroup = dict[str, list[str] | dict[str, str]]
"""A target group of file_sd and http_sd: ``targets`` and ``labels``."""

_LONGEST_FILE = 255
_SUFFIX = len("@12345678")
"""Characters behind a job's name where hosts have an access of their own."""
_DEFAULT_OWN_JOB = ScrapeJob.model_validate({"port": "9102"})
_ACCESS = {"user", "password_file", "ca_file", "cert_file", "key_file"}


class ScrapeTarget(NamedTuple):
    """A host in a job."""

    host: Host
    address: str
    job: ScrapeJob
    """The job's settings, replaced by the host's own where it has some."""


class Stanza(NamedTuple):
    """Hosts that are scraped alike; ``name`` is unique, and the job's unless they have an access of their own."""

    name: str
    job_name: str
    file: str
    job: ScrapeJob
    groups: list[TargetGroup]


def jobs(fleet: Fleet) -> dict[str, ScrapeJob]:
    """Return the jobs by their names, sorted."""
    return dict(sorted({OWN_JOB: _DEFAULT_OWN_JOB, **fleet.scrape.jobs}.items()))


def stanzas(fleet: Fleet) -> list[Stanza]:
    """Return the stanzas of all jobs, sorted; raises BadFile for what no stanza can say."""
    if problems := list(_problems(fleet)):
        raise BadFile(problems)
    return [stanza for name, job in jobs(fleet).items() for stanza in _stanzas(fleet, name, job)]


def _stanzas(fleet: Fleet, name: str, job: ScrapeJob) -> list[Stanza]:
    """Return a job's own stanza, even without hosts, and those of other logins and CAs."""
    members: dict[ScrapeJob, list[ScrapeTarget]] = {job: []}
    for host in sorted(fleet.hosts, key=lambda host: host.name):
        if host.exporter or name != OWN_JOB:
            target = _target(host, name, job)
            access = job.model_copy(update=target.job.model_dump(include=_ACCESS))
            members.setdefault(access, []).append(target)
    return sorted(_stanza(name, job, access, targets) for access, targets in members.items())


def _stanza(name: str, job: ScrapeJob, access: ScrapeJob, members: list[ScrapeTarget]) -> Stanza:
    # Named by its access and not by its hosts, so that a pasted one stays true when hosts come and go.
    words = [access.user, access.password_file, access.ca_file]
    if access.cert_file:
        words += [access.cert_file, access.key_file]
    digest = hashlib.sha256(one_line(words).encode()).hexdigest()[:8]
    suffix, labels = ("", {}) if access == job else (f"@{digest}", {"job": name})
    groups = [_group(name, target, access, labels) for target in members]
    return Stanza(name + suffix, name, _file(name, suffix), access, groups)


def _target(host: Host, name: str, job: ScrapeJob) -> ScrapeTarget:
    own = host.scrape.get(name)
    if own is None:
        return ScrapeTarget(host, host_and_port(host.address, job.port), job)
    job = job.model_copy(update=own.model_dump(exclude_none=True, exclude={"address"}))
    return ScrapeTarget(host, host_and_port(own.address or host.address, job.port), job)


def _group(name: str, target: ScrapeTarget, stanza_job: ScrapeJob, labels: dict[str, str]) -> TargetGroup:
    """Return a target and its labels. An empty one is left out, which all servers take for the same."""
    host, prefix = target.host, "source_" if name == OWN_JOB else ""
    labels = labels | {prefix + key: getattr(host, key) for key in ("location", "datacenter", "country")}
    labels["host"] = host.name
    if name == OWN_JOB:
        labels["source"] = host.name
    if not target.job.keep_instance:
        labels["instance"] = host.name
    if target.job.scheme != stanza_job.scheme:
        labels["__scheme__"] = target.job.scheme
    if target.job.path != stanza_job.path:
        labels["__metrics_path__"] = target.job.path
    return {"targets": [target.address], "labels": {key: labels[key] for key in sorted(labels) if labels[key]}}


def _file(name: str, suffix: str = "") -> str:
    return f"{quote(name, safe='')}{suffix}.json"


def _problems(fleet: Fleet) -> Iterator[Problem]:
    """Yield what no stanza can say."""
    for name, job in fleet.scrape.jobs.items():
        if len(_file(name)) > _LONGEST_FILE - _SUFFIX:
            too_long = "becomes a file's name of more than 255 bytes, in which letters beyond ASCII count several times"
            yield fleet.problem(("scrape", "jobs", name), f"{too_long}; choose a shorter name")
        if message := _bad_path(job.path):
            yield fleet.problem(("scrape", "jobs", name, "path"), message)
    known = jobs(fleet)
    for index, host in enumerate(fleet.hosts):
        for name, own in host.scrape.items():
            loc, job = ("hosts", index, "scrape", name), _target(host, name, known[name]).job
            if own.path and (message := _bad_path(own.path)):
                yield fleet.problem((*loc, "path"), message)
            if bool(job.user) != bool(job.password_file):
                key, missing = ("user", "password_file") if job.user else ("password_file", "user")
                yield fleet.problem((*loc, key), f"has no {missing}, neither here nor in the job; add it")
            if ":" in (own.user or ""):
                yield fleet.problem((*loc, "user"), f"{own.user!r} must not hold ':'; HTTP ends the user there")


def _bad_path(path: str) -> str | None:
    odd = re.search(r"[?#%]", path)
    return f"{path!r} holds {odd[0]!r}, which Prometheus escapes; leave it out" if odd else None
