"""An n8n, as it is written in the fleet file: which database it is read from, and how much is kept of it."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated

from pydantic import AfterValidator, Field

from collectors.n8n.statements import LONGEST_NAME, LONGEST_PREFIX
from collectors.n8n.target import N8nTarget
from collectors.sql.target import DatabaseTarget
from exporter.config_files.problems import Loc
from exporter.config_files.sections import Section
from exporter.config_files.values import Flag, Interval, Name, Names, Text, Whole, invalid
from exporter.fleet.access import NamedFiles

_SOCKET = re.compile(r"\.s\.PGSQL\.([1-9][0-9]{0,4})")
"""How PostgreSQL calls its socket: by its port."""


def _schema(value: str) -> str:
    if not value:
        raise invalid("must not be empty; leave the key out for 'public'")
    if (size := _size(value)) > LONGEST_NAME:
        raise invalid(f"is {size} bytes long; PostgreSQL's names have at most {LONGEST_NAME}")
    return value


def _prefix(value: str) -> str:
    if (size := _size(value)) > LONGEST_PREFIX:
        raise invalid(f"is {size} bytes long; at most {LONGEST_PREFIX} leave room for the names of n8n's tables")
    return value


def _size(name: str) -> int:
    """Return how many bytes a name has; all characters but NUL can be in one."""
    if "\0" in name:
        raise invalid("holds the character U+0000, which no name in PostgreSQL can hold; remove it")
    return len(name.encode())


class N8n(Section):
    """An n8n whose executions are read from its database."""

    name: Name
    database: Name
    from_: Names | None = Field(None, alias="from")
    interval: Interval = 15.0
    schema_: Annotated[str, AfterValidator(_schema)] = Field("public", alias="schema")
    table_prefix: Annotated[str, AfterValidator(_prefix)] = ""
    nodes: Flag = False
    max_workflows: Annotated[int, Whole(1, 100_000)] = 500
    max_node_series: Annotated[int, Whole(1, 1_000_000)] = 2000
    state_file: Text | None = None

    def aim(self, files: NamedFiles, loc: Loc, login: DatabaseTarget) -> N8nTarget:
        """Return the target, in the database that ``login`` logs in to."""
        socket, port = _folder_and_port(login.socket, login.port)
        return N8nTarget(
            address=login.address,
            ip_families=login.ip_families,
            port=port,
            socket=socket,
            user=login.user,
            password=login.password,
            dbname=login.dbname,
            tls=login.tls,
            tls_ca_file=login.tls_ca_file,
            own_certificate=login.own_certificate,
            schema=self.schema_,
            table_prefix=self.table_prefix,
            nodes=self.nodes,
            max_workflows=self.max_workflows,
            max_node_series=self.max_node_series,
            state_file=files.kept_file((*loc, "state_file"), self.state_file),
            timeout=login.timeout,
        )


def _folder_and_port(socket: str | None, port: int) -> tuple[str | None, int]:
    """Return the folder of a socket that may itself be named, and the port in its name."""
    path = PurePath(socket or "")
    named = _SOCKET.fullmatch(path.name)
    return (str(path.parent), int(named[1])) if named else (socket, port)
