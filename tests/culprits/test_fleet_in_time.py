"""``/fleet`` at a fleet's own pace: asked once, two probe intervals after a fault, each host names the culprit.

``make test-culprits`` runs this.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.culprits.faults import FAULTS
from tests.culprits.pace import REAL
from tests.culprits.test_fleet_view import NAMED, named
from tests.culprits.world import built
from tests.netlab import requires_root, wait_until
from tests.system.databases import requires_databases

pytestmark = [requires_root, requires_databases, pytest.mark.culprits]

INTERVAL = float(REAL.interval.removesuffix("s"))
CALM, WARM = 120, 45
"""Seconds at most until nobody is named, and from then to the fault: more than the ten for which a view stands."""
LATER: Mapping[str, int] = {
    "a database hangs": 3,  # of two queries, each of which is given up after 10 s
}
"""After how many intervals, where two are not enough."""


@pytest.mark.parametrize("name", NAMED)
def test_each_side_of_a_fault_names_it_within_two_intervals(name: str, tmp_path: Path) -> None:
    with built(tmp_path, REAL, ()) as world, ThreadPoolExecutor() as at_once:
        wait_until(lambda: named(world, "a1") == set(), "nobody is named", CALM)
        time.sleep(WARM)
        mend = FAULTS[name].breaks(world)
        try:
            time.sleep(LATER.get(name, 2) * INTERVAL)
            names = dict(zip(NAMED[name], at_once.map(lambda host: named(world, host), NAMED[name]), strict=True))
            assert names == NAMED[name]
        finally:
            mend()
