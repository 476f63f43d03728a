"""What a probe of each protocol needs to know of its target: plain, frozen, checked beforehand.

An ``address`` is a name or a literal address; a literal one is of the ``ip_family`` beside it.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from typing import ClassVar, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from collectors.contract import IpFamily, Phase, Reason
from collectors.secret import Secret

Tls = Literal["disable", "require", "verify-ca", "verify-full"]
"""``require`` encrypts and trusts anybody; ``verify-ca`` trusts whoever has a certificate of the authority."""

_TCP_REASONS = (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET, Reason.UNREACHABLE, Reason.DNS, Reason.LOCAL)


class OwnCertificate(NamedTuple):
    """What is shown to a server that asks for a certificate: absolute paths of PEM files."""

    cert_file: str
    key_file: str


class Expression(Protocol):
    """A compiled regular expression that no text can keep busy (RE2's, in time linear in the text)."""

    @property
    def pattern(self) -> str:
        """As it was written."""

    def search(self, text: str) -> object:
        """Return something true if it is found."""


@functools.lru_cache(maxsize=4096)  # asked for each probe, and by the doctor for every pair of the fleet
def literal_family(address: str) -> IpFamily | None:
    """Return the family of a literal address; None for a name."""
    try:
        return IpFamily(f"ipv{ipaddress.ip_address(address).version}")
    except ValueError:
        return None


_NO_HOSTS = tuple(
    (ipaddress.ip_network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "it stands for this machine"),  # RFC 1122, 3.2.1.3
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),  # RFC 1112, 4
        ("::/128", "it stands for this machine"),  # RFC 4291, 2.5.2
        ("ff00::/8", "multicast"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Behind which a resolver that translates puts an IPv4 address (RFC 6052, 2.1), also one that is nobody's."""


@functools.lru_cache(maxsize=4096)
def never_a_host(address: str) -> str | None:
    """Return of what kind a literal address is that no other host can have; None: a host can, or it is a name.

    Such a one is never probed: what answers at 0.0.0.0 is this machine, in microseconds.
    """
    if literal_family(address) is None:
        return None
    literal = _meant(address)
    return next((kind for network, kind in _NO_HOSTS if literal in network), None)


@functools.lru_cache(maxsize=4096)
def is_loopback(address: str) -> bool:
    """Tell whether a literal address leads to this machine itself, whichever it is."""
    return _meant(address).is_loopback


def _meant(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return a literal address, without a zone, or the IPv4 address that stands in it."""
    literal = ipaddress.ip_address(address.partition("%")[0])
    if literal.version == 4:  # noqa: PLR2004 - IPv4
        return literal
    nat64 = ipaddress.ip_address(literal.packed[-4:]) if literal in _NAT64 else None
    return literal.ipv4_mapped or nat64 or literal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IcmpTarget:
    """Whom to send echo requests, and how they look."""

    reasons: ClassVar = (Reason.TIMEOUT, Reason.UNREACHABLE, Reason.DNS, Reason.PROTOCOL, Reason.LOCAL)
    phases: ClassVar[tuple[Phase, ...]] = ()

    address: str
    ip_family: IpFamily
    payload_bytes: int
    """Data behind the ICMP header, 8 to 65000."""
    dscp: int
    """The upper six bits of the traffic class, 0 to 63."""
    source_address: str | None
    """A literal address of ours, of the same family; None: the kernel chooses."""

    @property
    def cached_name(self) -> str:
        """The name whose last good address is used."""
        return self.address


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TcpTarget:
    """Where to open a connection and close it again."""

    reasons: ClassVar = _TCP_REASONS
    phases: ClassVar[tuple[Phase, ...]] = (Phase.CONNECT,)

    address: str
    ip_family: IpFamily
    port: int
    source_address: str | None
    """A literal address of ours, of the same family; None: the kernel chooses."""
    timeout: float = dataclasses.field(default=10.0, compare=False)
    """In seconds: of which each of several addresses gets a part. The caller sees to it; it makes no other target."""

    @property
    def cached_name(self) -> str:
        """The name whose last good address is used."""
        return self.address


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """What to ask, and what the answer must be."""

    reasons: ClassVar = (*_TCP_REASONS, Reason.TLS, Reason.STATUS, Reason.BODY, Reason.PROTOCOL)

    url: str
    """Absolute, http or https, ASCII only, without user, fragment or placeholder."""
    ip_family: IpFamily
    method: str
    headers: tuple[tuple[str, str], ...]
    """Printable ASCII; never one that frames the message or authenticates."""
    expect_status: frozenset[int]
    expect_body: Expression | None
    """Searched for in the body; None: any body will do."""
    max_body_bytes: int
    tls_ca_file: str | None
    """Absolute. None: the system's authorities."""
    tls_verify: bool
    user: str | None
    password: Secret | None
    """Both set or both None."""
    own_certificate: OwnCertificate | None = None
    timeout: float = dataclasses.field(default=10.0, compare=False)
    """In seconds: of which each of several addresses gets a part. The caller sees to it; it makes no other target."""

    @property
    def cached_name(self) -> None:
        """None: names are looked up in the probe, which has a phase for it."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Those that an exchange with this target has: a literal address is not looked up, plain HTTP has no TLS."""
        url = urlsplit(self.url)
        absent = {Phase.AUTH, Phase.QUERY}
        if url.scheme != "https":
            absent.add(Phase.TLS)
        if literal_family(url.hostname or ""):
            absent.add(Phase.DNS)
        return tuple(phase for phase in Phase if phase not in absent)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTarget:
    """Where to log in, as whom, and what to ask there."""

    reasons: ClassVar = (*_TCP_REASONS, Reason.TLS, Reason.AUTH, Reason.LIMIT, Reason.QUERY, Reason.PROTOCOL)
    standard_query: ClassVar = "SELECT 1"

    address: str
    """Empty where ``socket`` is used."""
    ip_families: tuple[IpFamily, ...]
    """In this order: the first of which the name has an address. A literal address has its own alone."""
    port: int
    socket: str | None
    """Absolute: a Unix socket, or for PostgreSQL the folder that it is in."""
    user: str
    password: Secret | None
    dbname: str
    tls: Tls
    tls_ca_file: str | None
    """Absolute. None: the system's authorities."""
    own_certificate: OwnCertificate | None = None
    query: str
    timeout: float
    """In seconds; the server is told to give up a query of the user's own before."""
    cold: bool
    """A login on a connection of its own; else a query on one that is kept."""
    kept: bool = True
    """False: also the query's connection is for once."""

    @property
    def cached_name(self) -> None:
        """None: names are looked up in the probe."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Those that a cold probe of this target has."""
        if not self.cold:
            return ()
        if self.socket:
            return (Phase.AUTH, Phase.QUERY)
        first = () if literal_family(self.address) else (Phase.DNS,)
        secured = () if self.tls == "disable" else (Phase.TLS,)
        return (*first, Phase.CONNECT, *secured, Phase.AUTH, Phase.QUERY)
