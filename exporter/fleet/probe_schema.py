"""The keys of ``probes`` and ``endpoints``, and what all sections are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from collectors.contract import IpFamily
from exporter.fleet.net_values import Address, Headers, LiteralAddress, Method, Url, VariableName
from exporter.fleet.values import BodyExpression, Duration, Flag, Interval, Label, Name, Names, Port, Text, Whole, fault


def _once(families: tuple[IpFamily, ...]) -> tuple[IpFamily, ...]:
    if len(set(families)) < len(families):
        raise fault("names a family twice; keep one")
    return families


Families = Annotated[tuple[IpFamily, ...], Field(min_length=1), AfterValidator(_once)]


_SWITCHING_PROTOCOLS, _OK = 101, 200


def _final(status: int) -> int:
    if status < _OK:
        begun = " (it begins another protocol, such as WebSocket, which is not spoken here)"
        why = begun if status == _SWITCHING_PROTOCOLS else ""
        raise fault(f"{status} is an interim answer, never the one that counts{why}; remove it")
    return status


StatusCode = Annotated[int, Whole(100, 599), AfterValidator(_final)]


class Section(BaseModel):
    """A map of the file: no key beyond the fields, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class Place(Section):
    """Where something is, in its labels' words."""

    location: Label = ""
    datacenter: Label = ""
    country: Label = ""


class FileLogin(Section):
    """What a server is shown: user and password, a certificate and its key."""

    user: Label | None = None
    password_file: Text | None = None
    cert_file: Text | None = None
    key_file: Text | None = None


class Login(FileLogin):
    """The same, where the password may also come from a variable."""

    password_env: VariableName | None = None


class Settings(Section):
    """What every probe can be told."""

    interval: Interval | None = None
    timeout: Duration | None = None
    ip_families: Families | None = None
    from_: Names | None = Field(None, alias="from")
    histogram: Flag = True


class IcmpProbe(Settings):
    """An echo request."""

    protocol: Literal["icmp"]
    to: Names = ("all",)
    payload_bytes: Annotated[int, Whole(8, 65000)] = 56
    dscp: Annotated[int, Whole(0, 63)] = 0
    source_address: LiteralAddress | None = None


class TcpProbe(Settings):
    """A handshake."""

    protocol: Literal["tcp"]
    to: Names = ("exporters",)
    port: Port
    source_address: LiteralAddress | None = None


class HttpProbe(Settings, Login):
    """A request on a connection of its own."""

    protocol: Literal["http"]
    to: Names = ("exporters",)
    url: Url
    method: Method = "GET"
    headers: Headers = Field(default_factory=dict)
    expect_status: Annotated[frozenset[StatusCode], Field(min_length=1)] = frozenset(range(200, 300))
    expect_body: BodyExpression | None = None
    max_body_bytes: Annotated[int, Whole(1, 16 * 2**20)] = 65536
    tls_ca_file: Text | None = None
    tls_verify: Flag = True


class EndpointIcmpProbe(IcmpProbe):
    """An endpoint's own probe, which says whom."""

    address: Address | None = None


class EndpointTcpProbe(TcpProbe):
    """An endpoint's own probe, which says whom."""

    address: Address | None = None


class EndpointHttpProbe(HttpProbe):
    """An endpoint's own probe, which says whom."""

    address: Address | None = None


def _kind(value: object) -> str | None:
    if isinstance(value, str):
        return "name"
    if isinstance(value, dict):
        protocol = value.get("protocol")
        return protocol if isinstance(protocol, str) and protocol != "name" else None
    return None


AnyProbe = IcmpProbe | TcpProbe | HttpProbe
Probe = Annotated[
    Annotated[IcmpProbe, Tag("icmp")] | Annotated[TcpProbe, Tag("tcp")] | Annotated[HttpProbe, Tag("http")],
    Discriminator(_kind),
]
EndpointProbe = Annotated[
    Annotated[Name, Tag("name")]
    | Annotated[EndpointIcmpProbe, Tag("icmp")]
    | Annotated[EndpointTcpProbe, Tag("tcp")]
    | Annotated[EndpointHttpProbe, Tag("http")],
    Discriminator(_kind),
]


class Endpoint(Place):
    """What is probed and is no host of the fleet."""

    name: Name
    probe: EndpointProbe
    address: Address | None = None
    from_: Names | None = Field(None, alias="from")

    def settings(self, probes: Mapping[str, AnyProbe]) -> AnyProbe | None:
        """Give the probe itself, its own or the one it names; None where there is no such name."""
        return probes.get(self.probe) if isinstance(self.probe, str) else self.probe

    @property
    def measured_from(self) -> tuple[str, ...] | None:
        """Give the names in its `from`, or in that of a probe of its own."""
        return self.from_ or (None if isinstance(self.probe, str) else self.probe.from_)

    @property
    def whom(self) -> str | None:
        """The address, wherever it stands."""
        return self.address if isinstance(self.probe, str) else self.address or self.probe.address
