"""Every key of the fleet file, its type and its default; the table in docs/fleet-file.md is held against it by a test.

A value that is None was not written and is taken from elsewhere (``defaults``, the job, the host).
One key is checked against another in ``checks``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from collectors.n8n.target import N8nTarget
from collectors.terms import IpFamily, Seconds
from exporter.config_files.dates import End
from exporter.config_files.net_values import Address, FixedUrl, Link, UrlPath
from exporter.config_files.problems import Loc
from exporter.config_files.sections import Section
from exporter.config_files.values import (
    Duration,
    Flag,
    Interval,
    Name,
    Names,
    Port,
    Text,
    invalid,
    text_of,
)
from exporter.fleet.buckets import BUCKETS, Buckets
from exporter.fleet.database import Database
from exporter.fleet.hosts_from import HostsFrom
from exporter.fleet.n8n import N8n
from exporter.fleet.probes import PROBES, EndpointProbe, Probe
from exporter.fleet.probes.settings import Settings
from exporter.fleet.sections import Families, FileLogin, Peers, Place, Scheme
from exporter.wording import quoted


def _host_state(value: object) -> str:
    text = text_of(value, "maintenance")
    if text != "maintenance":
        raise invalid(f"{quoted(text)} is no state of a host; write maintenance, or leave the key out")
    return text


HostState = Annotated[Literal["maintenance"], BeforeValidator(_host_state)]


class Defaults(Section):
    """The values of the keys that a probe leaves out."""

    interval: Interval = 15.0
    timeout: Duration = 10.0
    ip_families: Families = (IpFamily.IPV4,)
    buckets: Buckets = BUCKETS
    resolve_interval: Interval = 60.0


class HostScrape(FileLogin):
    """How one host differs from its job; what is None is the job's."""

    scheme: Scheme | None = None
    port: Port | None = None
    path: UrlPath | None = None
    address: Address | None = None
    ca_file: Text | None = None


class Host(Place):
    """A host of the fleet."""

    name: Name
    address: Address
    exporter: Flag = True
    state: HostState | None = None
    until: End | None = None
    scrape: dict[str, HostScrape] = Field(default_factory=dict)

    @property
    def maintenance(self) -> Seconds | None:
        """When its maintenance ends, or has ended, in seconds since the epoch; infinite without an end.

        None: it has none.
        """
        if self.state is None:
            return None
        return math.inf if self.until is None else self.until


class Endpoint(Place):
    """A target that is no host of the fleet."""

    name: Name
    probe: EndpointProbe
    address: Address | None = None
    from_: Names | None = Field(None, alias="from")

    def settings(self, probes: Mapping[str, Settings]) -> Settings | None:
        """Return the probe: its own, or the one that it names; None where none has that name."""
        return probes.get(self.probe) if isinstance(self.probe, str) else self.probe

    @property
    def probe_name(self) -> str:
        """The name of its probe; a probe of its own is called by its protocol."""
        return self.probe if isinstance(self.probe, str) else self.probe.protocol

    @property
    def measured_from(self) -> tuple[str, ...] | None:
        """The names in its ``from``, or in that of a probe of its own."""
        return self.from_ or (None if isinstance(self.probe, str) else self.probe.from_)

    @property
    def target_address(self) -> str | None:
        """The address, which stands beside the probe or within it."""
        return self.address if isinstance(self.probe, str) else self.address or self.probe.own_address


OWN_JOB = "latency"
"""The job of the exporters themselves, which needs no entry in ``scrape.jobs``."""
OWN_PORT = 9102
"""Where they listen, if nothing else is written."""


class ScrapeJob(FileLogin):
    """Another exporter on the hosts."""

    port: Port
    scheme: Scheme = "http"
    path: UrlPath = "/metrics"
    ca_file: Text | None = None
    keep_instance: Flag = False


class Scrape(Section):
    """What the generated scrape configs tell Prometheus."""

    interval: Interval = 15.0
    timeout: Duration = 10.0
    native_histograms: Flag = False
    jobs: dict[Name, ScrapeJob] = Field(default_factory=dict)


class Rules(Section):
    """What ``example rules`` writes into the rules."""

    runbook_url: Link | None = None


class StackServerKeys(FileLogin):
    """A server of the stack that the doctor asks."""

    url: FixedUrl
    ca_file: Text | None = None
    internal: Flag = False

    @property
    def base(self) -> str:
        """Where its paths begin: the url without a query, and without a slash at its end."""
        return self.url.partition("?")[0].rstrip("/")


class Stack(Section):
    """The servers that the doctor asks, and the host behind each public name."""

    prometheus: StackServerKeys | None = None
    alertmanager: StackServerKeys | None = None
    grafana: StackServerKeys | None = None
    victoriametrics: StackServerKeys | None = None
    loki: StackServerKeys | None = None
    pushgateway: StackServerKeys | None = None
    public_names: dict[Address, Name] = Field(default_factory=dict)


def _at_least_one(hosts: tuple[Host, ...], info: ValidationInfo) -> tuple[Host, ...]:
    if not hosts and info.data.get("hosts_from") == ():
        raise invalid("is empty; name at least one, or their lists in 'hosts_from'")
    return hosts


class Sections(Section):
    """The whole file."""

    defaults: Defaults = Defaults()
    hosts_from: tuple[HostsFrom, ...] = ()
    hosts: Annotated[tuple[Host, ...], AfterValidator(_at_least_one)]
    probes: dict[Name, Probe] = Field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    databases: tuple[Database, ...] = ()
    n8n: tuple[N8n, ...] = ()
    scrape: Scrape = Scrape()
    rules: Rules = Rules()
    peers: Peers = Peers()
    stack: Stack = Stack()

    def probes_written(self) -> Iterator[tuple[Loc, Settings]]:
        """Yield every probe with its place: in ``probes`` and within endpoints."""
        for name, probe in self.probes.items():
            yield ("probes", name), probe
        for index, endpoint in enumerate(self.endpoints):
            if not isinstance(endpoint.probe, str):
                yield ("endpoints", index, "probe"), endpoint.probe


PROTOCOLS = tuple(sorted({*PROBES, *get_args(Database.model_fields["type"].annotation), N8nTarget.protocol}))
"""Every protocol that can be measured, or read."""
