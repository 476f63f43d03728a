"""Faults of whole fleets, and whom the notifications must be about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.prometheus.fleet import Fault, Fleet

BEGINS, ENDS, RESTART = 240, 840, 480
"""Seconds: a fault, and within it the start of an exporter anew, whose counters begin at 0 again."""
LONG_AFTER = ENDS + 360
MAINTAINED = 540
"""The second at which a maintenance ends within the fault."""
NOT_SEEN_YET = 45
"""Seconds at worst until the next scrape, and the next evaluations of what is recorded and of the alert."""


def hosts(**datacenters: int) -> dict[str, str]:
    """Give so many hosts to each datacenter: a1, a2, ..."""
    return {f"{name}{number}": name for name, count in datacenters.items() for number in range(1, count + 1)}


def lost(share: float = 1.0, *, between: str = "", at: str = "", into: str = "", out_of: str = "") -> Fault:
    """Lose packets between two datacenters or hosts, told by how their names begin, or at one host."""
    ends = between.split()

    def loses(source: str, target: str) -> float:
        cut = bool(ends) and any(
            source.startswith(one) and target.startswith(other) for one, other in (ends, reversed(ends))
        )
        return share if cut or at in {source, target} or into == target or out_of == source else 0.0

    return Fault(BEGINS, ENDS, loses=loses)


def unscraped(*names: str) -> Fault:
    return Fault(BEGINS, ENDS, unscraped=frozenset(names))


def hanging(*names: str) -> Fault:
    return Fault(BEGINS, ENDS, hanging=frozenset(names))


def dead(*names: str) -> tuple[Fault, ...]:
    return (*(lost(at=name) for name in names), unscraped(*names))


def one_way(share: float, *, out_of: str, into: str) -> Fault:
    """Lose packets that begin in one datacenter, or at one host, toward another; the names begin so."""
    return Fault(
        BEGINS, ENDS, loses=lambda source, target: share * (source.startswith(out_of) and target.startswith(into))
    )


def over_ipv4(fault: Fault) -> Fault:
    """Leave the packets of the other family alone."""
    return replace(fault, families=frozenset({"ipv4"}))


def one_of_eight(first: str, other: str, dead: int = 1, *, with_icmp: str = "", lucky: str = "") -> Fault:
    """Of eight parallel paths between two datacenters some are dead, with the ICMP of two hosts or of nobody.

    Two hosts may be so lucky that none of their handshakes takes a dead one.
    """
    return Fault(
        BEGINS,
        ENDS,
        loses_flows=lambda source, target: (
            dead / 8 * ({source[0], target[0]} == {first, other} and {source, target} != {*lucky.split()})
        ),
        loses_icmp=lambda source, target: {source, target} == {*with_icmp.split()},
    )


@dataclass(frozen=True)
class Case:
    """A fleet, what is broken in it, and the notifications that are wanted: each a set of what it is about."""

    datacenters: Mapping[str, str]
    faults: tuple[Fault, ...]
    arrives: tuple[set[str], ...]
    says: str = ""
    """Part of a text."""
    within: int = 600
    """Seconds until the first notification, of which some pass before Prometheus can see the fault."""
    protocols: tuple[str, ...] = ("icmp", "tcp", "http")
    maintenance: Mapping[str, int] = field(default_factory=dict)
    families: tuple[str, ...] = ("ipv4",)
    without_exporter: frozenset[str] = frozenset()
    by_http: frozenset[str] = frozenset()
    databases: Mapping[str, str] = field(default_factory=dict)
    sample: tuple[int, int] | None = None

    def fleet(self) -> Fleet:
        """Return the fleet, of which one exporter is started anew within the fault."""
        again = Fault(RESTART, LONG_AFTER + 1, restarted=frozenset({min(self.datacenters)}))
        return Fleet(
            self.datacenters,
            LONG_AFTER,
            (*self.faults, again),
            protocols=self.protocols,
            maintenance=self.maintenance,
            families=self.families,
            without_exporter=self.without_exporter,
            by_http=self.by_http,
            databases=self.databases,
            sample=self.sample,
        )


ICMP = ("icmp",)
"""Where nothing depends on handshakes, this is a third of the work."""
BOTH_WAYS = {"critical DatacenterPathDown a to b", "critical DatacenterPathDown b to a"}
CASES = {
    "nothing": Case(hosts(a=2, b=2), (), ()),
    "a host is down": Case(
        hosts(a=2, b=2),
        dead("b2"),
        ({"critical HostUnreachable b2"},),
        '3 hosts get no answer from b2 by any protocol: it is down, or cut off."',
        within=150,
    ),
    "a host is down, alone in its datacenter": Case(
        hosts(a=2, b=1),
        dead("b1"),
        ({"critical HostUnreachable b1"},),
        "2 hosts get no answer from b1 by any protocol: it is down, or its only link is, for it is alone",
        within=150,
    ),
    "nothing comes into a host": Case(
        hosts(a=2, b=2),
        (lost(into="b2"),),
        ({"critical HostUnreachable b2"},),
        'or cut off. But it is scraped: look at names, addresses and firewalls."',
    ),
    "nothing comes out of a host": Case(
        hosts(a=2, b=2),
        (lost(out_of="b2"),),
        ({"warning MeasurementInDoubt outgoing b2"},),
        "do not trust what b2 measures (outgoing)",
    ),
    "two datacenters are cut, 4 + 4": Case(
        hosts(a=4, b=4),
        (lost(between="a b"),),
        (BOTH_WAYS,),
        "16 pairs of hosts lose all from a to b, ipv4, and no host of either is to blame",
        within=150,
        protocols=ICMP,
    ),
    "two datacenters are cut, 6 + 2": Case(
        hosts(a=6, b=2), (lost(between="a b"),), (BOTH_WAYS,), within=150, protocols=ICMP
    ),
    "two datacenters are cut, 6 + 2, and one of the two is down": Case(
        hosts(a=6, b=2),
        (lost(between="a b"), *dead("b1")),
        (BOTH_WAYS, {"critical HostUnreachable b1"}),
        within=150,
        protocols=ICMP,
    ),
    "of three hosts, each in its own datacenter, one is down, and the path between the others is cut": Case(
        hosts(a=1, b=1, c=1),
        (lost(between="a c"), *dead("b1")),
        (
            {"critical HostUnreachable b1"},
            {"critical PathDegraded cut a1 to c1", "critical PathDegraded cut c1 to a1"},
        ),
        protocols=ICMP,
    ),
    "two datacenters are cut, 2 + 1": Case(
        hosts(a=2, b=1), (lost(between="a b"),), ({"critical HostUnreachable b1"},), "or its only link is"
    ),
    "two datacenters are cut, 4 + 4, and Prometheus is in the first": Case(
        hosts(a=4, b=4),
        (lost(between="a b"), unscraped("b1", "b2", "b3", "b4")),
        ({"critical DatacenterPathDown a to b"},),
        protocols=ICMP,
    ),
    "two datacenters are cut, 2 + 1, and Prometheus is in the first": Case(
        hosts(a=2, b=1), (lost(between="a b"), unscraped("b1")), ({"critical HostUnreachable b1"},)
    ),
    "a host is down, and two datacenters are cut": Case(
        hosts(a=3, b=3),
        (lost(between="a b"), *dead("b2")),
        (BOTH_WAYS, {"critical HostUnreachable b2"}),
        protocols=ICMP,
    ),
    "a host in maintenance is down, of two in its datacenter": Case(
        hosts(a=2, b=2), dead("b2"), (), protocols=ICMP, maintenance={"b2": LONG_AFTER}
    ),
    "a host in maintenance is down, and two datacenters are cut": Case(
        hosts(a=3, b=3),
        (lost(between="a b"), *dead("b2")),
        (BOTH_WAYS,),
        "6 pairs of hosts lose all from a to b",
        within=150,
        protocols=ICMP,
        maintenance={"b2": LONG_AFTER},
    ),
    "hosts in maintenance are down, and most is lost to their datacenter": Case(
        hosts(a=2, b=5),
        (
            Fault(BEGINS, ENDS, loses=lambda source, target: 0.8 * (source[0] + target[0] == "ab")),
            *dead("b3", "b4", "b5"),
        ),
        ({"warning DatacenterPathDegraded a to b"},),
        protocols=ICMP,
        maintenance={"b3": LONG_AFTER, "b4": LONG_AFTER, "b5": LONG_AFTER},
    ),
    "a datacenter of two is down, and both are in maintenance": Case(
        hosts(a=2, b=2),
        dead("b1", "b2"),
        (),
        protocols=ICMP,
        maintenance={"b1": LONG_AFTER, "b2": LONG_AFTER},
    ),
    "of three datacenters, one does not reach a host in maintenance": Case(
        hosts(a=2, b=1, c=1), (lost(between="a b"),), (), protocols=ICMP, maintenance={"b1": LONG_AFTER}
    ),
    "of three hosts, two in maintenance are down": Case(
        hosts(a=1, b=1, c=1),
        dead("b1", "c1"),
        (),
        protocols=ICMP,
        maintenance={"b1": LONG_AFTER, "c1": LONG_AFTER},
    ),
    "two datacenters are cut, 2 + 2, and a host in maintenance lives": Case(
        hosts(a=2, b=2), (lost(between="a b"),), (BOTH_WAYS,), protocols=ICMP, maintenance={"b2": LONG_AFTER}
    ),
    "a host in maintenance loses handshakes, and has most of the paths of its datacenter": Case(
        hosts(a=2, b=1), (one_of_eight("a", "b"),), (), maintenance={"b1": LONG_AFTER}
    ),
    "a host is down, and its maintenance ends": Case(
        hosts(a=2, b=2),
        dead("b2"),
        ({"critical HostUnreachable b2"},),
        within=MAINTAINED - BEGINS + 150,
        protocols=ICMP,
        maintenance={"b2": MAINTAINED},
    ),
    "a datacenter is cut off from two others": Case(
        hosts(a=2, b=2, c=2),
        (lost(between="a b"), lost(between="c b")),
        (BOTH_WAYS | {"critical DatacenterPathDown b to c", "critical DatacenterPathDown c to b"},),
        protocols=ICMP,
    ),
    "two datacenters lose a third": Case(
        hosts(a=2, b=2),
        (lost(0.3, between="a b"),),
        ({"warning DatacenterPathDegraded a to b", "warning DatacenterPathDegraded b to a"},),
        "100% of the pairs of hosts from a to b, ipv4, lose packets or take longer",
    ),
    "a host loses a third": Case(
        hosts(a=2, b=2),
        (lost(0.3, at="b2"),),
        ({"warning PathDegraded loss b2"},),
        "all paths to b2 are degraded (loss)",
    ),
    "a path loses a third": Case(
        hosts(a=2, b=2),
        (lost(0.3, between="a1 b2"),),
        ({"warning PathDegraded loss a1 to b2", "warning PathDegraded loss b2 to a1"},),
        "path a1 to b2 is degraded (loss)",
    ),
    "a path is cut": Case(
        hosts(a=2, b=2),
        (lost(between="a1 b2"),),
        ({"critical PathDegraded cut a1 to b2", "critical PathDegraded cut b2 to a1"},),
        "path a1 to b2 is cut",
    ),
    "a path is cut one way, and loses a third the other way": Case(
        hosts(a=2, b=2),
        (one_way(1.0, out_of="a1", into="b2"), one_way(0.3, out_of="b2", into="a1")),
        (
            {"critical PathDegraded cut a1 to b2"},
            {"critical PathDegraded cut a1 to b2", "warning PathDegraded loss b2 to a1"},
        ),
    ),
    "two datacenters lose all one way, and a third the other way": Case(
        hosts(a=2, b=2),
        (one_way(1.0, out_of="a", into="b"), one_way(0.3, out_of="b", into="a")),
        ({"critical DatacenterPathDown a to b"}, {"warning DatacenterPathDegraded b to a"}),
    ),
    "a host loses all to another datacenter, and a third to its own": Case(
        hosts(a=2, b=2),
        (lost(between="a b2"), lost(0.3, between="b1 b2")),
        ({"warning PathDegraded loss b2"},),
        protocols=ICMP,
    ),
    "nothing comes into two of three hosts of a datacenter": Case(
        hosts(a=2, b=3),
        (lost(into="b1"), lost(into="b2")),
        ({"critical HostUnreachable b1"}, {"critical HostUnreachable b2"}),
        protocols=ICMP,
    ),
    "nothing comes out of a host over IPv4, and nothing into it over IPv6": Case(
        hosts(a=2, b=2),
        (over_ipv4(lost(out_of="b2")), replace(lost(into="b2"), families=frozenset({"ipv6"}))),
        ({"warning PathDegraded loss b2"},),
        protocols=ICMP,
        families=("ipv4", "ipv6"),
    ),
    "one of eight paths is dead": Case(
        hosts(a=2, b=2),
        (one_of_eight("a", "b"),),
        ({"warning PathUneven a to b", "warning PathUneven b to a"},),
        "the path from datacenter a to b loses handshakes, and no ICMP",
        within=900,
    ),
    "of eight paths two are dead, which have the ICMP of two hosts": Case(
        hosts(a=2, b=2),
        (one_of_eight("a", "b", dead=2, with_icmp="a1 b2"),),
        ({"warning PathUneven a to b", "warning PathUneven b to a"},),
        within=900,
    ),
    "of eight paths two are dead, which have the ICMP of two hosts, and none of their handshakes": Case(
        hosts(a=2, b=2),
        (one_of_eight("a", "b", dead=2, with_icmp="a1 b2", lucky="a1 b2"),),
        ({"warning PathUneven a to b", "warning PathUneven b to a"},),
        within=900,
    ),
    "one of eight paths is dead, between two of three hosts": Case(
        hosts(a=1, b=1, c=1),
        (one_of_eight("a", "b"),),
        ({"warning PathUneven a1 to b1", "warning PathUneven b1 to a1"},),
        "path a1 to b1 loses handshakes, and no ICMP",
        within=900,
    ),
    "of eight paths three are dead, and a site behind them is asked by HTTP alone": Case(
        {**hosts(a=2, b=1), "b_site": "b"},
        (one_of_eight("a", "b", dead=3),),
        ({"warning PathUneven a1 to b1", "warning PathUneven a2 to b1", "warning PathUneven b to a"},),
        within=900,
        by_http=frozenset({"b_site"}),
    ),
    "an exporter hangs": Case(
        hosts(a=2, b=2),
        (hanging("b2"),),
        ({"critical LatencyExporterDown b2"},),
        "Prometheus cannot scrape b2",
        within=210,
    ),
    "an exporter measures late": Case(
        hosts(a=2, b=2),
        (Fault(BEGINS, ENDS, late=frozenset({"b2"})),),
        ({"warning MeasurementInDoubt lateness b2"},),
        protocols=ICMP,
    ),
    "an exporter leaves out half of its probes": Case(
        hosts(a=2, b=2),
        (Fault(BEGINS, ENDS, skipping=frozenset({"b2"})),),
        ({"warning MeasurementInDoubt skipped b2"},),
        protocols=ICMP,
    ),
    "all exporters hang": Case(
        hosts(a=1, b=2),
        (hanging("a1", "b1", "b2"),),
        ({"critical LatencyNoData latency"},),
        "For 2 minutes Prometheus has had no sample",
        within=240,
    ),
    "of two hosts, one is down": Case(
        hosts(a=1, b=1),
        dead("b1"),
        ({"critical HostUnreachable b1"},),
        "The host that asks gets no answer from b1 by any protocol",
        within=150,
    ),
    "of two hosts, neither reaches the other": Case(
        hosts(a=1, b=1),
        (lost(between="a b"),),
        ({"critical PathDegraded cut a1 to b1", "critical PathDegraded cut b1 to a1"},),
    ),
    "of three hosts in three datacenters, one is down": Case(
        hosts(a=1, b=1, c=1), dead("b1"), ({"critical HostUnreachable b1"},), within=150
    ),
    "of three hosts in three datacenters, nothing comes into one": Case(
        hosts(a=1, b=1, c=1), (lost(into="b1"),), ({"critical HostUnreachable b1"},)
    ),
    "of three hosts in three datacenters, nothing comes out of one": Case(
        hosts(a=1, b=1, c=1), (lost(out_of="b1"),), ({"warning MeasurementInDoubt outgoing b1"},)
    ),
    "of three hosts in three datacenters, two lose each other": Case(
        hosts(a=1, b=1, c=1),
        (lost(between="a b"),),
        ({"critical PathDegraded cut a1 to b1", "critical PathDegraded cut b1 to a1"},),
    ),
    "of three hosts in three datacenters, an exporter hangs": Case(
        hosts(a=1, b=1, c=1), (hanging("b1"),), ({"critical LatencyExporterDown b1"},), within=210
    ),
    "three of five hosts of a datacenter are down": Case(
        hosts(a=2, b=5),
        dead("b1", "b2", "b3"),
        tuple({f"critical HostUnreachable {name}"} for name in ("b1", "b2", "b3")),
        within=150,
        protocols=ICMP,
    ),
    "a datacenter of two is down": Case(
        hosts(a=2, b=2), dead("b1", "b2"), ({"critical DatacenterPathDown a to b"},), within=150, protocols=ICMP
    ),
    "two hosts are down, in two datacenters": Case(
        hosts(a=3, b=2, c=2),
        dead("a2", "b1"),
        ({"critical HostUnreachable a2"}, {"critical HostUnreachable b1"}),
        within=150,
        protocols=ICMP,
    ),
    "a host is down, and two other datacenters are cut": Case(
        hosts(a=2, b=2, c=2),
        (lost(between="b c"), *dead("a2")),
        (
            {"critical HostUnreachable a2"},
            {"critical DatacenterPathDown b to c", "critical DatacenterPathDown c to b"},
        ),
        within=150,
        protocols=ICMP,
    ),
    "of three datacenters, two are cut, and Prometheus is in the first": Case(
        hosts(a=2, b=2, c=2),
        (lost(between="a b"), unscraped("b1", "b2")),
        ({"critical DatacenterPathDown a to b"},),
        within=150,
        protocols=ICMP,
    ),
    "a datacenter is cut off from two others, and Prometheus is in one of them": Case(
        hosts(a=2, b=2, c=2),
        (lost(between="a b"), lost(between="c b"), unscraped("b1", "b2")),
        ({"critical DatacenterPathDown a to b", "critical DatacenterPathDown c to b"},),
        within=150,
        protocols=ICMP,
    ),
    "Prometheus alone loses a datacenter": Case(
        hosts(a=2, b=2),
        (unscraped("b1", "b2"),),
        ({"critical LatencyExporterDown b1"}, {"critical LatencyExporterDown b2"}),
        protocols=ICMP,
    ),
    "a host without an exporter is down": Case(
        hosts(a=2, b=2),
        (lost(at="b2"),),
        ({"critical HostUnreachable b2"},),
        within=150,
        without_exporter=frozenset({"b2"}),
    ),
    "two datacenters are cut, and one of the hosts has no exporter": Case(
        hosts(a=2, b=2),
        (lost(between="a b"),),
        (BOTH_WAYS,),
        "4 pairs of hosts lose all from a to b",
        within=150,
        protocols=ICMP,
        without_exporter=frozenset({"b2"}),
    ),
    "a host without an exporter is down, alone in its datacenter": Case(
        hosts(a=2, b=1),
        (lost(at="b1"),),
        ({"critical HostUnreachable b1"},),
        "or its only link is",
        within=150,
        without_exporter=frozenset({"b1"}),
    ),
    "two datacenters are cut over IPv4 alone": Case(
        hosts(a=2, b=2),
        (over_ipv4(lost(between="a b")),),
        (BOTH_WAYS,),
        "4 pairs of hosts lose all from a to b, ipv4",
        within=150,
        protocols=ICMP,
        families=("ipv4", "ipv6"),
    ),
    "a host loses all over IPv4 alone": Case(
        hosts(a=2, b=2),
        (over_ipv4(lost(at="b2")),),
        ({"warning PathDegraded loss b2"},),
        "From every datacenter to b2 (b_x), ipv4",
        protocols=ICMP,
        families=("ipv4", "ipv6"),
    ),
    "a host of both families is down": Case(
        hosts(a=2, b=2),
        dead("b2"),
        ({"critical HostUnreachable b2"},),
        within=150,
        protocols=ICMP,
        families=("ipv4", "ipv6"),
    ),
    "a path is cut over IPv4 alone": Case(
        hosts(a=2, b=2),
        (over_ipv4(lost(between="a1 b2")),),
        ({"critical PathDegraded cut a1 to b2", "critical PathDegraded cut b2 to a1"},),
        protocols=ICMP,
        families=("ipv4", "ipv6"),
    ),
    "an endpoint without a datacenter is down": Case(
        hosts(a=2, b=2) | {"site": ""},
        (lost(at="site"),),
        ({"critical HostUnreachable site"},),
        within=150,
        protocols=ICMP,
        without_exporter=frozenset({"site"}),
    ),
    "a datacenter loses an endpoint without a datacenter": Case(
        hosts(a=2, b=2) | {"site": ""},
        (lost(between="a site"),),
        ({"critical PathDegraded cut a1 to site"}, {"critical PathDegraded cut a2 to site"}),
        protocols=ICMP,
        without_exporter=frozenset({"site"}),
    ),
    "of hosts without a datacenter, one is down": Case(
        dict.fromkeys(hosts(a=4), ""), dead("a4"), ({"critical HostUnreachable a4"},), within=150, protocols=ICMP
    ),
    "of hosts without a datacenter, two lose each other": Case(
        dict.fromkeys(hosts(a=4), ""),
        (lost(between="a3 a4"),),
        ({"critical PathDegraded cut a3 to a4", "critical PathDegraded cut a4 to a3"},),
        protocols=ICMP,
    ),
    "a host is down, and a database with it": Case(
        hosts(a=2, b=2),
        dead("b2"),
        ({"critical HostUnreachable b2"},),
        within=150,
        protocols=ICMP,
        databases={"n8n": "b2"},
    ),
    "two datacenters are cut, and a database is in one": Case(
        hosts(a=2, b=2), (lost(between="a b"),), (BOTH_WAYS,), within=150, protocols=ICMP, databases={"n8n": "b2"}
    ),
    "a database hangs": Case(
        hosts(a=2, b=2),
        (Fault(BEGINS, ENDS, databases={"n8n": "timeout"}),),
        ({"critical DatabaseDown timeout n8n"},),
        "Most logins or queries to n8n (postgresql) on b2 (b_x) end as timeout. Seen from a1, a2, b1, b2;",
        within=200,  # and 10 s until the first query is given up
        protocols=ICMP,
        databases={"n8n": "b2"},
    ),
    "a database refuses the login, and answers queries": Case(
        hosts(a=1, b=1),
        (Fault(BEGINS, ENDS, logins={"n8n": "auth"}),),
        ({"warning DatabaseDown auth n8n"},),
        protocols=ICMP,
        databases={"n8n": "b1"},
    ),
    "a database has no connection left, and answers queries on those that are kept": Case(
        hosts(a=1, b=1),
        (Fault(BEGINS, ENDS, logins={"n8n": "limit"}),),
        ({"critical DatabaseAtConnectionLimit n8n"},),
        "a limit of the login's own concerns latency-exporter alone",
        protocols=ICMP,
        databases={"n8n": "b1"},
    ),
    "a database is on a host in maintenance, and another is measured from it": Case(
        hosts(a=2, b=2),
        (Fault(BEGINS, ENDS, databases={"n8n": "refused"}), unscraped("b2")),
        (),
        protocols=ICMP,
        maintenance={"b2": LONG_AFTER},
        databases={"n8n": "b2"},
    ),
    "an exporter in maintenance hangs": Case(hosts(a=2, b=2), (hanging("b2"),), (), maintenance={"b2": LONG_AFTER}),
    "nothing comes out of a host in maintenance": Case(
        hosts(a=2, b=2), (lost(out_of="b2"),), (), protocols=ICMP, maintenance={"b2": LONG_AFTER}
    ),
}

SAMPLE = (3, 1)
"""Each host probes three of its own datacenter, and one of each other."""
_SIX_AND_SIX = hosts(a=6, b=6)
_FAR = Fleet(_SIX_AND_SIX, 0, sample=SAMPLE).targets("a1")[-1]
"""The one of the other datacenter that a1 probes; it probes another one there."""
_WITNESSES = [name for name in _SIX_AND_SIX if "b2" in Fleet(_SIX_AND_SIX, 0, sample=SAMPLE).targets(name)]
"""Who probes b2."""
_TWO_AND_SIX = hosts(a=2, b=6)
_PROBED = {name for host in ("a1", "a2") for name in Fleet(_TWO_AND_SIX, 0, sample=SAMPLE).targets(host)}
_UNPROBED = min(_TWO_AND_SIX.keys() - _PROBED)
"""A host of b that nobody of a probes."""
SAMPLED = {
    "nothing": Case(_SIX_AND_SIX, (), ()),
    "a host is down": Case(
        _SIX_AND_SIX,
        dead("b2"),
        ({"critical HostUnreachable b2"},),
        '4 hosts get no answer from b2 by any protocol: it is down, or cut off."',
        within=150,
    ),
    "a host is down, and a database with it that hosts measure which do not probe it": Case(
        _SIX_AND_SIX, dead("b2"), ({"critical HostUnreachable b2"},), within=150, databases={"n8n": "b2"}
    ),
    "nothing comes into a host": Case(_SIX_AND_SIX, (lost(into="b2"),), ({"critical HostUnreachable b2"},)),
    "nothing comes out of a host": Case(
        _SIX_AND_SIX, (lost(out_of="b2"),), ({"warning MeasurementInDoubt outgoing b2"},)
    ),
    "nothing comes out of a host, which measures a database on one that it does not probe": Case(
        _SIX_AND_SIX,
        (lost(out_of="b2"),),
        ({"warning MeasurementInDoubt outgoing b2"},),
        databases={"n8n": "a1"},
    ),
    "two datacenters are cut": Case(
        _SIX_AND_SIX,
        (lost(between="a b"),),
        (BOTH_WAYS,),
        "6 pairs of hosts lose all from a to b, ipv4, and no host of either is to blame",
        within=150,
    ),
    "two datacenters are cut, and a database is in one": Case(
        _SIX_AND_SIX, (lost(between="a b"),), (BOTH_WAYS,), within=150, databases={"n8n": "b2"}
    ),
    "two datacenters are cut, and Prometheus is in the first": Case(
        _SIX_AND_SIX,
        (lost(between="a b"), unscraped(*hosts(b=6))),
        ({"critical DatacenterPathDown a to b"},),
    ),
    "a host is down, and two datacenters are cut": Case(
        _SIX_AND_SIX, (lost(between="a b"), *dead("b2")), (BOTH_WAYS, {"critical HostUnreachable b2"})
    ),
    "two datacenters lose a third": Case(
        _SIX_AND_SIX,
        (lost(0.3, between="a b"),),
        ({"warning DatacenterPathDegraded a to b", "warning DatacenterPathDegraded b to a"},),
    ),
    "a host loses a third": Case(_SIX_AND_SIX, (lost(0.3, at="b2"),), ({"warning PathDegraded loss b2"},)),
    "a path is cut": Case(_SIX_AND_SIX, (lost(between=f"a1 {_FAR}"),), ({f"critical PathDegraded cut a1 to {_FAR}"},)),
    "a path loses a third, which is probed one way": Case(
        _SIX_AND_SIX, (lost(0.3, between=f"a1 {_FAR}"),), ({f"warning PathDegraded loss a1 to {_FAR}"},)
    ),
    "of eight paths two are dead, which have the ICMP of two hosts": Case(
        _SIX_AND_SIX,
        (one_of_eight("a", "b", dead=2, with_icmp=f"a1 {_FAR}"),),
        ({"warning PathUneven a to b", "warning PathUneven b to a"},),
        within=900,
        protocols=("icmp", "tcp"),
    ),
    "a host is down, one of those that probe it too, and another is in maintenance": Case(
        _SIX_AND_SIX,
        dead("b2", _WITNESSES[0]),
        ({"critical HostUnreachable b2"}, {f"critical HostUnreachable {_WITNESSES[0]}"}),
        within=150,
        maintenance={_WITNESSES[1]: LONG_AFTER},
    ),
    "a host is down that nobody of the other datacenter probes": Case(
        _TWO_AND_SIX,
        dead(_UNPROBED),
        ({f"critical HostUnreachable {_UNPROBED}"},),
        f"3 hosts get no answer from {_UNPROBED} by any protocol",
        within=150,
    ),
    "a host is down, of two of its datacenter": Case(
        hosts(a=6, b=2), dead("b2"), ({"critical HostUnreachable b2"},), within=150
    ),
    "two datacenters are cut, one of two hosts": Case(
        hosts(a=6, b=2), (lost(between="a b"),), (BOTH_WAYS,), "2 pairs of hosts lose all from b to a", within=150
    ),
    "two hosts of one datacenter are down": Case(
        _SIX_AND_SIX,
        dead("b2", "b3"),
        ({"critical HostUnreachable b2"}, {"critical HostUnreachable b3"}),
        within=150,
    ),
    "a host is down, alone in its datacenter": Case(
        hosts(a=5, b=4, c=1),
        dead("c1"),
        ({"critical HostUnreachable c1"},),
        "9 hosts get no answer from c1 by any protocol: it is down, or its only link is, for it is alone",
        within=150,
    ),
    "an exporter hangs": Case(
        _SIX_AND_SIX, (hanging("b2"),), ({"critical LatencyExporterDown b2"},), within=210, protocols=("icmp", "http")
    ),
    "a host without an exporter is down": Case(
        _SIX_AND_SIX,
        (lost(at="b2"),),
        ({"critical HostUnreachable b2"},),
        within=150,
        without_exporter=frozenset({"b2"}),
    ),
    "of hosts without a datacenter, one is down": Case(
        dict.fromkeys(hosts(a=8), ""), dead("a4"), ({"critical HostUnreachable a4"},), within=150
    ),
    "a host in maintenance is down": Case(_SIX_AND_SIX, dead("b2"), (), maintenance={"b2": LONG_AFTER}),
}
CASES |= {
    f"of a sample, {name}": replace(
        case, sample=SAMPLE, protocols=ICMP if case.protocols == Case.protocols else case.protocols
    )
    for name, case in SAMPLED.items()
}
