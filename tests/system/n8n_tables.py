"""n8n's tables in a real PostgreSQL, as its migrations leave them, with the columns and indexes that matter here."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import psycopg2

from collectors.n8n.target import N8nTarget
from collectors.secret import Secret
from collectors.terms import IpFamily
from tests.system.database_server import Server
from tests.system.databases import PASSWORD

TABLES = ("execution_entity", "execution_data", "workflow_entity", "workflow_statistics")
DELTA = "workflow_statistics_delta"
"""Of newer 2.x."""
_TIME = "timestamp(3) with time zone"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the tables of one n8n are."""

    major: int = 2
    schema: str = "public"
    prefix: str = ""

    @property
    def quoted_schema(self) -> str:
        return quoted(self.schema)

    def table(self, name: str) -> str:
        return f"{self.quoted_schema}.{quoted(self.prefix + name)}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def create(place: Place) -> str:
    """What makes the tables."""
    newer = place.major > 1
    execution, data, workflow, statistics = map(place.table, TABLES)
    delta = f"""
        CREATE TABLE {place.table(DELTA)} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            "workflowId" varchar(36) NOT NULL, name varchar(128) NOT NULL, "rootCountDelta" smallint NOT NULL DEFAULT 1,
            "createdAt" {_TIME} NOT NULL DEFAULT CURRENT_TIMESTAMP);
        GRANT SELECT ON {place.table(DELTA)} TO monitor;
    """
    return f"""
        CREATE SCHEMA IF NOT EXISTS {place.quoted_schema};
        CREATE TABLE {workflow} (id varchar(36) PRIMARY KEY, name varchar(128) NOT NULL, active boolean NOT NULL,
            nodes json NOT NULL DEFAULT '[]', "versionId" character(36) NOT NULL DEFAULT '',
            "isArchived" boolean NOT NULL DEFAULT false);
        CREATE TABLE {execution} (id serial PRIMARY KEY, finished boolean NOT NULL DEFAULT false,
            mode varchar NOT NULL, status varchar NOT NULL,
            "startedAt" {_TIME}, "stoppedAt" {_TIME}, "waitTill" {_TIME},
            "workflowId" varchar(36) NOT NULL REFERENCES {workflow} ON DELETE CASCADE, "deletedAt" {_TIME},
            "createdAt" {_TIME} NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
            {''', "storedAt" varchar(2) NOT NULL DEFAULT 'db' ''' if newer else ""});
        CREATE INDEX ON {execution} ("deletedAt");
        CREATE INDEX ON {execution} ("stoppedAt", status, "deletedAt")
            WHERE "stoppedAt" IS NOT NULL AND "deletedAt" IS NULL;
        CREATE INDEX ON {execution} ("waitTill", status, "deletedAt")
            WHERE "waitTill" IS NOT NULL AND "deletedAt" IS NULL;
        CREATE INDEX ON {execution} ("workflowId", "startedAt") WHERE "startedAt" IS NOT NULL AND "deletedAt" IS NULL;
        {f'CREATE INDEX ON {execution} ("workflowId", status, id) WHERE "deletedAt" IS NULL;' if newer else ""}
        CREATE TABLE {data} ("executionId" integer PRIMARY KEY REFERENCES {execution} ON DELETE CASCADE,
            "workflowData" json NOT NULL DEFAULT '{{}}', data text NOT NULL);
        CREATE TABLE {statistics} (count {"bigint" if newer else "integer"} DEFAULT 0, "latestEvent" {_TIME},
            name varchar(128) NOT NULL, "workflowId" varchar(36) NOT NULL REFERENCES {workflow} ON DELETE CASCADE,
            UNIQUE ("workflowId", name));
        {delta if newer else ""}
        GRANT USAGE ON SCHEMA {place.quoted_schema} TO monitor;
        GRANT SELECT ON {execution}, {data}, {workflow}, {statistics} TO monitor;
    """


@contextlib.contextmanager
def connected(server: Server) -> Iterator[Any]:
    """A connection of the administrator, which commits each statement."""
    connection = psycopg2.connect(
        host=str(server.socket_path), port=server.port, user="postgres", dbname="n8n", application_name="test"
    )
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def run(server: Server, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement as the administrator."""
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall()) if cursor.description else []


def target(server: Server, place: Place = Place(), **changes: Any) -> N8nTarget:
    plain: dict[str, Any] = {
        "address": server.address,
        "ip_families": (IpFamily.IPV4,),
        "port": server.port,
        "socket": None,
        "user": "monitor",
        "password": Secret(PASSWORD),
        "dbname": "n8n",
        "tls": "disable",
        "tls_ca_file": None,
        "schema": place.schema,
        "table_prefix": place.prefix,
        "timeout": 10.0,
    }
    return N8nTarget(**plain | changes)
