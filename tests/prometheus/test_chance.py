"""Which of several paths a handshake takes is chance, and so is what gets lost if one of them is dead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.prometheus.firing import seen
from tests.prometheus.fleet import Fault, Fleet, Noise
from tests.prometheus.test_culprits import about
from tests.prometheus.test_rules import PROMTOOLS
from tests.prometheus.whole_fleets import hosts

pytestmark = pytest.mark.servers

BEGINS, HANGS, ENDS = 240, 1200, 1800
SEED = 1
"""By which probes and logins fail in a row, some of them for minutes."""
OF_EIGHT = 1 - (7 / 8) ** 2
"""Of handshakes, if one of eight paths is dead in both directions: they choose a path there and one back."""
UNEVEN = Fault(BEGINS, ENDS, loses_flows=lambda source, target: OF_EIGHT * (source[0] != target[0]))
BOTH_WAYS = {"warning PathUneven a to b", "warning PathUneven b to a"}


def test_one_dead_path_of_eight_is_no_program_and_no_database_that_fails(tmp_path: Path) -> None:
    fired = _fired(tmp_path, UNEVEN)
    assert fired.keys() == BOTH_WAYS
    assert max(fired.values()) < BEGINS + 600


def test_a_database_that_hangs_behind_uneven_paths_is_down(tmp_path: Path) -> None:
    hangs = Fault(HANGS, ENDS, databases={"orders": "timeout"})
    fired = _fired(tmp_path, UNEVEN, hangs)
    assert fired.keys() == BOTH_WAYS | {"critical DatabaseDown timeout orders"}
    assert fired["critical DatabaseDown timeout orders"] <= HANGS + 240


def test_a_program_that_hangs_behind_uneven_paths_is_named(tmp_path: Path) -> None:
    hangs = Fault(HANGS, ENDS, hanging=frozenset({"b2"}))
    fired = _fired(tmp_path, UNEVEN, hangs)
    assert fired.keys() == BOTH_WAYS | {"critical LatencyExporterDown b2", "critical PeerFailing b2"}
    assert fired["critical PeerFailing b2"] <= HANGS + 240


def _fired(folder: Path, *faults: Fault) -> Mapping[str, int]:
    """Return what fired until the faults end, and when it did so first."""
    noise = Noise(loss=1e-5, seed=SEED)
    fleet = Fleet(hosts(a=2, b=2), ENDS, faults, noise=noise, databases={"orders": "b1"})
    timeline = seen(PROMTOOLS[-1], folder, fleet).timeline
    first: dict[str, int] = {}
    for second in sorted(timeline):
        for alert in timeline[second]:
            first.setdefault(about(alert), second)
    return first
