"""Exactly the culprit arrives, once: faults of whole fleets, by the shipped rules and Alertmanager's example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.prometheus.firing import Alert, label, seen
from tests.prometheus.fleet import Fault, Fleet, Noise
from tests.prometheus.notifying import Alertmanager
from tests.prometheus.test_rules import PROMTOOLS

pytestmark = pytest.mark.servers

BEGINS, ENDS, RESTART = 480, 1080, 720
"""Seconds: a fault, and within it the start of an exporter anew, whose counters begin at 0 again."""
LONG_AFTER = ENDS + 480
MAINTAINED = 780
"""The second at which a maintenance ends within the fault."""
NOT_SEEN_YET = 45
"""Seconds at worst until the next scrape, and the next evaluations of what is recorded and of the alert."""


def hosts(**datacenters: int) -> dict[str, str]:
    """Give so many hosts to each datacenter: a1, a2, ..."""
    return {f"{name}{number}": name for name, count in datacenters.items() for number in range(1, count + 1)}


def lost(share: float = 1.0, *, between: str = "", at: str = "", into: str = "", out_of: str = "") -> Fault:
    """Lose packets between two datacenters or hosts, told by how their names begin, or at one host."""

    def loses(source: str, target: str) -> float:
        here = {source, target}
        ends = between.split()
        cut = bool(ends) and (
            (source.startswith(ends[0]) and target.startswith(ends[1]))
            or (source.startswith(ends[1]) and target.startswith(ends[0]))
        )
        return share if cut or at in here or into == target or out_of == source else 0.0

    return Fault(BEGINS, ENDS, loses=loses)


def unscraped(*names: str) -> Fault:
    return Fault(BEGINS, ENDS, unscraped=frozenset(names))


def hanging(*names: str) -> Fault:
    return Fault(BEGINS, ENDS, hanging=frozenset(names))


def dead(name: str) -> tuple[Fault, ...]:
    return lost(at=name), unscraped(name)


def one_of_eight(first: str, other: str) -> Fault:
    """Of eight parallel paths between two datacenters one is dead, on which ICMP does not happen to be."""
    return Fault(BEGINS, ENDS, loses_flows=lambda source, target: 0.125 * ({source[0], target[0]} == {first, other}))


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
            *(fault for name in ("b3", "b4", "b5") for fault in dead(name)),
        ),
        ({"warning DatacenterPathDegraded a to b"},),
        protocols=ICMP,
        maintenance={"b3": LONG_AFTER, "b4": LONG_AFTER, "b5": LONG_AFTER},
    ),
    "a datacenter of two is down, and both are in maintenance": Case(
        hosts(a=2, b=2),
        (*dead("b1"), *dead("b2")),
        (),
        protocols=ICMP,
        maintenance={"b1": LONG_AFTER, "b2": LONG_AFTER},
    ),
    "of three datacenters, one does not reach a host in maintenance": Case(
        hosts(a=2, b=1, c=1), (lost(between="a b"),), (), protocols=ICMP, maintenance={"b1": LONG_AFTER}
    ),
    "of three hosts, two in maintenance are down": Case(
        hosts(a=1, b=1, c=1),
        (*dead("b1"), *dead("c1")),
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
    "one of eight paths is dead": Case(
        hosts(a=2, b=2),
        (one_of_eight("a", "b"),),
        ({"warning PathUneven a to b", "warning PathUneven b to a"},),
        "the path from datacenter a to b loses handshakes, and no ICMP",
        within=900,
    ),
    "one of eight paths is dead, between two of three hosts": Case(
        hosts(a=1, b=1, c=1),
        (one_of_eight("a", "b"),),
        ({"warning PathUneven a1 to b1", "warning PathUneven b1 to a1"},),
        "path a1 to b1 loses handshakes, and no ICMP",
        within=900,
    ),
    "an exporter hangs": Case(
        hosts(a=2, b=2),
        (hanging("b2"),),
        ({"critical LatencyExporterDown b2"},),
        "Prometheus cannot scrape b2",
        within=210,
    ),
    "all exporters hang": Case(
        hosts(a=1, b=2),
        (hanging("a1", "b1", "b2"),),
        ({"critical LatencyExporterDown no data latency"},),
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
}


def about(alert: Alert) -> str:
    """Say how bad an alert is, its name, its cause, and whom it blames."""
    ends = [label(alert, "source"), label(alert, "target")]
    if not label(alert, "target") and label(alert, "source_datacenter"):
        ends = [label(alert, "source_datacenter"), label(alert, "target_datacenter")]
    if label(alert, "alertname") in {"HostUnreachable", "LatencyExporterDown", "MeasurementInDoubt"}:
        ends = [label(alert, "target")]
    whom = " to ".join(filter(None, ends)) or label(alert, "job")
    return " ".join(filter(None, [*(label(alert, name) for name in ("severity", "alertname", "cause")), whom]))


IN_TURN = [(name, PROMTOOLS[number % len(PROMTOOLS)]) for number, name in enumerate(CASES)]
"""Each by one promtool, since they take seconds of a core; prometheus/rules/tests are run by both."""


@pytest.mark.parametrize(("name", "promtool"), IN_TURN, ids=CASES)
def test_one_notification_arrives_for_each_culprit_and_no_other(name: str, promtool: str, tmp_path: Path) -> None:
    case = CASES[name]
    again = Fault(RESTART, LONG_AFTER + 1, restarted=frozenset({"a1"}))
    fleet = Fleet(
        case.datacenters, LONG_AFTER, (*case.faults, again), protocols=case.protocols, maintenance=case.maintenance
    )
    timeline, texts = seen(promtool, tmp_path, fleet, read_at=(ENDS - 15, ENDS + 75))
    messages = Alertmanager().notifications(timeline)
    arrived = [{about(alert) for alert in message.alerts} for message in messages]
    assert sorted(map(sorted, arrived)) == sorted(map(sorted, case.arrives))
    # Nor does anything else arrive if a group is looked at in a worse moment, such as just after the repair.
    assert {about(alert) for alert in Alertmanager().unsuppressed(timeline)} == set().union(*case.arrives)
    assert all(message.second - BEGINS + NOT_SEEN_YET <= case.within for message in messages)
    assert case.says in texts
    early = {alert for second, alerts in timeline.items() if second < BEGINS for alert in alerts}
    assert not [*filter(Alertmanager().notifies, early)]


HOUR = 3600
ALL_DAY = Fault(12 * HOUR, 36 * HOUR, loses=lambda source, target: 0.02 * (source[0] != target[0]))


def test_two_percent_lost_for_a_day_is_a_lossy_path(tmp_path: Path) -> None:
    again = Fault(14 * HOUR, 48 * HOUR, restarted=frozenset({"a1"}))
    fleet = Fleet(hosts(a=1, b=1), 20 * HOUR, (ALL_DAY, again), protocols=ICMP, step=60)
    timeline, _ = seen(PROMTOOLS[-1], tmp_path, fleet)
    (message,) = Alertmanager().notifications(timeline)
    assert {about(alert) for alert in message.alerts} == {"warning PathLossy a1 to b1", "warning PathLossy b1 to a1"}
    assert 14 * HOUR < message.second < 18 * HOUR


def test_hours_of_outage_within_a_maintenance_are_no_lossy_path_after_it(tmp_path: Path) -> None:
    outage = Fault(13 * HOUR, 19 * HOUR - 600, loses=lambda _source, _target: 1.0)
    fleet = Fleet(hosts(a=1, b=1), 22 * HOUR, (outage,), protocols=ICMP, step=60, maintenance={"b1": 19 * HOUR})
    timeline, _ = seen(PROMTOOLS[-1], tmp_path, fleet)
    assert {about(alert) for alert in Alertmanager().unsuppressed(timeline)} == set()


def test_a_day_of_the_noise_of_real_paths_has_no_alert(tmp_path: Path) -> None:
    noise = Noise(loss=0.01, jitter=0.040, swing=0.2)
    timeline, _ = seen(PROMTOOLS[-1], tmp_path, Fleet(hosts(a=1, b=1, c=1), 24 * HOUR, noise=noise, step=60))
    assert {about(alert) for alerts in timeline.values() for alert in alerts} == set()
