"""Two sites of three hosts each, and the routers between them; a third one of one host, where it is wanted.

They are 20 ms apart, one way, if nothing else is wanted. Between a's router and the middle are eight parallel paths:
each handshake takes one of them by its ports, and the ICMP of two hosts always the same.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping

from tests.netlab import Host, Lab, Rule
from tests.netlab.shell import ip_batch, run

PARALLEL = 8
ROUND_TRIP = 0.040
_HASH_OF_PORTS = "1"
"""Documentation/networking/ip-sysctl.rst, fib_multipath_hash_policy: by both addresses and both ports."""
BEGUN = (("-p", "icmp", "--icmp-type", "echo-request"), ("-p", "tcp", "--syn"))
"""Matches what begins a conversation, and no answers; by state, an ICMP of one identifier would never begin anew."""
_ALL: tuple[tuple[str, ...], ...] = ((),)
SIX = {f"{site}{number}": site for site in "ab" for number in (1, 2, 3)}


class Sites:
    """The hosts, a1 to a3 and b1 to b3 if nothing else is said, and who watches them; each behind its site's router."""

    def __init__(
        self, lab: Lab, watchers: Iterable[str], hosts: Mapping[str, str] = SIX, *, round_trip: float = ROUND_TRIP
    ) -> None:
        """``hosts`` is the site of each by its name: ``a``, ``b`` or ``c``."""
        self._lab, self._round_trip = lab, round_trip
        self._routers = {name: lab.host(f"gate-{name}") for name in ("a", "b", "middle", "watch")}
        self.hosts = {name: lab.host(name) for name in hosts}
        self.watchers = [lab.host(f"w-{name}") for name in watchers]
        self._site = {self.hosts[name]: site for name, site in hosts.items()} | dict.fromkeys(self.watchers, "w")
        for router in self._routers.values():
            router.sysctl("net.ipv4.ip_forward", "1")
            router.sysctl("net.ipv4.fib_multipath_hash_policy", _HASH_OF_PORTS)
            with contextlib.suppress(FileNotFoundError):  # from Linux 6.11 on; else it is this boot's
                router.sysctl("net.ipv4.fib_multipath_hash_seed", "1")
        self._join_hosts()
        self._join_routers()

    def router_of(self, host: Host) -> Host:
        """Return the router that a host has its one link with."""
        return self._routers[{"a": "a", "b": "b", "c": "middle", "w": "watch"}[self._site[host]]]

    def uplink(self, host: Host) -> str:
        """Return the device of a host that leads to its router."""
        return f"to-{self.router_of(host).name}"

    def down(self, host: Host) -> list[Rule]:
        """Let nothing in or out, as of a host without power."""
        return [*self.into(host), *self.out_of(host)]

    def into(self, host: Host) -> list[Rule]:
        """Let nothing reach a host."""
        return [self.router_of(host).drop("-o", f"to-{host.name}", chain="FORWARD")]

    def out_of(self, host: Host, *, new_only: bool = False) -> list[Rule]:
        """Let nothing leave a host; or nothing that begins there, as a firewall does."""
        matches = BEGUN if new_only else _ALL
        return [self.router_of(host).drop("-i", f"to-{host.name}", *match, chain="FORWARD") for match in matches]

    def cut(self, *ways: str, new_only: bool = False) -> list[Rule]:
        """Drop what goes from datacenter to datacenter, such as ``ab``; only what begins there, as firewalls do."""
        middle = self._routers["middle"]
        return [
            middle.drop("-s", source.address, "-d", target.address, *match, chain="FORWARD")
            for match in (BEGUN if new_only else _ALL)
            for way in ways
            for source in self._of(way[0])
            for target in self._of(way[1])
        ]

    def cut_between(self, source: Host, target: Host, *match: str) -> list[Rule]:
        """Drop what goes between two hosts, both ways; of it only what matches."""
        ends = ((source, target), (target, source))
        return [
            self._routers["middle"].drop("-s", one.address, "-d", other.address, *match, chain="FORWARD")
            for one, other in ends
        ]

    def cut_watchers_off(self, datacenter: str) -> list[Rule]:
        """Let those who watch reach a datacenter no more."""
        device = f"to-gate-{datacenter}"
        return [self._routers["watch"].drop(f"-{way}", device, chain="FORWARD") for way in "io"]

    def kill_parallel(self, *, with_icmp: bool) -> list[Rule]:
        """Drop all that one of the parallel paths carries: one with the ICMP of some hosts, or one without any."""
        path = next(name for name, pairs in self.icmp_by_path().items() if bool(pairs) is with_icmp)
        return [self._routers[name].drop("-i", path, chain="FORWARD") for name in ("a", "middle")]

    def icmp_by_path(self) -> dict[str, set[str]]:
        """Return whose ICMP each of the parallel paths carries, as the kernel says it."""
        carries: dict[str, set[str]] = {_path(number): set() for number in range(PARALLEL)}
        for sender, came_by, source, target in self._ways():
            question = ("route", "get", target.address, "from", source.address, "iif", came_by, "ipproto", "icmp")
            (path,) = re.findall(r"dev (path\d)", self._routers[sender].ip(*question))
            carries[path].add(f"{source.name} to {target.name}")
        return carries

    def _ways(self) -> Iterator[tuple[str, str, Host, Host]]:
        for a in self._of("a"):
            for b in self._of("b"):
                yield "a", f"to-{a.name}", a, b
                yield "middle", "to-gate-b", b, a

    def _of(self, site: str) -> list[Host]:
        return [host for host in self.hosts.values() if self._site[host] == site]

    def _join_hosts(self) -> None:
        for host in (*self.hosts.values(), *self.watchers):
            router = self.router_of(host)
            wire = self._lab.veth(host, router)
            via = f"via {wire.address_of(router)} dev {wire.device_of(host)} src {host.address}"
            ip_batch(host.namespace.name, [f"route replace default {via}"])

    def _join_routers(self) -> None:
        a, b, middle, watch = (self._routers[name] for name in ("a", "b", "middle", "watch"))
        _join_parallel(a, middle)
        self._lab.link(middle, b, delay=self._round_trip)
        for router in (a, b, middle):
            self._lab.veth(watch, router)
        towards = {
            a: {"a": "", "b": _parallel("b"), "c": _parallel("b"), "w": "to-gate-watch"},
            b: {"a": "to-gate-middle", "c": "to-gate-middle", "w": "to-gate-watch"},
            middle: {"a": _parallel("a"), "b": "to-gate-b", "w": "to-gate-watch"},
            watch: {"a": "to-gate-a", "b": "to-gate-b", "c": "to-gate-middle"},
        }
        for router, ways in towards.items():
            ip_batch(router.namespace.name, self._routes(router, ways))

    def _routes(self, router: Host, ways: dict[str, str]) -> Iterator[str]:
        for host in (*self.hosts.values(), *self.watchers):
            if router is self.router_of(host) or not (way := ways.get(self._site[host], "")):
                continue
            yield f"route replace {host.address}/32 {way if ' ' in way else self._via(router, way)}"

    def _via(self, router: Host, device: str) -> str:
        """Return how to go by a device: over a wire, by the address at its other end."""
        cable = next(
            cable for cable in self._lab.cables if router in (cable.a, cable.b) and cable.device_of(router) == device
        )
        return f"{cable._via(cable.peer_of(router))[0]} dev {device}"


def _join_parallel(a: Host, middle: Host) -> None:
    """Join two routers by parallel wires; the lab itself joins two hosts by one cable."""
    for number in range(PARALLEL):
        device = _path(number)
        there = ["peer", "name", device, "netns", middle.namespace.name]
        run(["ip", "-n", a.namespace.name, "link", "add", device, "type", "veth", *there])
        for end, router in enumerate((a, middle), 1):
            router.ip("address", "add", f"10.79.{number}.{end}/24", "dev", device)
            router.ip("link", "set", device, "up")


def _parallel(toward: str) -> str:
    """Return the hops of a route over all parallel paths."""
    end = {"a": 1, "b": 2}[toward]
    return " ".join(f"nexthop via 10.79.{number}.{end} dev {_path(number)}" for number in range(PARALLEL))


def _path(number: int) -> str:
    return f"path{number}"
