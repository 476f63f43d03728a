"""The lab: hosts and links for one test, and the certainty that nothing of it stays."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.netlab.cable import LONGEST_HOST_NAME, Cable, Veth
from tests.netlab.delaybox.line import Settings
from tests.netlab.host import Host
from tests.netlab.link import Link
from tests.netlab.names import NO_SERVER, write_hosts, write_resolver
from tests.netlab.namespaces import PREFIX, Namespace, sweep
from tests.netlab.shell import Seconds

C = TypeVar("C", bound=Cable)
_labs = itertools.count(1)


class Lab:
    """Hosts joined by links, each pair by at most one, no host a router::

        with Lab() as lab:
            a, b = lab.host("wf001"), lab.host("wf008")
            path = lab.link(a, b, delay=0.180)
            a.run(["ping", "-c1", b.address])

    Everything made is removed at the end in reverse order, also when something fails: programs,
    delay boxes, namespaces (``lex-PID-N-HOST``), ``/etc/netns`` folders, output files.
    """

    def __init__(self, seed: int = 1, prefix: str = PREFIX) -> None:
        """``prefix`` begins all names; labs of one prefix sweep up after each other."""
        self.hosts: dict[str, Host] = {}
        self.cables: list[Cable] = []
        self._prefix = prefix
        self.mark = f"{prefix}{os.getpid()}-{next(_labs)}"
        self.seed = seed
        self._names: dict[str, tuple[str, ...]] = {}
        self._host_numbers = itertools.count(1)
        self._cable_numbers = itertools.count(1)
        self._end = contextlib.ExitStack()
        self.folder = Path()

    def __enter__(self) -> Self:
        sweep(self._prefix)
        self.folder = Path(self._end.enter_context(tempfile.TemporaryDirectory(prefix=f"{self.mark}-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.__exit__(kind, error, traceback)

    def host(self, name: str, *, aliases: tuple[str, ...] = ()) -> Host:
        """Make a host with an address of each family; its name and aliases resolve on every host."""
        if name in self.hosts or len(name) > LONGEST_HOST_NAME:
            raise ValueError(f"host {name} exists, or its name has more than {LONGEST_HOST_NAME} characters")
        namespace = Namespace(f"{self.mark}-{name}")
        self._end.callback(namespace.remove)
        namespace.create()
        host = self.hosts[name] = Host(name, namespace, self.folder, self.mark)
        self._end.callback(host.close)
        write_resolver(namespace, NO_SERVER)
        host.move_to(*self._next_addresses())
        self.name(name, host)
        for alias in aliases:
            self.name(alias, host)
        return host

    def link(
        self,
        a: Host,
        b: Host,
        delay: Seconds = 0.010,
        jitter: Seconds = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
        rate: float | None = None,
        *,
        log: bool = False,
    ) -> Link:
        """Join two hosts by a delay box. ``delay`` is the round trip; all else is per direction (``Settings``)."""
        number = self._number(a, b)
        settings = Settings(delay=delay, jitter=jitter, loss=loss, duplicate=duplicate, rate=rate)
        return self._keep(Link(a, b, number, settings, seed=self.seed * 1000 + number, log=log, folder=self.folder))

    def veth(self, a: Host, b: Host) -> Veth:
        """Join two hosts by a plain wire."""
        return self._keep(Veth(a, b, self._number(a, b)))

    def attach(self, watcher: Host) -> None:
        """Wire a host (Prometheus') to all others that it has no link with."""
        for host in self.hosts.values():
            if host is not watcher and not self._joined(host, watcher):
                self.veth(watcher, host)

    def name(self, name: str, *where: Host | str) -> None:
        """Let a name resolve to hosts (both families) or literal addresses, on every host; to nothing forgets it."""
        pairs = [(to.address, to.address6) if isinstance(to, Host) else (to,) for to in where]
        self._names[name] = tuple(itertools.chain.from_iterable(pairs))
        for host in self.hosts.values():
            write_hosts(host.namespace, self._names)

    def name_server(self, host: Host, server: str, timeout: int = 1) -> None:
        """Set which name server a host asks for names that are not in ``/etc/hosts``."""
        write_resolver(host.namespace, server, timeout)

    def readdress(self, host: Host) -> None:
        """Give a host new addresses: links and names follow, the old addresses do not answer."""
        old = (host.address, host.address6)
        host.move_to(*self._next_addresses())
        new = dict(zip(old, (host.address, host.address6), strict=True))
        for cable in self.cables:
            if host in (cable.a, cable.b):
                cable.configure()
        for name, addresses in self._names.items():
            self.name(name, *(new.get(address, address) for address in addresses))

    def _next_addresses(self) -> tuple[str, str]:
        number = next(self._host_numbers)
        return f"10.77.0.{number}", f"fd77::{number:x}"

    def _number(self, a: Host, b: Host) -> int:
        if self._joined(a, b):
            raise ValueError(f"{a.name} and {b.name} are joined already")
        return next(self._cable_numbers)

    def _joined(self, a: Host, b: Host) -> bool:
        return any({a, b} == {cable.a, cable.b} for cable in self.cables)

    def _keep(self, cable: C) -> C:
        self.cables.append(cable)
        self._end.callback(cable.close)
        return cable
