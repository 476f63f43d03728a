"""What the target of each login to a database has in common, whatever is asked there."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from collectors.secret import Secret
from collectors.target import TCP_REASONS, Target
from collectors.terms import IpFamily, Reason, Seconds
from collectors.transport.trust import OwnCertificate, TlsMode


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoginTarget(Target):
    """Where and as which user to log in."""

    reasons: ClassVar = (*TCP_REASONS, Reason.TLS, Reason.AUTH, Reason.LIMIT, Reason.QUERY, Reason.PROTOCOL)

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
    timeout: Seconds
    """How long a probe may take; the server is to end what it works on before."""

    @property
    def host(self) -> str:
        return self.address

    @property
    def is_private(self) -> bool:
        """Whether what is sent can be read by the right server alone: a Unix socket, or TLS that verifies it."""
        return self.socket is not None or self.tls in {"verify-ca", "verify-full"}

    @property
    def where(self) -> str:
        """Write for people where the server is, and as whom to log in."""
        place = self.socket or f"{self.address} port {self.port}, tls {self.tls},"
        return f"{place} as {self.user}"
