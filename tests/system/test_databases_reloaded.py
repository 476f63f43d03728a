"""What a reload or another password does to the sessions of a database, by the server's own list of them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netlab import Lab, requires_root, wait_until
from tests.system.database_server import Server
from tests.system.database_sessions import KILL
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.running import Exporter

pytestmark = [requires_root, requires_databases]

HEAD = """
defaults: {timeout: 400ms}
hosts: [{name: wf001, address: 127.0.0.1, country: US}]
probes: {tcp: {protocol: tcp, port: 9102, interval: 1s}}
"""
LISTED = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE usename = 'monitor'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE user = 'monitor'",
}
SLEEP = {"postgresql": "SELECT pg_sleep(19)", "mysql": "SELECT SLEEP(19)"}
UNLIMITED = {
    "postgresql": "SET LOCAL statement_timeout = 0; SELECT pg_sleep(19)",
    "mysql": "SET STATEMENT max_statement_time = 0 FOR SELECT SLEEP(19)",
}
SLEEPING = {
    "postgresql": "SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'monitor' AND wait_event = 'PgSleep'",
    "mysql": "SELECT IF(count(*), 't', 'f') FROM information_schema.processlist"
    " WHERE user = 'monitor' AND state = 'User sleep'",
}
ANOTHER = {"postgresql": "ALTER ROLE monitor PASSWORD '{}'", "mysql": "ALTER USER monitor IDENTIFIED BY '{}'"}
ROOMY = {"postgresql": ["-c", "max_connections=50"], "mysql": ["--max-connections=50"]}
"""A busy machine's server ends sessions late."""
AT_ONCE = 5.0
"""Seconds: far from the end of a query and its timeout, and enough for a busy machine."""


class Stage:
    """The program beside a server, whose loopback it shares; it has one kept session."""

    def __init__(self, lab: Lab, server: Server, folder: Path) -> None:
        self.server, self.fleet, self.password = server, folder / "fleet.yml", folder / "password"
        self.failed_before = 0.0
        self.write_password(PASSWORD)
        self.write_fleet(interval="500ms")
        self.exporter = Exporter(lab.host("wf001"), self.fleet)
        self.exporter.ready()

    def write_password(self, password: str) -> None:
        new = self.password.with_name("new")
        new.write_text(f"{password}\n")
        new.chmod(0o600)
        new.replace(self.password)

    def write_fleet(self, interval: str | None, **more: str) -> None:
        """Without an interval: without the database."""
        keys = {"interval": interval, "cold_interval": "1h", "dbname": "n8n", "user": "monitor"}
        keys |= {"socket": str(self.server.socket_path), **more}
        written = ", ".join(f"{key}: {value}" for key, value in keys.items())
        database = f"{{name: db, type: {self.server.kind}, port: {self.server.port}"
        text = f"databases:\n  - {database}, password_file: {self.password}, {written}}}\n" if interval else ""
        self.fleet.write_text(HEAD + text)

    def reload(self) -> None:
        told = self.exporter.program.error_output().count("reloaded: ")
        os.kill(self.exporter.program.pid, signal.SIGHUP)
        wait_until(lambda: self.exporter.program.error_output().count("reloaded: ") > told, "it has reloaded")

    def sessions(self) -> set[str]:
        return set(self.server.admin(LISTED[self.server.kind]).split())

    def settled(self, *, but: set[str] | None = None) -> set[str]:
        """The one session, when queries come on it, and no login is under way any more."""
        asked = self.asked() or 0
        wait_until(lambda: (self.asked() or 0) >= asked + 2, "two queries")
        wait_until(lambda: len(self.sessions()) == 1 and self.sessions() != but, "one session")
        return self.sessions()

    def asked(self) -> float | None:
        return self.exporter.page().value("database_probes_total", mode="warm")

    def failures(self) -> float:
        return sum(self.exporter.page().values("database_probe_failures_total"))


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def started_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with started(request.param, options=ROOMY[request.param]) as server, Lab() as lab:
        yield Stage(lab, server, tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def stage(started_once: Stage) -> Stage:
    """As it was at the beginning, but for what was counted."""
    stage = started_once
    stage.server.admin(ANOTHER[stage.server.kind].format(PASSWORD))
    stage.write_password(PASSWORD)
    stage.write_fleet(interval="500ms")
    stage.reload()
    stage.failed_before = stage.failures()
    return stage


@pytest.mark.parametrize("looked_at", [True, False])
def test_a_database_that_a_reload_removes_is_logged_out_at_once(stage: Stage, looked_at: bool) -> None:
    stage.settled()
    if looked_at:
        assert "db" in stage.exporter.get("/")
    stage.write_fleet(interval=None)
    stage.reload()
    wait_until(lambda: not stage.sessions(), "no session is left", AT_ONCE)


@contextlib.contextmanager
def holding(server: Server, folder: Path) -> Iterator[Path]:
    """A socket that leads to a server's, and holds back all that the server says: no login there comes to its end."""
    name = f".s.PGSQL.{server.port}" if server.kind == "postgresql" else ""

    def lead(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as to_server:
            to_server.connect(str(server.socket_path / name))
            while data := client.recv(4096):
                to_server.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=lead, args=(listener.accept()[0],)).start()

    place = folder / (name or "held.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield folder if name else place
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def logs_in(server: Server) -> bool:
    """Whether a login is under way: PostgreSQL's list of sessions has none of those, its processes' titles have."""
    if server.kind == "mysql":
        return "unauthenticated user" in server.admin("SHOW PROCESSLIST")
    assert server.process
    tasks = Path("/proc", str(server.process.pid), "task")
    for child in (tasks / tasks.parent.name / "children").read_text().split():
        with contextlib.suppress(OSError):  # it has just ended
            if "authentication" in Path("/proc", child, "cmdline").read_text():
                return True
    return False


def test_a_login_under_way_ends_with_its_database(stage: Stage, tmp_path: Path) -> None:
    stage.write_fleet(interval=None)
    stage.reload()
    with holding(stage.server, tmp_path) as held:
        stage.write_fleet(interval="20s", socket=str(held), timeout="15s")
        stage.reload()
        wait_until(lambda: logs_in(stage.server), "the login is under way")
        stage.write_fleet(interval=None)
        stage.reload()
        wait_until(lambda: not logs_in(stage.server), "no login is left", AT_ONCE)
        assert not stage.sessions()


def sleeps(stage: Stage) -> bool:
    return "t" in stage.server.admin(SLEEPING[stage.server.kind])


@pytest.mark.parametrize("goes", [{"interval": None}, {"interval": "20s", "user": "another", "timeout": "300ms"}])
def test_a_query_under_way_ends_with_its_database_or_login(stage: Stage, goes: dict[str, Any]) -> None:
    stage.write_fleet(interval="20s", query=f'"{SLEEP[stage.server.kind]}"', timeout="15s")
    stage.reload()
    wait_until(lambda: sleeps(stage), "the query is under way")
    stage.write_fleet(**goes)
    stage.reload()
    wait_until(lambda: not stage.sessions(), "no session is left", AT_ONCE)


def test_a_drivers_session_ends_with_its_database_and_the_program_does_not_wait_for_its_query(stage: Stage) -> None:
    """The query itself goes on at the server until its limit there."""
    stage.write_fleet(interval="500ms", cold_interval="600ms", client="driver")
    stage.reload()
    page = stage.exporter.page

    def logs_in() -> bool:
        now = page()
        return now.value("database_available", database="db") == 1 and not now.values("database_login_round_trips")

    wait_until(logs_in, "a login by the driver")
    stage.write_fleet(interval="500ms", client="driver")
    stage.reload()
    before = stage.settled()
    assert stage.settled() == before
    assert (page().value("latency_exporter_measurements_total", protocol=stage.server.kind, clock="user") or 0) > 1
    stage.write_fleet(interval=None)
    stage.reload()
    wait_until(lambda: not stage.sessions(), "no session is left", AT_ONCE)
    stage.write_fleet(interval="20s", query=f'"{SLEEP[stage.server.kind]}"', timeout="9s", client="driver")
    exporter = Exporter(stage.exporter.host, stage.fleet, "--web.listen-address=127.0.0.1:9103", port=9103).ready()
    wait_until(lambda: sleeps(stage), "the query is under way")
    exporter.program.terminate()
    assert exporter.program.wait(AT_ONCE) == 0
    wait_until(lambda: not stage.sessions(), "no session is left", 12)


def test_a_query_under_way_ends_at_its_deadline(stage: Stage) -> None:
    """The limit that the server has of us, nine tenths of the timeout, does not hold for it."""
    stage.write_fleet(interval="20s", query=f'"{UNLIMITED[stage.server.kind]}"', timeout="2s")
    stage.reload()
    wait_until(lambda: sleeps(stage), "the query is under way")
    wait_until(lambda: not stage.sessions(), "no session is left", 5)


def test_a_query_under_way_ends_with_the_program(stage: Stage) -> None:
    stage.write_fleet(interval=None)
    stage.reload()
    stage.write_fleet(interval="20s", query=f'"{SLEEP[stage.server.kind]}"', timeout="15s")
    exporter = Exporter(stage.exporter.host, stage.fleet, "--web.listen-address=127.0.0.1:9103", port=9103).ready()
    wait_until(lambda: sleeps(stage), "the query is under way")
    exporter.program.terminate()
    assert exporter.program.wait(AT_ONCE) == 0
    wait_until(lambda: not stage.sessions(), "no session is left", AT_ONCE)


def test_another_interval_keeps_the_session(stage: Stage) -> None:
    before = stage.settled()
    stage.write_fleet(interval="600ms")
    stage.reload()
    assert stage.settled() == before


def test_another_target_is_another_session(stage: Stage) -> None:
    before = stage.settled()
    stage.write_fleet(interval="500ms", query="SELECT 2")
    stage.reload()
    assert stage.settled(but=before)
    assert stage.failures() == stage.failed_before


def test_another_password_is_another_session(stage: Stage) -> None:
    before = stage.settled()
    stage.server.admin(ANOTHER[stage.server.kind].format("rotated-1"))
    stage.write_password("rotated-1")
    stage.reload()
    assert stage.settled(but=before)
    assert stage.failures() == stage.failed_before


def test_a_password_that_is_rotated_is_read_again_when_the_old_one_is_refused(stage: Stage) -> None:
    """Nobody sends a signal, and no login fails for it."""
    before = stage.settled()
    stage.server.admin(ANOTHER[stage.server.kind].format("rotated-2"))
    stage.write_password("rotated-2")
    stage.server.admin(KILL[stage.server.kind])
    assert stage.settled(but=before)
    assert stage.failures() == stage.failed_before
    assert "rotated-2" not in stage.exporter.program.error_output() + stage.exporter.get("/")
