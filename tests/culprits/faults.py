"""What breaks in the fleet, how it is mended, and which notifications must arrive: one for each culprit, no other."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from signal import SIGCONT, SIGKILL, SIGSTOP

from tests.culprits.sites import BEGUN
from tests.culprits.world import World
from tests.netlab import Rule
from tests.netlab.names import write_hosts
from tests.system.databases import PASSWORD

Mend = Callable[[], object]


@dataclass(frozen=True)
class Fault:
    """Durations are a fleet's."""

    breaks: Callable[[World], Mend]
    arrives: tuple[frozenset[str], ...]
    within: int = 600
    """Until the first notification."""
    lasts: int = 330
    """At least: PathDegraded, the slowest of what could follow, comes within it."""
    witness: str = "a1"
    """Whose page is looked at: of one that sees it, or of the host that the alert names as the one in doubt."""
    third: bool = False
    """Whether there is a third datacenter, of one host."""
    over_within: int = 900


def notification(*alerts: str) -> frozenset[str]:
    return frozenset(alerts)


def removing(*rules: Iterable[Rule]) -> Mend:
    def remove() -> None:
        for rule in itertools.chain(*rules):
            rule.remove()

    return remove


def down(name: str) -> Callable[[World], Mend]:
    return lambda world: removing(world.sites.down(world.hosts[name]))


def into(name: str) -> Callable[[World], Mend]:
    return lambda world: removing(world.sites.into(world.hosts[name]))


def out_of(name: str) -> Callable[[World], Mend]:
    return lambda world: removing(world.sites.out_of(world.hosts[name]))


def begins_nothing(world: World) -> Mend:
    """A firewall on b2 that lets out answers, and nothing that begins there; the kernel tells who sends ICMP."""
    return removing([world.hosts["b2"].drop(*match, "-o", "to-gate-b", chain="OUTPUT") for match in BEGUN])


def gets_nothing_begun(world: World) -> Mend:
    """A firewall before b2 that lets out answers, and nothing that begins there."""
    return removing(world.sites.out_of(world.hosts["b2"], new_only=True))


def rejects(how: str = "") -> Callable[[World], Mend]:
    """A firewall on b2 that rejects what begins at other hosts of the fleet; Prometheus still scrapes it."""

    def breaks(world: World) -> Mend:
        b2 = world.hosts["b2"]
        others = (host.address for host in world.hosts.values() if host is not b2)
        return removing([b2.reject(*match, "-s", address, reject_with=how) for address in others for match in BEGUN])

    return breaks


def moved(world: World) -> Mend:
    """The hosts of the fleet get another address for the name of b2, where nothing is; Prometheus does not."""
    names = {name: (host.address,) for name, host in world.hosts.items()} | {"b2": ("10.77.99.99",)}
    for host in world.hosts.values():
        write_hosts(host.namespace, names)
    return lambda: world.lab.name("b2", world.hosts["b2"])


def cut(*ways: str, new_only: bool = False) -> Callable[[World], Mend]:
    return lambda world: removing(world.sites.cut(*ways, new_only=new_only))


def dark(world: World) -> Mend:
    return removing(world.sites.cut("ab", "ba"), world.sites.cut_watchers_off("b"))


def cut_and_down(world: World) -> Mend:
    return removing(world.sites.cut("ab", "ba"), world.sites.down(world.hosts["b2"]))


def one_path(world: World) -> Mend:
    return removing(world.sites.cut_between(world.hosts["a1"], world.hosts["b1"]))


def parallel(*, with_icmp: bool) -> Callable[[World], Mend]:
    return lambda world: removing(world.sites.kill_parallel(with_icmp=with_icmp))


def hangs(world: World) -> Mend:
    program = world.exporters["b2"].program
    program.send_signal(SIGSTOP)
    return lambda: program.send_signal(SIGCONT)


def killed(world: World) -> Mend:
    world.exporters["b2"].program.send_signal(SIGKILL)
    return lambda: world.start("b2")


def another_name(world: World) -> Mend:
    world.start("b2", "--host", "b1")
    return lambda: world.start("b2")


def database_hangs(world: World) -> Mend:
    world.database.freeze()
    return world.database.thaw


def login_refused(world: World) -> Mend:
    world.database.admin("ALTER ROLE monitor PASSWORD 'another'")
    return lambda: world.database.admin(f"ALTER ROLE monitor PASSWORD '{PASSWORD}'")


def slow_program(world: World) -> Mend:
    world.delay.write_text("1.4")
    return lambda: world.delay.write_text("0.001")


_SENDER = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began, sent = time.monotonic(), 0
while True:
    while sent < (time.monotonic() - began) * 3e6 / 9824:
        sock.sendto(bytes(1200), (sys.argv[1], 9))
        sent += 1
    time.sleep(0.02)
"""
"""Offers half as much again as the narrow uplink takes."""


def full_uplink(world: World) -> Mend:
    b1, device = world.hosts["b1"], world.sites.uplink(world.hosts["b1"])
    narrow = ("rate", "2mbit", "burst", "3000", "latency", "150ms")
    b1.run(["tc", "qdisc", "replace", "dev", device, "root", "tbf", *narrow])
    sender = b1.popen([sys.executable, "-c", _SENDER, world.hosts["b2"].address])

    def mend() -> None:
        sender.stop()
        b1.run(["tc", "qdisc", "del", "dev", device, "root"])

    return mend


def maintained_and_down(world: World) -> Mend:
    world.maintain("b2")
    time.sleep(world.pace.seconds(60))
    mend = down("b2")(world)

    def end() -> None:
        mend()
        world.maintain()

    return end


HOST_DOWN = "critical HostUnreachable"
BOTH_WAYS = notification("critical DatacenterPathDown a to b", "critical DatacenterPathDown b to a")
UNEVEN = notification("warning PathUneven a to b", "warning PathUneven b to a")
FAULTS = {
    "one of eight parallel paths is dead": Fault(parallel(with_icmp=False), (UNEVEN,), within=1200, over_within=2700),
    "a host is started with another's --host": Fault(
        another_name,
        (notification("warning ConfigurationInDoubt host name b2"),),
        within=900,
        lasts=0,
        witness="b2",
    ),
    "a program is slow": Fault(slow_program, (notification("warning PeerSlow shop"),), within=900, over_within=1200),
    "a host's uplink is full": Fault(full_uplink, (notification("warning MeasurementInDoubt queue b1"),)),
    "a firewall on a host lets out answers only": Fault(
        begins_nothing,
        (notification("warning MeasurementInDoubt local b2", "warning MeasurementInDoubt outgoing b2"),),
        witness="b2",
    ),
    "a firewall before a host lets out answers only": Fault(
        gets_nothing_begun, (notification("warning MeasurementInDoubt outgoing b2"),), witness="b2"
    ),
    "a host is down, which has the database": Fault(down("b3"), (notification(f"{HOST_DOWN} b3"),), within=150),
    "a host is down, alone in its datacenter": Fault(
        down("c1"), (notification(f"{HOST_DOWN} c1"),), within=150, third=True
    ),
    "a host is down, in maintenance": Fault(maintained_and_down, ()),
    "nothing comes into a host": Fault(into("b2"), (notification(f"{HOST_DOWN} b2"),), within=150),
    "nothing comes out of a host": Fault(out_of("b2"), (notification(f"{HOST_DOWN} b2"),), within=150),
    "a firewall on a host rejects the fleet, as iptables does": Fault(
        rejects(), (notification("critical PeerFailing refused b2", "critical PeerFailing unreachable b2"),)
    ),
    "a firewall on a host rejects the fleet, as firewalld does": Fault(
        rejects("icmp-host-prohibited"), (notification(f"{HOST_DOWN} b2"),), within=180
    ),
    "a name leads elsewhere, and the host is scraped": Fault(moved, (notification(f"{HOST_DOWN} b2"),), within=240),
    "two datacenters are cut": Fault(cut("ab", "ba"), (BOTH_WAYS,), within=150),
    "two datacenters are cut one way": Fault(cut("ab"), (BOTH_WAYS,), within=150),
    "a firewall stops what begins in one datacenter toward another": Fault(
        cut("ab", new_only=True), (notification("critical DatacenterPathDown a to b"),), within=150
    ),
    "two datacenters are cut, and Prometheus is in one": Fault(
        dark, (notification("critical DatacenterPathDown a to b"),), within=150
    ),
    "two datacenters are cut, and a host is down": Fault(
        cut_and_down, (BOTH_WAYS, notification(f"{HOST_DOWN} b2")), within=150
    ),
    "a path between two hosts is cut": Fault(
        one_path,
        (notification("critical PathDegraded cut a1 to b1", "critical PathDegraded cut b1 to a1"),),
        within=270,
    ),
    "an exporter hangs": Fault(hangs, (notification("critical LatencyExporterDown b2"),), within=210),
    "an exporter is killed": Fault(killed, (notification("critical LatencyExporterDown b2"),), within=210),
    "a database hangs": Fault(database_hangs, (notification("critical DatabaseDown timeout orders"),), within=330),
    "a database refuses the login": Fault(
        login_refused, (notification("warning DatabaseDown auth orders"),), within=330
    ),
}
