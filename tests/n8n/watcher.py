"""The program, which reads n8n's database all the time as its own role; and its page."""

from __future__ import annotations

from pathlib import Path

from tests.netlab import Host, wait_until
from tests.system.database_server import Server, run
from tests.system.databases import PASSWORD
from tests.system.running import REPOSITORY, Exporter, Page

_ROLE = "monitor"
_FLEET = """
defaults: {{timeout: 1900ms}}
hosts:
  - {{name: {host}, address: {host}, country: US}}
databases:
  - name: main
    type: postgresql
    socket: {socket}
    port: {port}
    dbname: n8n
    user: {user}
    password_file: {password}
n8n:
  - {{name: n8n, database: main, from: [{host}], interval: 2s}}
"""
_UP = "n8ndb_up"


class Watcher:
    """It, from its start until the lab ends it; n8n's tables must be there."""

    def __init__(self, host: Host, database: Server, folder: Path) -> None:
        _grant(database)
        password, fleet = folder / "password", folder / "fleet.yml"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        fleet.write_text(
            _FLEET.format(
                host=host.name, socket=database.socket_path, port=database.port, user=_ROLE, password=password
            )
        )
        self._exporter = Exporter(host, fleet).ready()
        wait_until(lambda: self.page().value(_UP) == 1, "the first read", 30)

    def page(self) -> Page:
        return self._exporter.page()

    def is_up(self) -> bool:
        """Return whether the latest read succeeded."""
        return self.page().value(_UP) == 1

    def has_read_since(self, moment: float) -> bool:
        """Return whether a read has succeeded after a moment, in seconds since the epoch."""
        return (self.page().value("n8ndb_last_read_timestamp_seconds") or 0.0) > moment


def _grant(database: Server) -> None:
    """Let the role read what it must, as users do it."""
    script = REPOSITORY / "deploy/n8n/reader.sql"
    psql = ["psql", "-h", str(database.socket_path), "-p", str(database.port), "-U", "postgres", "-d", "n8n"]
    run([*psql, "-v", f"role={_ROLE}", "-f", str(script)])
