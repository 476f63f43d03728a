"""Every key of the fleet file, its type and its default; the README's table is held against it by a test.

A value that is None was not written and is taken from elsewhere (``defaults``, the job, the host).
What one key demands of another is in ``checks``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from collectors.contract import IpFamily
from exporter.fleet.net_values import AbsolutePath, Address, FixedUrl, UrlPath
from exporter.fleet.probe_schema import Endpoint, Families, FileLogin, Login, Place, Probe, Section
from exporter.fleet.values import Buckets, Duration, Flag, Interval, Label, Name, Names, Port, SqlWord, Text, Whole

Scheme = Literal["http", "https"]
BUCKETS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2),
    *(0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0),
)
"""In seconds; dense from 100 to 500 ms, where continents are."""


class Defaults(Section):
    """What holds for every probe that does not say otherwise."""

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
    scrape: dict[str, HostScrape] = Field(default_factory=dict)


def _customary_port(database: dict[str, Any]) -> int:
    return 3306 if database.get("type") == "mysql" else 5432


class Database(Place, Login):
    """A server that is logged in to."""

    name: Name
    type: Literal["postgresql", "mysql"]
    host: Text | None = None
    port: Port = Field(default_factory=_customary_port)
    socket: AbsolutePath | None = None
    dbname: Label = ""
    tls: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    tls_ca_file: Text | None = None
    interval: Interval = 15.0
    cold_interval: Interval = 60.0
    timeout: Duration | None = None
    ip_families: Families | None = None
    query: Text = "SELECT 1"
    from_: Names | None = Field(None, alias="from")


class N8n(Section):
    """An n8n whose executions are read from its database."""

    name: Name
    database: Name
    from_: Names | None = Field(None, alias="from")
    interval: Interval = 15.0
    schema_: SqlWord = Field("public", alias="schema")
    table_prefix: SqlWord = ""
    nodes: Flag = False
    max_workflows: Annotated[int, Whole(1, 100_000)] = 500
    max_node_series: Annotated[int, Whole(1, 1_000_000)] = 2000
    state_file: Text | None = None


class Job(FileLogin):
    """Another exporter on the hosts."""

    port: Port
    scheme: Scheme = "http"
    path: UrlPath = "/metrics"
    ca_file: Text | None = None
    keep_instance: Flag = False


class Scrape(Section):
    """What Prometheus is told."""

    interval: Interval = 15.0
    timeout: Duration = 10.0
    jobs: dict[Name, Job] = Field(default_factory=dict)


class Peers(FileLogin):
    """How exporters reach each other's ``/ping``; what is None is the probe's own."""

    scheme: Scheme | None = None
    ca_file: Text | None = None


class Server(FileLogin):
    """A server of the stack that the doctor asks."""

    url: FixedUrl
    ca_file: Text | None = None
    internal: Flag = False


class Stack(Section):
    """The servers that the doctor asks, and who stands behind public names."""

    prometheus: Server | None = None
    alertmanager: Server | None = None
    grafana: Server | None = None
    victoriametrics: Server | None = None
    loki: Server | None = None
    pushgateway: Server | None = None
    public_names: dict[Address, Name] = Field(default_factory=dict)


class Sections(Section):
    """The whole file."""

    defaults: Defaults = Defaults()
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    probes: dict[Name, Probe] = Field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    databases: tuple[Database, ...] = ()
    n8n: tuple[N8n, ...] = ()
    scrape: Scrape = Scrape()
    peers: Peers = Peers()
    stack: Stack = Stack()
