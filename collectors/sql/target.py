"""What a probe of a database needs to know of its target."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal, Self

from collectors.literals import literal_family
from collectors.login_target import LoginTarget
from collectors.target import Gives
from collectors.terms import Phase

ClientKind = Literal["native", "driver"]
"""What logs in and asks: our own protocol, or the database's own client library."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTarget(LoginTarget):
    """Where and as which user to log in, and what to ask there."""

    standard_query: ClassVar = "SELECT 1"

    protocol: str = dataclasses.field()  # else the base's property would be its default

    client: ClientKind = "native"
    query: str
    logs_in: bool
    """True: a login, on a connection of its own. False: a query, on a connection that is kept."""
    kept: bool = True
    """False: a query, too, has a connection of its own."""

    def __str__(self) -> str:
        driven = " by its driver" if self.client == "driver" else ""
        return f"{'login' if self.logs_in else 'login and query'} at {self.where}{driven}"

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
    def _secured(self) -> tuple[Phase, ...]:
        if self.tls == "disable":
            return (Phase.AUTH,)
        if self.client == "driver" and self.protocol == "postgresql":
            return ()  # libpq does not show where TLS ends and the login begins
        return (Phase.TLS, Phase.AUTH)

    def for_once(self) -> Self:
        return dataclasses.replace(self, kept=False)
