"""What a probe of a database needs to know of its target."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal, Self

from collectors.literals import literal_family
from collectors.secret import Secret
from collectors.target import TCP_REASONS, Gives, Target
from collectors.terms import IpFamily, Phase, Reason, Seconds
from collectors.transport.trust import OwnCertificate, TlsMode

ClientKind = Literal["native", "driver"]
"""What logs in and asks: our own protocol, or the database's own client library."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTarget(Target):
    """Where and as which user to log in, and what to ask there."""

    reasons: ClassVar = (*TCP_REASONS, Reason.TLS, Reason.AUTH, Reason.LIMIT, Reason.QUERY, Reason.PROTOCOL)
    standard_query: ClassVar = "SELECT 1"

    protocol: str = dataclasses.field()  # else the base's property would be its default

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
    tls: TlsMode
    tls_ca_file: str | None
    """Absolute. None: the system's authorities."""
    own_certificate: OwnCertificate | None = None
    client: ClientKind = "native"
    query: str
    timeout: Seconds
    """The server is to end a query of the user's own before."""
    logs_in: bool
    """True: a login, on a connection of its own. False: a query, on a connection that is kept."""
    kept: bool = True
    """False: a query, too, has a connection of its own."""

    def __str__(self) -> str:
        where = self.socket or f"{self.address} port {self.port}, tls {self.tls},"
        driven = " by its driver" if self.client == "driver" else ""
        return f"{'login' if self.logs_in else 'login and query'} at {where} as {self.user}{driven}"

    @property
    def host(self) -> str:
        return self.address

    @property
    def server(self) -> tuple[str, int]:
        """What a server is known by: its address, or the path of its Unix socket, and the port."""
        return self.socket or self.address, self.port

    @property
    def gives(self) -> frozenset[Gives]:
        return frozenset({Gives.LOGIN, Gives.ROUND_TRIP, Gives.HANDSHAKE} if self.logs_in else {Gives.QUERY})

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Those of a login; a query is all one."""
        if not self.logs_in:
            return ()
        if self.socket:
            return (Phase.AUTH, Phase.QUERY)
        first = () if literal_family(self.address) else (Phase.DNS,)
        return (*first, Phase.CONNECT, *self._secured, Phase.QUERY)

    @property
    def is_private(self) -> bool:
        """Whether what is sent can be read by the right server alone: a Unix socket, or TLS that verifies it."""
        return self.socket is not None or self.tls in {"verify-ca", "verify-full"}

    @property
    def _secured(self) -> tuple[Phase, ...]:
        if self.tls == "disable":
            return (Phase.AUTH,)
        if self.client == "driver" and self.protocol == "postgresql":
            return ()  # libpq does not show where TLS ends and the login begins
        return (Phase.TLS, Phase.AUTH)

    def for_once(self) -> Self:
        return dataclasses.replace(self, kept=False)
