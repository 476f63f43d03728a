"""The program beside a real database of an n8n."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.netlab import Lab, wait_until
from tests.system import n8n_tables
from tests.system.database_server import Server
from tests.system.databases import PASSWORD
from tests.system.n8n_tables import Place
from tests.system.running import Exporter, Page

NAME = 'Ünïcode "quoted" 🙂 \\ of\ntwo lines'
PLACE = Place(2)
FINISHED = "n8ndb_executions_finished_total"


class Stage:
    """The program, and a server with the tables of an n8n, which it reads over a Unix socket."""

    def __init__(self, lab: Lab, server: Server, folder: Path) -> None:
        self.lab, self.server, self.folder = lab, server, folder
        self.fleet, self.password = folder / "fleet.yml", folder / "password"
        self.password.write_text(PASSWORD)
        self.password.chmod(0o600)
        self.host = lab.host("wf001")

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return n8n_tables.run(self.server, statement, *values)

    def write_fleet(self, *, with_n8n: bool = True, country: str = "US", timeout: str = "800ms", **keys: str) -> None:
        """Write a fleet file; ``keys`` are those of the n8n."""
        text = f"hosts: [{{name: wf001, address: 127.0.0.1, country: {country}}}]\n"
        if with_n8n:
            server = f"socket: {self.server.socket_path}, port: {self.server.port}, timeout: {timeout}"
            written = ", ".join(f"{key}: {value}" for key, value in ({"interval": "1s"} | keys).items())
            text += (
                "databases:\n"
                f"  - {{name: db, type: postgresql, user: monitor, dbname: n8n, {server},\n"
                f"     password_file: {self.password}, interval: 1h, cold_interval: 1h}}\n"
                f"n8n:\n  - {{name: orders, database: db, {written}}}\n"
            )
        self.fleet.write_text(text)

    def start(self) -> None:
        self.exporter = Exporter(self.host, self.fleet).ready()

    def stop(self) -> int:
        """Stop the program; return its exit code."""
        self.exporter.program.send_signal(signal.SIGTERM)
        return self.exporter.program.wait(10)

    def reload(self) -> None:
        told = self.exporter.program.error_output().count("reloaded: ")
        os.kill(self.exporter.program.pid, signal.SIGHUP)
        wait_until(lambda: self.exporter.program.error_output().count("reloaded: ") > told, "it has reloaded")

    def ends(self, status: str = "success", number: int = 1) -> None:
        """Let executions begin and end."""
        self.sql(
            'INSERT INTO execution_entity (mode, status, "workflowId", "startedAt", "stoppedAt")'
            " SELECT 'trigger', %s, 'w1', now(), now() + interval '2 s' FROM generate_series(1, %s)",
            status,
            number,
        )

    def page(self) -> Page:
        return self.exporter.page()

    def finished(self, status: str = "success") -> float | None:
        return self.page().value(FINISHED, n8n="orders", workflow_id="w1", mode="trigger", status=status)

    def reads(self) -> None:
        """Wait for a read that begins from now on."""
        for _ in range(2):
            self._reads_again()

    def _reads_again(self) -> None:
        before = self._last_read()
        wait_until(lambda: self._last_read() != before, "another read")

    def _last_read(self) -> float | None:
        return self.page().value("n8ndb_last_read_timestamp_seconds")

    def counts(self, number: float, status: str = "success") -> None:
        wait_until(lambda: self.finished(status) == number, f"{number} {status} are counted")

    def errors(self) -> dict[str, float]:
        return {
            dict(labels)["reason"]: value
            for (name, labels), value in self.page().samples.items()
            if name == "n8ndb_read_errors_total" and value
        }


@contextlib.contextmanager
def staged(server: Server, folder: Path) -> Iterator[Stage]:
    """Make the tables, with one workflow of which an execution has ended."""
    n8n_tables.run(server, n8n_tables.create(PLACE))
    n8n_tables.run(server, "INSERT INTO workflow_entity (id, name, active) VALUES ('w1', %s, true)", NAME)
    try:
        with Lab() as lab:
            stage = Stage(lab, server, folder)
            stage.ends()
            yield stage
    finally:
        for name in (*n8n_tables.TABLES, n8n_tables.DELTA):
            n8n_tables.run(server, f"DROP TABLE IF EXISTS {name} CASCADE")


def sessions(stage: Stage, condition: str = "true") -> list[tuple[object, ...]]:
    return stage.sql(
        f"SELECT pid FROM pg_stat_activity WHERE application_name = 'latency-exporter' AND state IS NOT NULL"
        f" AND query <> '' AND {condition}"
    )
