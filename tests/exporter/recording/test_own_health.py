"""What is remembered of our own measuring, and for how long it counts."""

from __future__ import annotations

import pytest

from exporter.recording.own_health import LONG_QUEUE, OwnHealth, RecentHealth


def read(health: RecentHealth, now: float) -> OwnHealth:
    return health.read(now, no_icmp="", asked_by={})


def test_before_anything_was_measured_nothing_is_claimed() -> None:
    assert read(RecentHealth(), 100.0) == OwnHealth()


def test_the_worst_of_the_last_minute_counts_and_what_got_lost_adds_up() -> None:
    health = RecentHealth()
    for waited, lateness, packets in ((1e-6, 0.002, 2), (3e-6, 0.001, 5)):
        health.queued(waited, 100.0)
        health.started_late(lateness, 100.0)
        health.skipped(1, 100.0)
        health.overflowed(packets, 100.0)
    assert read(health, 101.0) == OwnHealth(egress_queue=3e-6, lateness=0.002, skipped=2, overflows=7)
    assert read(health, 200.0) == OwnHealth()


@pytest.mark.parametrize(("waited", "stands_until"), [(LONG_QUEUE, 0.0), (2 * LONG_QUEUE, 160.0)])
def test_a_full_queue_is_taken_to_stand_for_a_minute_after_it_was_measured(waited: float, stands_until: float) -> None:
    health = RecentHealth()
    health.queued(waited, 100.0)
    assert health.queue_stands_until == stands_until


def test_what_others_know_is_part_of_it() -> None:
    health = RecentHealth()
    health.not_reloaded = "fleet.yml:1: x"
    own = health.read(100.0, no_icmp="no permission", asked_by={"wf008": 3.0})
    assert own == OwnHealth(no_icmp="no permission", not_reloaded="fleet.yml:1: x", asked_by={"wf008": 3.0})
