"""A database, as it is written in the fleet file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from collectors.literals import literal_family
from collectors.sql.target import ClientKind, DatabaseTarget
from collectors.terms import IpFamily, Seconds
from collectors.transport.trust import TlsMode
from exporter.config_files.net_values import AbsolutePath
from exporter.config_files.problems import Loc
from exporter.config_files.values import Duration, Interval, Label, Name, Names, OneOf, Port, Text
from exporter.fleet.access import NamedFiles
from exporter.fleet.sections import Families, FileOrVariableLogin, Place


def _customary_port(database: dict[str, Any]) -> int:
    return 3306 if database.get("type") == "mysql" else 5432


class Database(Place, FileOrVariableLogin):
    """A server that is logged in to, and asked."""

    name: Name
    type: Annotated[Literal["postgresql", "mysql"], OneOf("postgresql", "mysql")]
    host: Text | None = None
    port: Port = Field(default_factory=_customary_port)
    socket: AbsolutePath | None = None
    dbname: Label = ""
    tls: Annotated[TlsMode, OneOf(*get_args(TlsMode))] = "verify-full"
    tls_ca_file: Text | None = None
    client: Annotated[ClientKind, OneOf(*get_args(ClientKind))] = "native"
    interval: Interval = 15.0
    cold_interval: Interval = 60.0
    timeout: Duration | None = None
    ip_families: Families | None = None
    query: Text = "SELECT 1"
    from_: Names | None = Field(None, alias="from")

    def aim(
        self, files: NamedFiles, loc: Loc, address: str, families: Sequence[IpFamily], timeout: Seconds
    ) -> tuple[DatabaseTarget, DatabaseTarget]:
        """Read its files and return two targets: a login, and a query on a connection that is kept.

        ``families`` and ``timeout`` are the defaults.
        """
        login = DatabaseTarget(
            protocol=self.type,
            address=address,
            ip_families=self._families(address, families),
            port=self.port,
            socket=self.socket,
            user=self.user or "",
            password=files.password(loc, self),
            dbname=self.dbname,
            tls=self.tls,
            tls_ca_file=files.authorities((*loc, "tls_ca_file"), self.tls_ca_file),
            own_certificate=files.own_certificate(loc, self),
            client=self.client,
            query=self.query,
            timeout=self.timeout or timeout,
            logs_in=True,
        )
        return login, dataclasses.replace(login, logs_in=False)

    def _families(self, address: str, families: Sequence[IpFamily]) -> tuple[IpFamily, ...]:
        """Return the families in which its name is looked up, in this order; it has one connection, and no label."""
        if literal := literal_family(address):
            return (literal,)
        return self.ip_families or tuple(dict.fromkeys((*families, *IpFamily)))
