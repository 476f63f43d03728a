"""HTTPS against a server of another make: Prometheus', that is Go's, whose ticket comes with its first flight."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import http
from collectors.terms import Clock, Phase
from tests.authority import Authority
from tests.collectors.asking import ask
from tests.collectors.targets import context, http_target
from tests.ports import free_port

pytestmark = pytest.mark.servers

FLIGHT = range(110, 210, 3)
"""Numbers of names in the certificate: the flight grows past 4,096 bytes, one read, in steps shorter than a ticket."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Authority, Path]]:
    """A Prometheus with TLS, which reads its certificate again at every handshake."""
    folder = tmp_path_factory.mktemp("https")
    (folder / "certificates").mkdir()
    authority = Authority(folder / "certificates")
    port = free_port()
    _renew(authority, folder, 1)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    (folder / "web.yml").write_text("tls_server_config: {cert_file: server.pem, key_file: server.pem}\n")
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--web.config.file={folder}/web.yml"]
    command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            _wait_for(port)
            yield port, authority, folder
        finally:
            program.terminate()


def _renew(authority: Authority, folder: Path, names: int) -> None:
    before = set((folder / "certificates").iterdir())
    authority.server("127.0.0.1", *(f"host-{number:04}.example" for number in range(names)))
    (new,) = set((folder / "certificates").iterdir()) - before
    new.rename(folder / "server.pem")


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
    pytest.fail("Prometheus did not start")


async def test_whatever_the_length_of_the_first_flight_the_ticket_is_not_taken_for_the_answer(
    prometheus: tuple[int, Authority, Path],
) -> None:
    port, authority, folder = prometheus
    target = http_target(f"https://127.0.0.1:{port}/-/healthy", tls_ca_file=authority.ca_file)
    async with http.collector(context()) as probe:
        await ask(probe, target)
        for names in FLIGHT:
            _renew(authority, folder, names)
            reply = await ask(probe, target)
            assert reply.clock is Clock.KERNEL, f"{names} names"
            assert reply.phases[Phase.PROCESSING] > 0
            assert reply.phases[Phase.TRANSFER] < reply.duration
