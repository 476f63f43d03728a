"""A host of the lab: a namespace with one address per family, and what can be done to it."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.netlab.firewall import Rule, add_rule, iptables
from tests.netlab.namespaces import Namespace
from tests.netlab.programs import MARK, Program, kill_marked
from tests.netlab.shell import Seconds, ip_batch, run

FAULT_METRIC = 1
"""Routes of faults stand before those of links (``LINK_METRIC``), which stay and come back."""


@dataclass(eq=False)
class Host:
    """Reachable from all its neighbours at ``address`` and ``address6``, over whichever link."""

    name: str
    namespace: Namespace
    folder: Path
    """Where the output of its programs is written."""
    mark: str
    address: str = ""
    address6: str = ""
    programs: list[Program] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """Move the current thread in and back (see ``Namespace.entered``): for sockets."""
        return self.namespace.entered()

    def popen(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Program:
        """Start a program inside; ``Program`` is a ``Popen`` with its output in files. The lab ends it.

        Its pid is the program's own: ``ip netns exec`` turns into it. It sees this host's
        ``/etc/hosts`` and ``/etc/resolv.conf``.
        """
        output = self.folder / f"{self.name}-{next(self._numbers)}-{Path(argv[0]).name}"
        program = Program(self._inside(argv), mark=self.mark, output=output, env=env, cwd=cwd)
        self.programs.append(program)
        return program

    def run(
        self, argv: Sequence[str], *, timeout: Seconds = 30.0, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end; with ``check`` any exit but 0 raises."""
        marked = {**os.environ, MARK: self.mark}
        return subprocess.run(
            self._inside(argv), env=marked, capture_output=True, text=True, timeout=timeout, check=check
        )

    def ip(self, *arguments: str) -> str:
        """Run ``ip -n NAMESPACE arguments``."""
        return run(["ip", "-n", self.namespace.name, *arguments])

    def sysctl(self, key: str, value: str | None = None) -> str:
        """Set or read a ``net.*`` kernel setting of this host."""
        return self.namespace.sysctl(key, value)

    def allow_ping_groups(self, first: int = 0, last: int = 2147483647) -> None:
        """Set which groups may open datagram ICMP sockets here: all; (1, 0) is none, Debian 12's default."""
        self.sysctl("net.ipv4.ping_group_range", f"{first} {last}")

    def iptables(self, *arguments: str) -> str:
        """Run ``iptables arguments`` inside."""
        return iptables(self.namespace.name, "iptables", *arguments)

    def ip6tables(self, *arguments: str) -> str:
        """Run ``ip6tables arguments`` inside."""
        return iptables(self.namespace.name, "ip6tables", *arguments)

    def drop(self, *match: str, chain: str = "INPUT", ip_family: str = "ipv4") -> Rule:
        """Drop what matches (``"-p", "tcp", "--dport", "9102"``), in silence."""
        return add_rule(self.namespace.name, ip_family, chain, [*match, "-j", "DROP"])

    def drop_every(self, n: int, *match: str, chain: str = "INPUT", ip_family: str = "ipv4", first: int = 0) -> Rule:
        """Drop exactly one in ``n`` of what matches, beginning with the packet number ``first`` (from 0)."""
        every = ["-m", "statistic", "--mode", "nth", "--every", str(n), "--packet", str(first)]
        return self.drop(*match, *every, chain=chain, ip_family=ip_family)

    def reject(self, *match: str, chain: str = "INPUT", ip_family: str = "ipv4", reject_with: str = "") -> Rule:
        """Refuse with an ICMP error, or with ``reject_with="tcp-reset"`` (see iptables-extensions(8))."""
        how = ["--reject-with", reject_with] if reject_with else []
        return add_rule(self.namespace.name, ip_family, chain, [*match, "-j", "REJECT", *how])

    def flush_firewall(self) -> None:
        """Remove all rules of both families."""
        self.iptables("-F")
        self.ip6tables("-F")

    def forbid_route(self, peer: Host, how: str = "unreachable") -> None:
        """Refuse to send to a peer, locally: ``unreachable``, ``blackhole`` or ``prohibit`` (ip-route(8))."""
        ip_batch(self.namespace.name, (f"route add {how} {to} metric {FAULT_METRIC}" for to in _prefixes(peer)))

    def allow_route(self, peer: Host) -> None:
        """Undo ``forbid_route``: the link's own route is used again."""
        ip_batch(self.namespace.name, (f"route del {to} metric {FAULT_METRIC}" for to in _prefixes(peer)))

    def add_address(self, prefix: str, device: str) -> None:
        """Give the host one more address; return when the kernel delivers to it.

        Of IPv6 the local route follows from a work queue (addrconf_dad_work(), net/ipv6/addrconf.c).
        """
        address = prefix.partition("/")[0]
        family, nodad = ("-6", ["nodad"]) if ":" in address else ("-4", [])
        self.ip("address", "add", prefix, "dev", device, *nodad)
        deadline = time.monotonic() + 10
        while not self.ip(family, "route", "show", "table", "local", address):
            assert time.monotonic() < deadline, f"{address} is not delivered to {self.name}"

    def move_to(self, address: str, address6: str) -> None:
        """Give the host these addresses and no others; ``Lab.readdress`` sets the links' routes."""
        old = _prefixes(self) if self.address else []
        self.address, self.address6 = address, address6
        # With nodad IPv6's is valid at once, and not from a work queue: routes with it as their source need it.
        added = [f"address add {prefix} dev lo{' nodad' * (':' in prefix)}" for prefix in _prefixes(self)]
        ip_batch(self.namespace.name, [*added, *(f"address del {prefix} dev lo" for prefix in old)])

    def close(self) -> None:
        """End what was started here: its programs, then what they left behind."""
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.wait()
        kill_marked(self.namespace.pids(), self.mark)

    def _inside(self, argv: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.namespace.name, *argv]


def _prefixes(host: Host) -> list[str]:
    return [f"{host.address}/32", f"{host.address6}/128"]
