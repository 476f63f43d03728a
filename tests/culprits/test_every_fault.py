"""Every fault as whoever is on call meets it: at a fleet's own pace, by each evaluator that the rules are promised for.

``make test-culprits`` runs this, in several labs side by side, since they mostly wait.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.culprits.faults import FAULTS
from tests.culprits.pace import REAL
from tests.culprits.playing import CALM, play
from tests.culprits.sites import SIX
from tests.culprits.table import PROPERTY, recorded
from tests.culprits.world import built
from tests.netlab import requires_root
from tests.system.databases import requires_databases

pytestmark = [requires_root, requires_databases, pytest.mark.servers, pytest.mark.culprits]

WATCHERS = tuple(os.environ.get("WATCHERS", "prometheus newer").split())
"""Evaluators (``Watch``), each on all labs. vmalert and its store cost more than all else of a lab."""
WARM = 180
"""Seconds of history before the first fault: ranges that hold less of it fill sooner."""


@pytest.mark.parametrize("name", FAULTS)
def test_exactly_the_culprit_arrives_in_time_and_then_silence(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """In a lab of its own, because Alertmanager may keep a culprit's second fault back until it looks at it again."""
    fault = FAULTS[name]
    with built(tmp_path, REAL, WATCHERS, SIX | ({"c1": "c"} if fault.third else {})) as world:
        time.sleep(WARM)
        world.quiet(CALM, 1800)
        played = play(world, fault, WATCHERS)
    wanted = sorted(map(sorted, fault.arrives))
    arrived = {seen.watch: sorted(map(sorted, seen.arrived)) for seen in played.seen}
    is_right = all(groups == wanted for groups in arrived.values())
    record_property(PROPERTY, json.dumps(recorded(name, played, is_right=is_right)))
    assert arrived == dict.fromkeys(arrived, wanted)
    assert all(seen.notified is None or seen.notified <= fault.within for seen in played.seen), played
    assert all(seen.over is not None for seen in played.seen if seen.arrived), played
