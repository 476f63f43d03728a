"""Days of whole fleets: what is lost a little all the time, and what is not told from an ordinary day."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prometheus.firing import seen
from tests.prometheus.fleet import Fault, Fleet, Noise
from tests.prometheus.notifying import Alertmanager
from tests.prometheus.test_culprits import about
from tests.prometheus.test_rules import PROMTOOLS
from tests.prometheus.whole_fleets import ICMP, hosts

pytestmark = pytest.mark.servers

HOUR = 3600
SCRAPED, EVALUATED = 60, 120
"""Seconds, between two of each: a day has the fewer of them."""
ALL_DAY = Fault(12 * HOUR, 36 * HOUR, loses=lambda source, target: 0.02 * (source[0] != target[0]))


def test_two_percent_lost_for_a_day_is_a_lossy_path(tmp_path: Path) -> None:
    again = Fault(14 * HOUR, 48 * HOUR, restarted=frozenset({"a1"}))
    fleet = Fleet(hosts(a=1, b=1), 20 * HOUR, (ALL_DAY, again), protocols=ICMP, step=SCRAPED)
    timeline = seen(PROMTOOLS[-1], tmp_path, fleet, every=EVALUATED).timeline
    (message,) = Alertmanager().notifications(timeline)
    assert {about(alert) for alert in message.alerts} == {"warning PathLossy a1 to b1", "warning PathLossy b1 to a1"}
    assert 14 * HOUR < message.second < 18 * HOUR


def test_two_percent_lost_from_the_first_hour_on_is_a_lossy_path_until_a_whole_day_is_known(tmp_path: Path) -> None:
    fleet = Fleet(hosts(a=1, b=1), 29 * HOUR, (Fault(0, 29 * HOUR, ALL_DAY.loses),), protocols=ICMP, step=SCRAPED)
    timeline = seen(PROMTOOLS[-1], tmp_path, fleet, every=EVALUATED).timeline
    firing = {second for second, alerts in timeline.items() if alerts}
    assert {about(alert) for second in firing for alert in timeline[second]} == {
        "warning PathLossy a1 to b1",
        "warning PathLossy b1 to a1",
    }
    assert 6 * HOUR < min(firing) < 7 * HOUR
    assert 27 * HOUR < max(firing) <= 28 * HOUR


def test_hours_of_outage_within_a_maintenance_are_neither_a_lossy_path_after_it_nor_usual(tmp_path: Path) -> None:
    """Were they usual, a third of loss would be no news."""
    outage = Fault(13 * HOUR, 19 * HOUR - 600, loses=lambda _source, _target: 1.0)
    real = Fault(21 * HOUR, 22 * HOUR, loses=lambda _source, _target: 0.3)
    fleet = Fleet(
        hosts(a=1, b=1), 22 * HOUR, (outage, real), protocols=ICMP, step=SCRAPED, maintenance={"b1": 19 * HOUR}
    )
    timeline = seen(PROMTOOLS[-1], tmp_path, fleet, every=EVALUATED).timeline
    (message,) = Alertmanager().notifications(timeline)
    assert {about(alert) for alert in message.alerts} == {
        "warning PathDegraded loss a1 to b1",
        "warning PathDegraded loss b1 to a1",
    }
    assert message.second > real.begins
    assert len(Alertmanager().unsuppressed(timeline)) == 2


def test_a_day_of_the_noise_of_real_paths_has_no_alert(tmp_path: Path) -> None:
    noise = Noise(loss=0.01, jitter=0.040, swing=0.2)
    fleet = Fleet(hosts(a=1, b=1, c=1), 24 * HOUR, noise=noise, step=SCRAPED)
    timeline = seen(PROMTOOLS[-1], tmp_path, fleet, every=EVALUATED).timeline
    assert {about(alert) for alerts in timeline.values() for alert in alerts} == set()
