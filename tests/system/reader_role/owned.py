"""An n8n whose tables belong to a role of their own, and what deploy/n8n/reader.sql gave of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import psycopg2
from psycopg2 import errors

from tests.system import n8n_role, n8n_tables
from tests.system.database_server import Server
from tests.system.databases import PASSWORD, started
from tests.system.n8n_role import ROLE
from tests.system.n8n_tables import Place

PLACES = [Place(1), Place(2), Place(2, 'a "schema" of 100 % \'s\\ $$', "n8n %s_")]
SECRETS = ("credentials_entity", "user", "settings")
"""Tables of n8n's that are nobody's business."""
FUNCTIONS = ("latency_exporter_heads", "latency_exporter_nodes")
NODES = [{"name": "Set", "type": "n8n-nodes-base.set", "parameters": {"token": "hush"}}]


@contextlib.contextmanager
def server_with_owner() -> Iterator[Server]:
    """Start a server with a role ``owner``, which is no administrator and makes roles."""
    with started("postgresql", options=["-c", "max_connections=40"]) as server:
        server.admin("CREATE ROLE owner LOGIN CREATEROLE; GRANT CREATE ON DATABASE n8n TO owner")
        yield server


class N8n:
    """The tables of one n8n, which belong to a role of their own, with one workflow."""

    def __init__(self, server: Server, place: Place) -> None:
        self.server, self.place = server, place

    def make(self) -> None:
        n8n_tables.run(self.server, n8n_tables.create(self.place))
        for name in SECRETS:
            n8n_tables.run(self.server, f"CREATE TABLE {self.place.table(name)} (id int PRIMARY KEY, data text)")
        for name in self.tables():
            n8n_tables.run(self.server, f"ALTER TABLE {self.place.table(name)} OWNER TO owner")
        n8n_tables.run(self.server, f"GRANT ALL ON SCHEMA {self.place.quoted_schema} TO owner")
        workflows = self.place.table("workflow_entity").replace("%", "%%")
        n8n_tables.run(
            self.server,
            f"INSERT INTO {workflows} (id, name, active, nodes) VALUES ('w1', 'w', true, %s)",
            json.dumps(NODES),
        )

    def tables(self) -> list[str]:
        return [*n8n_tables.TABLES, *SECRETS, *([n8n_tables.DELTA] if self.place.major > 1 else [])]

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator; a table's or function's plain name in capitals stands for it."""
        return n8n_tables.run(self.server, self.named(statement))

    def named(self, statement: str) -> str:
        for name in sorted((*self.tables(), *FUNCTIONS), key=len, reverse=True):
            statement = statement.replace(name.upper(), self.place.table(name))
        return statement

    def migrates(self, statement: str) -> None:
        """Change the tables as their owner does, who is no administrator."""
        self.sql(f"SET ROLE owner; SET lock_timeout = '5s'; {statement}")

    def ends(self, data: str = "[]") -> None:
        """Let an execution begin and end."""
        executions, stored = (self.place.table(name).replace("%", "%%") for name in n8n_tables.TABLES[:2])
        n8n_tables.run(
            self.server,
            f'WITH one AS (INSERT INTO {executions} (mode, status, "workflowId", "startedAt", "stoppedAt")'
            " VALUES ('trigger', 'success', 'w1', now(), now()) RETURNING id)"
            f' INSERT INTO {stored} ("executionId", data) SELECT id, %s FROM one',
            data,
        )

    def target(self, *, nodes: bool = True) -> Any:
        return n8n_tables.target(self.server, self.place, user=ROLE, nodes=nodes)

    @contextlib.contextmanager
    def session(self) -> Iterator[Any]:
        """A session of the role that commits each statement, and has put off what limits are its own to change."""
        made = psycopg2.connect(
            host=self.server.address, port=self.server.port, user=ROLE, password=PASSWORD, dbname="n8n"
        )
        made.autocommit = True
        with made.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            yield cursor
        made.close()

    def refused(self, cursor: Any, statement: str) -> bool:
        """Tell whether the role may not do something; any other error is a mistake of the test."""
        try:
            cursor.execute(self.named(statement))
        except errors.InsufficientPrivilege:
            return True
        return False


@contextlib.contextmanager
def made(server: Server, place: Place) -> Iterator[N8n]:
    one = N8n(server, place)
    one.make()
    try:
        yield one
    finally:
        n8n_role.drop(server, place)
        for name in one.tables():
            n8n_tables.run(server, f"DROP TABLE IF EXISTS {place.table(name)} CASCADE")


def granted(n8n: N8n) -> list[tuple[Any, ...]]:
    """What is granted to the role or depends on it, in the whole cluster, and its settings."""
    return n8n.sql(
        f"""
        WITH it AS (SELECT oid FROM pg_roles WHERE rolname = '{ROLE}')
        SELECT a.attrelid::regclass::text, a.attname, g.privilege_type FROM pg_attribute a, aclexplode(attacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT c.oid::regclass::text, '', g.privilege_type FROM pg_class c, aclexplode(relacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT p.oid::regprocedure::text, p.prosrc, g.privilege_type FROM pg_proc p, aclexplode(proacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT nspname, '', g.privilege_type FROM pg_namespace, aclexplode(nspacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT datname, '', g.privilege_type FROM pg_database, aclexplode(datacl) g, it WHERE grantee = it.oid
        UNION ALL SELECT setconfig::text, '', '' FROM pg_db_role_setting, it WHERE setrole = it.oid
        ORDER BY 1, 2, 3"""
    )
