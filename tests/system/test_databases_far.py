"""A database behind a link with a known delay: its phases are the link's, and each fault has its culprit."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors.secret import Secret
from collectors.terms import Phase
from tests.authority import Authority
from tests.collectors.asking import ask
from tests.collectors.targets import context, database_target
from tests.netlab import Lab, Link, requires_root, wait_until
from tests.system.database_server import Server
from tests.system.database_sessions import COLLECTORS, certificate
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.running import Exporter

pytestmark = [requires_root, requires_databases]

FLEET = """
defaults: {{interval: 1s, timeout: 900ms}}
hosts:
  - {{name: wf001, address: wf001, country: US}}
  - {{name: wfdb02, address: wfdb02, country: BR, exporter: false}}
probes:
  icmp: {{protocol: icmp}}
databases:
  - {{name: db, type: {kind}, host: wfdb02, port: {port}, user: monitor, password_file: {password}, dbname: n8n,
     tls: verify-full, tls_ca_file: {ca}, interval: 1s, cold_interval: 1s}}
"""


class Stage:
    def __init__(self, lab: Lab, kind: str) -> None:
        self.kind = kind
        self.here, self.there = lab.host("wf001"), lab.host("wfdb02")
        self.link: Link = lab.link(self.here, self.there, delay=0.020)
        self.server: Server
        self.ca_file = ""


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Lab() as lab:
        stage = Stage(lab, request.param)
        inside = ("ip", "netns", "exec", stage.there.namespace.name)
        with (
            certificate(authority, stage.kind, "wfdb02", stage.there.address) as file,
            started(stage.kind, address="0.0.0.0", tls=(file, file), through=inside) as stage.server,
        ):
            stage.ca_file = authority.ca_file
            yield stage


async def _logins(stage: Stage, count: int, **changes: Any) -> list[Any]:
    """So many logins and queries from the near host, as its own program would make them."""
    replies: list[Any] = []
    async with COLLECTORS[stage.kind](context()) as probe:
        base = {
            "protocol": stage.kind,
            "address": stage.there.address,
            "password": Secret(PASSWORD),
            "tls": "verify-full",
            "tls_ca_file": stage.ca_file,
            **changes,
        }
        query = database_target(stage.server.port, **base, logs_in=False)
        for _ in range(count):
            login = database_target(stage.server.port, **base)
            try:
                replies.append((await ask(probe, login, deadline=10), await ask(probe, query, deadline=10)))
            except TimeoutError:
                replies.append(None)
    return replies


def logins(stage: Stage, count: int, **changes: Any) -> list[Any]:
    with stage.here.entered():
        return asyncio.run(_logins(stage, count, **changes))


@pytest.mark.parametrize("delay", [0.020, 0.090])
def test_each_phase_is_the_links_delay_as_often_as_it_waits(stage: Stage, delay: float) -> None:
    stage.link.change(delay=delay)
    try:
        logins(stage, 1)  # the server's own first time
        replies = [login for login, _ in logins(stage, 5)]
        queries = [query for _, query in logins(stage, 5)]
    finally:
        stage.link.change(delay=0.020)
    trips = {
        "postgresql": {Phase.CONNECT: 1, Phase.TLS: 3, Phase.AUTH: 3, Phase.QUERY: 1},
        "mysql": {Phase.CONNECT: 1, Phase.TLS: 2, Phase.AUTH: 1, Phase.QUERY: 1},
    }[stage.kind]
    own = {Phase.CONNECT: 0.001, Phase.TLS: 0.006, Phase.AUTH: 0.012, Phase.QUERY: 0.003}
    for phase, count in trips.items():
        best = min(reply.phases[phase] for reply in replies)
        assert count * delay - 0.0002 <= best <= count * delay + own[phase], (phase, best, count * delay)
    assert {reply.round_trips for reply in replies} == {sum(trips.values()) - 1}
    assert min(reply.rtt for reply in replies) == pytest.approx(delay, abs=0.001)
    assert 0 <= min(reply.server for reply in replies) < 0.05
    assert min(query.response for query in queries) == pytest.approx(delay, abs=0.002)


def test_a_driver_measures_the_links_round_trip_and_a_login_of_several(stage: Stage) -> None:
    logins(stage, 1, client="driver")  # the first one imports the library
    replies = logins(stage, 3, client="driver")
    for login, _ in replies:
        assert login.rtt == login.phases[Phase.CONNECT]
        assert login.duration > 3 * 0.020
    assert min(login.rtt for login, _ in replies) == pytest.approx(0.020, rel=0.15)
    assert min(query.response for _, query in replies) == pytest.approx(0.020, abs=0.010)


def test_over_the_worst_path_logins_with_tls_succeed_within_the_default_timeout(stage: Stage) -> None:
    stage.link.change(delay=0.365, jitter=0.040, loss=0.01)
    try:
        replies = logins(stage, 6)
    finally:
        stage.link.change(delay=0.020, jitter=0.0, loss=0.0)
    assert None not in replies


@pytest.fixture
def exporter(stage: Stage, tmp_path: Path) -> Iterator[Exporter]:
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    password.chmod(0o600)
    fleet = tmp_path / "fleet.yml"
    fleet.write_text(FLEET.format(kind=stage.kind, port=stage.server.port, password=password, ca=stage.ca_file))
    exporter = Exporter(stage.here, fleet).ready()
    yield exporter
    exporter.program.stop()


def says(exporter: Exporter, probe: str, words: str) -> None:
    def is_so() -> bool:
        return any(re.match(f"db +{probe} .*{words}", line) for line in exporter.get("/").splitlines())

    try:
        wait_until(is_so, f"db {probe} says {words}", 10)
    except TimeoutError as late:
        raise AssertionError(f"{late}, but:\n{exporter.get('/')}\n{exporter.program.error_output()[-2000:]}") from None


def test_the_program_measures_it_and_names_the_culprit(stage: Stage, exporter: Exporter) -> None:
    says(exporter, "login", "round trips × 20.* server .* fine")
    says(exporter, "query", "2[0-9.]* ms .*fine")
    wait_until(lambda: exporter.page().value("database_available", database="db") == 1, "it is available", 5)
    page = exporter.page()
    assert page.value("database_rtt_seconds", database="db", target="wfdb02") == pytest.approx(0.020, abs=0.005)
    assert page.value("database_login_round_trips", database="db") == {"postgresql": 7, "mysql": 4}[stage.kind]

    stage.server.freeze()
    try:
        says(exporter, "query", "database: it connects, and then its program does not answer")
        wait_until(lambda: exporter.page().value("database_available", database="db") == 0, "it is not available")
    finally:
        stage.server.thaw()
    says(exporter, "login", "fine")

    stage.server.stop(signal.SIGINT if stage.kind == "postgresql" else signal.SIGTERM)
    says(exporter, "login", "database: connection refused")
    stage.server.start()
    says(exporter, "login", "round trips × 20")

    stage.link.blackhole()
    try:
        says(exporter, "login", "network: no answer: network or host down")
    finally:
        stage.link.restore()
    says(exporter, "login", "round trips × 20.*")


def test_the_password_is_nowhere(stage: Stage, exporter: Exporter) -> None:
    wait_until(lambda: exporter.page().values("database_available"), "a first result", 5)
    seen = [exporter.get(path) for path in ("/", "/?format=json", "/?format=html", "/metrics", "/probe?target=db")]
    seen += [Path(f"/proc/{exporter.program.pid}/{name}").read_text() for name in ("cmdline", "environ")]
    os.kill(exporter.program.pid, signal.SIGHUP)
    stage.server.stop(signal.SIGINT if stage.kind == "postgresql" else signal.SIGTERM)
    wait_until(lambda: "failed" in exporter.program.error_output(), "a failure in the log", 5)
    stage.server.start()
    seen.append(exporter.program.error_output())
    assert "login" in seen[0]
    assert not [text for text in seen if PASSWORD in text]


def test_the_probe_command_prints_the_phases_of_a_login(stage: Stage, exporter: Exporter) -> None:
    says(exporter, "login", "round trips × .*fine")  # the server has just been started: its first logins are slow
    text = exporter.get("/probe?target=db&probe=login")
    assert re.search(r"^  auth +\d+(\.\d+)? ms  \|", text, re.MULTILINE), text
    assert re.search(r"= [74] round trips × 2\d(\.\d)? ms \+ server \S+ (ms|µs)", text), text
    assert "verdict: " in text
