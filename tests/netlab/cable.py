"""Two hosts joined: devices, addresses and routes. ``Veth`` is a plain wire; ``Link`` (link.py) has a delay."""

from __future__ import annotations

from collections.abc import Iterator

from tests.netlab.host import Host
from tests.netlab.shell import CommandFailed, ip_batch, run

LINK_METRIC = 100
LONGEST_HOST_NAME = 12
"""``to-HOST`` is a device's name, of at most 15 characters (IFNAMSIZ - 1)."""


class Cable:
    """What both kinds share. ``number`` makes its addresses unique in the lab."""

    mtu = 1500

    def __init__(self, a: Host, b: Host, number: int) -> None:
        self.a, self.b = a, b
        self._number = number

    def peer_of(self, host: Host) -> Host:
        """The host at the other end."""
        return {self.a: self.b, self.b: self.a}[host]

    def device_of(self, host: Host | str) -> str:
        """The interface's name at this end: ``to-PEER``."""
        return f"to-{self.peer_of(self._end(host)).name}"

    def address_of(self, host: Host | str) -> str:
        """The link's own IPv4 address at this end (the host's one address for all is ``host.address``)."""
        return f"10.78.{self._number}.{1 + self._index(host)}"

    def address6_of(self, host: Host | str) -> str:
        """The link's own IPv6 address at this end."""
        return f"fd78:{self._number:x}::{1 + self._index(host)}"

    def configure(self) -> None:
        """Bring the devices up, set addresses and routes; may be called again at any time."""
        for host in (self.a, self.b):
            ip_batch(host.namespace.name, self._addresses(host))
        for host in (self.a, self.b):
            ip_batch(host.namespace.name, self._routes(host))

    def down(self) -> None:
        """Take the interfaces down at both ends: senders get ENETUNREACH at once, the routes are gone."""
        for host in (self.a, self.b):
            host.ip("link", "set", self.device_of(host), "down")

    def up(self) -> None:
        """Undo ``down``, routes and all."""
        self.configure()

    def close(self) -> None:
        """Remove the link."""

    def _addresses(self, host: Host) -> Iterator[str]:
        device = self.device_of(host)
        yield f"link set {device} mtu {self.mtu} txqueuelen 10000 up"
        yield f"address replace {self.address_of(host)}/24 dev {device}"
        yield f"address replace {self.address6_of(host)}/64 dev {device} nodad"

    def _routes(self, host: Host) -> Iterator[str]:
        peer, device = self.peer_of(host), self.device_of(host)
        end = f"dev {device} metric {LINK_METRIC}"
        via, via6 = self._via(peer)
        yield f"route replace {peer.address}/32 {via} src {host.address} {end}"
        yield f"route replace {peer.address6}/128 {via6} src {host.address6} {end}"

    def _via(self, peer: Host) -> tuple[str, str]:
        """Return how the peer is reached: by the link's own address there, for ARP and neighbour discovery."""
        return f"via {self.address_of(peer)}", f"via {self.address6_of(peer)}"

    def _end(self, host: Host | str) -> Host:
        by_name = {self.a.name: self.a, self.b.name: self.b}
        return by_name[host if isinstance(host, str) else host.name]

    def _index(self, host: Host | str) -> int:
        return (self.a, self.b).index(self._end(host))


class Veth(Cable):
    """A wire without delay, loss or truth: for hosts that only watch."""

    def __init__(self, a: Host, b: Host, number: int) -> None:
        super().__init__(a, b, number)
        there = ["peer", "name", self.device_of(b), "netns", b.namespace.name]
        run(["ip", "-n", a.namespace.name, "link", "add", self.device_of(a), "type", "veth", *there])
        self.configure()

    def _addresses(self, host: Host) -> Iterator[str]:
        """Add a link-local address, from which neighbour discovery asks (``ndisc_send_ns``); else there is none."""
        yield f"link set {self.device_of(host)} addrgenmode eui64"
        yield from super()._addresses(host)

    def close(self) -> None:
        """Remove one end; the other goes with it."""
        try:
            self.a.ip("link", "delete", self.device_of(self.a))
        except CommandFailed:  # already gone, by a test
            return
