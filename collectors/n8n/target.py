"""What a read of n8n's database needs to know of it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

from collectors.secret import Secret
from collectors.target import TCP_REASONS, Gives, Target
from collectors.terms import IpFamily, Reason, Seconds
from collectors.transport.trust import OwnCertificate, TlsMode


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class N8nTarget(Target):
    """Where n8n's database is, as whom it is read, and how much is kept of it."""

    protocol: ClassVar = "n8n"
    reasons: ClassVar = (*TCP_REASONS, Reason.TLS, Reason.AUTH, Reason.LIMIT, Reason.QUERY, Reason.PROTOCOL)
    gives: ClassVar = frozenset({Gives.READING})

    address: str
    """Empty where ``socket`` is used."""
    ip_families: tuple[IpFamily, ...]
    """In this order: the first of which the name has an address."""
    port: int
    socket: str | None
    """Absolute: the folder that PostgreSQL's Unix socket is in."""
    user: str
    password: Secret | None
    dbname: str
    tls: TlsMode
    tls_ca_file: str | None
    """Absolute. None: the system's authorities."""
    own_certificate: OwnCertificate | None = None
    schema: str = "public"
    table_prefix: str = ""
    nodes: bool = False
    """Count the runs of nodes too."""
    max_workflows: int = 500
    max_node_series: int = 2_000
    state_file: str | None = None
    """Absolute: where counts are kept, so that they go on when the program starts anew."""
    counts_go_on: bool = True
    """Else it is read once."""
    timeout: Seconds = 10.0

    def __str__(self) -> str:
        where = self.socket or f"{self.address} port {self.port}, tls {self.tls},"
        return f"n8n's database at {where} as {self.user}"

    @property
    def host(self) -> str:
        return self.address

    def for_once(self) -> Self:
        # The counts, and the file with them, are those of the reader who goes on counting.
        return dataclasses.replace(self, counts_go_on=False, state_file=None)

    @property
    def database(self) -> tuple[object, ...]:
        """Which n8n it is, whoever reads it and however much is kept."""
        return self.address, self.port, self.socket, self.dbname, self.schema, self.table_prefix
