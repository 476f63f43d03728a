"""Where everything is measured: a host that probes, and one that is all the targets, joined by a wire.

The targets are addresses of one namespace, so that a thousand of them cost no more than one and answer at
once. All programs see the same ones.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.netlab import Capture, Host, Lab, Program, wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
WEB_PORT = 8080
"""Where each target answers HTTP, and TCP."""
_NETWORK = ipaddress.ip_network("10.79.0.0/16")
_SILENT = ipaddress.ip_network("10.80.0.0/24")
"""Routed to the targets' host, which does not have these addresses and drops what comes."""
_FIRST = 256


class Field:
    """The two hosts, while entered."""

    def __init__(self) -> None:
        self._lab = Lab()

    def __enter__(self) -> Self:
        self._lab.__enter__()
        try:
            self._lay_out()
        except BaseException:
            self._lab.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lab.__exit__(kind, error, traceback)

    @property
    def folder(self) -> Path:
        """Where the files that programs read are; removed at the end."""
        return self._lab.folder

    def capture(self) -> Capture:
        """Capture the packets at the prober's end of the wire, stamped by the kernel: the truth."""
        return Capture(self.prober, self._wire.device_of(self.prober))

    @staticmethod
    def addresses(count: int) -> list[str]:
        """Return the first targets."""
        return [str(_NETWORK[_FIRST + number]) for number in range(count)]

    @staticmethod
    def silent_addresses(count: int) -> list[str]:
        """Return addresses that never answer."""
        return [str(_SILENT[1 + number]) for number in range(count)]

    def received(self, protocol: str) -> int:
        """Return how many probes the targets have got: the kernel's count of echo requests, or of connections."""
        group, counter = {"icmp": ("Icmp:", "InEchos")}.get(protocol, ("Tcp:", "PassiveOpens"))
        with self.targets.entered():
            lines = Path("/proc/thread-self/net/snmp").read_text(encoding="ascii").splitlines()
        names, values = (line.split() for line in lines if line.startswith(group))
        return int(values[names.index(counter)])

    def get(self, port: int, path: str) -> bytes:
        """Ask a program on the prober's host, over loopback."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            with self.prober.entered():
                connection.connect()
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f":{port}{path}: {answer.status}")
        return body

    def wait_for(self, program: Program, port: int, path: str) -> None:
        """Wait until a program on the prober's host answers; ChildProcessError if it ends instead."""

        def answers() -> bool:
            if program.poll() is not None:
                raise ChildProcessError(f"{program.args!r} has ended: {program.error_output()[-500:]}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return bool(self.get(port, path))
            return False

        wait_until(answers, f"an answer on :{port}{path}: {program.error_output()[-500:]}", timeout=60.0)

    def _lay_out(self) -> None:
        self.prober: Host = self._lab.host("prober")
        self.targets: Host = self._lab.host("targets")
        self._wire = self._lab.veth(self.prober, self.targets)
        there = self._wire.address_of(self.targets)
        self.targets.ip("route", "add", "local", str(_NETWORK), "dev", "lo")
        for network in (_NETWORK, _SILENT):
            self.prober.ip("route", "add", str(network), "via", there)
        self.prober.allow_ping_groups()
        self.targets.popen([sys.executable, "-m", "benchmarks.answerer", str(WEB_PORT)], cwd=REPOSITORY)
