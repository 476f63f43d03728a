"""deploy/n8n/reader.sql, run as its first lines say: the role that reads n8n's database."""

from __future__ import annotations

from pathlib import Path

from tests.system import n8n_tables
from tests.system.database_server import Server, run
from tests.system.databases import PASSWORD
from tests.system.n8n_tables import Place

SCRIPT = Path(__file__).parents[2] / "deploy/n8n/reader.sql"
ROLE = "latency_exporter"
PLAIN = Place()


def psql(server: Server, place: Place = PLAIN, *, dbname: str = "n8n", **settings: str) -> None:
    """Run the script with these settings for the n8n at a place; CommandFailedError."""
    settings = {"schema": place.schema, "prefix": place.prefix, **settings}
    words = ["psql", "-X", "-h", str(server.socket_path), "-p", str(server.port), "-U", "postgres", "-d", dbname]
    run([*words, *(word for name, value in settings.items() for word in ("-v", f"{name}={value}")), "-f", str(SCRIPT)])


def create(server: Server, place: Place = PLAIN, *, nodes: bool = True, role: str = ROLE) -> None:
    """Make the role for the n8n at a place, and give it the password that ``n8n_tables.target`` has."""
    psql(server, place, role=role, nodes="on" if nodes else "off")
    n8n_tables.run(server, f"ALTER ROLE {n8n_tables.quoted(role)} PASSWORD '{PASSWORD}'")


def drop(server: Server, place: Place = PLAIN, *, role: str = ROLE) -> None:
    """Take it away."""
    psql(server, place, role=role, drop="on")
