"""Exactly the culprit arrives, once: faults of whole fleets, by the shipped rules and Alertmanager's example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.prometheus.firing import Alert, firing, label, texts
from tests.prometheus.fleet import Fault, Fleet, Noise
from tests.prometheus.notifying import Alertmanager
from tests.prometheus.test_rules import PROMTOOLS

pytestmark = pytest.mark.servers

BEGINS, ENDS, RESTART = 480, 1080, 720
"""Seconds: a fault, and within it the start of an exporter anew, whose counters begin at 0 again."""
LONG_AFTER = ENDS + 480


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
    protocols: tuple[str, ...] = ("icmp", "tcp", "http")


ICMP = ("icmp",)
"""Where nothing depends on handshakes, this is a third of the work."""
BOTH_WAYS = {"critical DatacenterPathDown a to b", "critical DatacenterPathDown b to a"}
CASES = {
    "nothing": Case(hosts(a=2, b=2), (), ()),
    "a host is down": Case(hosts(a=2, b=2), dead("b2"), ({"critical HostUnreachable b2"},)),
    "a host is down, alone in its datacenter": Case(hosts(a=2, b=1), dead("b1"), ({"critical HostUnreachable b1"},)),
    "nothing comes into a host": Case(hosts(a=2, b=2), (lost(into="b2"),), ({"critical HostUnreachable b2"},)),
    "nothing comes out of a host": Case(
        hosts(a=2, b=2), (lost(out_of="b2"),), ({"warning MeasurementInDoubt outgoing b2"},)
    ),
    "two datacenters are cut, 4 + 4": Case(hosts(a=4, b=4), (lost(between="a b"),), (BOTH_WAYS,), ICMP),
    "two datacenters are cut, 6 + 2": Case(hosts(a=6, b=2), (lost(between="a b"),), (BOTH_WAYS,), ICMP),
    "two datacenters are cut, 2 + 1": Case(hosts(a=2, b=1), (lost(between="a b"),), ({"critical HostUnreachable b1"},)),
    "two datacenters are cut, 4 + 4, and Prometheus is in the first": Case(
        hosts(a=4, b=4),
        (lost(between="a b"), unscraped("b1", "b2", "b3", "b4")),
        ({"critical DatacenterPathDown a to b"},),
        ICMP,
    ),
    "two datacenters are cut, 2 + 1, and Prometheus is in the first": Case(
        hosts(a=2, b=1), (lost(between="a b"), unscraped("b1")), ({"critical HostUnreachable b1"},)
    ),
    "a host is down, and two datacenters are cut": Case(
        hosts(a=3, b=3), (lost(between="a b"), *dead("b2")), (BOTH_WAYS, {"critical HostUnreachable b2"}), ICMP
    ),
    "a datacenter is cut off from two others": Case(
        hosts(a=2, b=2, c=2),
        (lost(between="a b"), lost(between="c b")),
        (BOTH_WAYS | {"critical DatacenterPathDown b to c", "critical DatacenterPathDown c to b"},),
        ICMP,
    ),
    "two datacenters lose a third": Case(
        hosts(a=2, b=2),
        (lost(0.3, between="a b"),),
        ({"warning DatacenterPathDegraded a to b", "warning DatacenterPathDegraded b to a"},),
    ),
    "a host loses a third": Case(hosts(a=2, b=2), (lost(0.3, at="b2"),), ({"warning PathDegraded loss b2"},)),
    "a path loses a third": Case(
        hosts(a=2, b=2),
        (lost(0.3, between="a1 b2"),),
        ({"warning PathDegraded loss a1 to b2", "warning PathDegraded loss b2 to a1"},),
    ),
    "a path is cut": Case(
        hosts(a=2, b=2),
        (lost(between="a1 b2"),),
        ({"critical PathDegraded cut a1 to b2", "critical PathDegraded cut b2 to a1"},),
    ),
    "one of eight paths is dead": Case(
        hosts(a=2, b=2),
        (one_of_eight("a", "b"),),
        ({"warning PathUneven a to b", "warning PathUneven b to a"},),
    ),
    "an exporter hangs": Case(hosts(a=2, b=2), (hanging("b2"),), ({"critical LatencyExporterDown b2"},)),
    "all exporters hang": Case(hosts(a=1, b=2), (hanging("a1", "b1", "b2"),), ({"critical LatencyNoData latency"},)),
    "of two hosts, one is down": Case(hosts(a=1, b=1), dead("b1"), ({"critical HostUnreachable b1"},)),
    "of two hosts, neither reaches the other": Case(
        hosts(a=1, b=1),
        (lost(between="a b"),),
        ({"critical PathDegraded cut a1 to b1", "critical PathDegraded cut b1 to a1"},),
    ),
    "of three hosts in three datacenters, one is down": Case(
        hosts(a=1, b=1, c=1), dead("b1"), ({"critical HostUnreachable b1"},)
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
        hosts(a=1, b=1, c=1), (hanging("b1"),), ({"critical LatencyExporterDown b1"},)
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


@pytest.mark.parametrize("promtool", PROMTOOLS)
@pytest.mark.parametrize("name", CASES)
def test_one_notification_arrives_for_each_culprit_and_no_other(name: str, promtool: str, tmp_path: Path) -> None:
    case = CASES[name]
    again = Fault(RESTART, LONG_AFTER + 1, restarted=frozenset({"a1"}))
    fleet = Fleet(case.datacenters, LONG_AFTER, (*case.faults, again), protocols=case.protocols)
    timeline = firing(promtool, tmp_path, fleet)
    arrived = [{about(alert) for alert in message.alerts} for message in Alertmanager().notifications(timeline)]
    assert sorted(map(sorted, arrived)) == sorted(map(sorted, case.arrives))
    # Nor does anything else arrive if a group is looked at in a worse moment, such as just after the repair.
    heard = {about(alert) for alert in Alertmanager().unsuppressed(timeline)}
    assert heard == set().union(*case.arrives)
    assert all(second > BEGINS for second, alerts in timeline.items() if alerts)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("a host is down", 150), ("an exporter hangs", 210), ("two datacenters are cut, 2 + 1", 150)],
)
def test_it_arrives_in_time(name: str, seconds: int, tmp_path: Path) -> None:
    fleet = Fleet(CASES[name].datacenters, ENDS, CASES[name].faults)
    (message, *_) = Alertmanager().notifications(firing("promtool", tmp_path, fleet))
    late = 45
    """Until the next scrape, and the next evaluation of what is recorded and of the alert."""
    assert message.second - BEGINS + late <= seconds


@pytest.mark.parametrize(
    ("name", "alertname", "says"),
    [
        ("a host is down", "HostUnreachable", "3 hosts get no answer from b2 by any protocol: it is down, or cut off."),
        (
            "a host is down, alone in its datacenter",
            "HostUnreachable",
            "it is down, or its only link is, for it is alone in its datacenter.",
        ),
        (
            "nothing comes into a host",
            "HostUnreachable",
            "or cut off. But it is scraped: look at names, addresses and firewalls.",
        ),
        ("of two hosts, one is down", "HostUnreachable", "The host that asks gets no answer from b1 by any protocol"),
        ("a path is cut", "PathDegraded", "path a1 to b2 is cut"),
        ("a host loses a third", "PathDegraded", "all paths to b2 are degraded (loss)"),
        ("nothing comes out of a host", "MeasurementInDoubt", "do not trust what b2 measures (outgoing)"),
        ("two datacenters are cut, 4 + 4", "DatacenterPathDown", "the path from datacenter a to b is down"),
        ("two datacenters lose a third", "DatacenterPathDegraded", "the path from datacenter a to b is degraded"),
        (
            "one of eight paths is dead",
            "PathUneven",
            "the path from datacenter a to b loses handshakes, and no ICMP",
        ),
    ],
)
def test_its_text_names_the_culprit(name: str, alertname: str, says: str, tmp_path: Path) -> None:
    case = CASES[name]
    fleet = Fleet(case.datacenters, ENDS + 60, case.faults, protocols=case.protocols)
    late = ENDS + 60 if alertname == "PathUneven" else ENDS - 15
    assert says in texts("promtool", tmp_path, fleet, alertname, late)


HOUR = 3600
ALL_DAY = Fault(12 * HOUR, 36 * HOUR, loses=lambda source, target: 0.02 * (source[0] != target[0]))


@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_two_percent_lost_for_a_day_is_a_lossy_path(promtool: str, tmp_path: Path) -> None:
    again = Fault(14 * HOUR, 48 * HOUR, restarted=frozenset({"a1"}))
    fleet = Fleet(hosts(a=1, b=1), 20 * HOUR, (ALL_DAY, again), protocols=ICMP, step=60)
    timeline = firing(promtool, tmp_path, fleet)
    (message,) = Alertmanager().notifications(timeline)
    assert {about(alert) for alert in message.alerts} == {"warning PathLossy a1 to b1", "warning PathLossy b1 to a1"}
    assert 14 * HOUR < message.second < 18 * HOUR


@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_a_day_of_the_noise_of_real_paths_has_no_alert(promtool: str, tmp_path: Path) -> None:
    noise = Noise(loss=0.01, jitter=0.040, swing=0.2)
    timeline = firing(promtool, tmp_path, Fleet(hosts(a=1, b=1, c=1), 24 * HOUR, noise=noise, step=60))
    assert {about(alert) for alerts in timeline.values() for alert in alerts} == set()
