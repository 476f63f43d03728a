"""Where the other exporters of a fleet are asked for their pages, and what it takes to ask them.

That is the way of the probe that asks their ``/ping``; without one it is the port of job ``latency``, by ``peers``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from collectors.http.target import HttpTarget
from collectors.secret import Secret
from collectors.terms import IpFamily
from collectors.transport.trust import OwnCertificate
from exporter.config_files.net_values import PLACEHOLDER
from exporter.config_files.problems import Problem
from exporter.fleet.access import Asker, NamedFiles
from exporter.fleet.fleet import Fleet
from exporter.fleet.own_paths import PING_PATH
from exporter.fleet.probes.http import HttpProbe
from exporter.fleet.schema import OWN_JOB, OWN_PORT, Host
from exporter.wording import host_and_port

_PORTS = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True, slots=True)
class PeerExporter:
    """Another host's exporter."""

    name: str
    url: str
    """Where its paths begin, without a slash at the end."""
    user: str | None = None
    password: Secret | None = None
    ca_file: str | None = None
    own_certificate: OwnCertificate | None = None
    """A certificate to show, if it asks for one."""


def peers_of(
    fleet: Fleet,
    host: Host,
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - named secrets are read from it
) -> tuple[tuple[PeerExporter, ...], tuple[Problem, ...]]:
    """List the other hosts that have an exporter, and what this host lacks to ask them."""
    files = NamedFiles(fleet, environ)
    peer = _as_pinged(fleet, host, files) or _by_the_job(fleet, files)
    peers = tuple(peer(other) for other in fleet.hosts if other.exporter and other.name != host.name)
    return peers, tuple(files.problems)


def pinging(fleet: Fleet, host: Host) -> list[Host]:
    """List the hosts that may ask a host's ``/ping``: all, or where a probe is a sample those whose probes do so."""
    if not any(mesh.sample for mesh in fleet.meshes.values()):
        return list(fleet.hosts)
    pings = [
        fleet.meshes[name]
        for name, probe in fleet.probes.items()
        if isinstance(probe, HttpProbe) and probe.is_ping and PLACEHOLDER in probe.url
    ]
    names = set().union(*(mesh.sources_of(host) for mesh in pings))
    return [other for other in fleet.hosts if other.name in names]


def own_probes(fleet: Fleet) -> frozenset[str]:
    """Return the names of the probes that ask the exporters themselves: ``/ping``, and handshakes with that port."""
    ping = _ping(fleet)
    port = _port(ping[1].url) if ping else _job_port(fleet)
    return frozenset(
        name
        for name, probe in fleet.probes.items()
        if probe.bare_port == port or (isinstance(probe, HttpProbe) and probe.is_ping)
    )


def _as_pinged(fleet: Fleet, host: Host, files: NamedFiles) -> Callable[[Host], PeerExporter] | None:
    ping = _ping(fleet)
    if ping is None:
        return None
    name, probe = ping
    aim = probe.aim_with_files(files, ("probes", name), Asker(host.name, fleet.peers))

    def peer(other: Host) -> PeerExporter:
        target = aim(other.address, IpFamily.IPV4, 0.0)
        assert isinstance(target, HttpTarget)  # noqa: S101 - as the probe is of HTTP
        url = target.url.partition("?")[0].removesuffix(PING_PATH)
        return PeerExporter(other.name, url, target.user, target.password, target.tls_ca_file, target.own_certificate)

    return peer


def _by_the_job(fleet: Fleet, files: NamedFiles) -> Callable[[Host], PeerExporter]:
    access, scheme, port = fleet.peers, fleet.peers.scheme or "http", _job_port(fleet)
    password = files.password(("peers",), access)
    authorities = files.authorities(("peers", "ca_file"), access.ca_file)
    own_certificate = files.own_certificate(("peers",), access)

    def peer(other: Host) -> PeerExporter:
        url = f"{scheme}://{host_and_port(other.address, port)}"
        return PeerExporter(other.name, url, access.user, password, authorities, own_certificate)

    return peer


def _ping(fleet: Fleet) -> tuple[str, HttpProbe] | None:
    """Return the probe that asks the ``/ping`` of hosts, and its name."""
    for name, probe in fleet.probes.items():
        if isinstance(probe, HttpProbe) and probe.is_ping and PLACEHOLDER in probe.url:
            return name, probe
    return None


def _job_port(fleet: Fleet) -> int:
    job = fleet.scrape.jobs.get(OWN_JOB)
    return job.port if job else OWN_PORT


def _port(url: str) -> int:
    parts = urlsplit(url.replace(PLACEHOLDER, "host"))
    return parts.port or _PORTS[parts.scheme]
