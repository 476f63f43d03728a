"""A fleet file of many databases on one server of this machine."""

from __future__ import annotations

from pathlib import Path

from tests.system.database_server import Server
from tests.system.databases import PASSWORD


def write_fleet(folder: Path, server: Server, databases: int, *keys: str) -> Path:
    """Write it and the password's file; ``keys`` are further keys of each database."""
    password, fleet = folder / "password", folder / "fleet.yml"
    password.touch(0o600)
    password.write_text(PASSWORD, encoding="utf-8")
    database = (
        f"type: {server.kind}, host: 127.0.0.1, port: {server.port}, user: monitor, password_file: {password}, "
        "dbname: n8n, tls: disable"
    )
    entries = [f"  - {{{', '.join((f'name: d{number}', database, *keys))}}}" for number in range(databases)]
    lines = ["hosts: [{name: here, address: 127.0.0.1}]", "databases:", *entries]
    fleet.write_text("\n".join(lines), encoding="utf-8")
    return fleet
