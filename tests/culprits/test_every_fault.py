"""Every fault as whoever is on call meets it: at a fleet's own pace, by each evaluator that the rules are promised for.

``make test-culprits`` runs this, in several labs side by side, since they mostly wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.culprits.faults import FAULTS
from tests.culprits.pace import REAL
from tests.culprits.playing import CALM, play
from tests.culprits.table import PROPERTY, recorded
from tests.culprits.world import World, built
from tests.netlab import requires_root
from tests.system.databases import requires_databases

pytestmark = [requires_root, requires_databases, pytest.mark.servers, pytest.mark.culprits]

WATCHERS = tuple(os.environ.get("WATCHERS", "prometheus newer").split())
"""Evaluators (``Watch``), each on all labs. vmalert and its store cost more than all else of a lab."""
WARM = 180
"""Seconds of history before the first fault: ranges that hold less of it fill sooner."""


class Labs:
    """A lab is kept from fault to fault, as long as they end well."""

    def __init__(self, make: pytest.TempPathFactory) -> None:
        self._make = make
        self._stack = contextlib.ExitStack()
        self._world: World | None = None
        self._third = False

    def world(self, *, third: bool) -> World:
        if self._world is None or third is not self._third:
            self.close()
            self._third = third
            self._world = self._stack.enter_context(built(self._make.mktemp("culprits"), REAL, WATCHERS, third=third))
            time.sleep(WARM)
            self._world.quiet(CALM, 1800)
        return self._world

    def close(self) -> None:
        self._world = None
        self._stack.close()


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    labs = Labs(tmp_path_factory)
    yield labs
    labs.close()


@pytest.mark.parametrize("name", FAULTS)
def test_exactly_the_culprit_arrives_in_time_and_then_silence(
    name: str, labs: Labs, record_property: Callable[[str, object], None]
) -> None:
    fault = FAULTS[name]
    try:
        played = play(labs.world(third=fault.third), fault, WATCHERS)
    except BaseException:
        labs.close()
        raise
    wanted = sorted(map(sorted, fault.arrives))
    arrived = {seen.watch: sorted(map(sorted, seen.arrived)) for seen in played.seen}
    is_right = all(groups == wanted for groups in arrived.values())
    record_property(PROPERTY, json.dumps(recorded(name, played, is_right=is_right)))
    assert arrived == dict.fromkeys(arrived, wanted)
    assert all(seen.notified is None or seen.notified <= fault.within for seen in played.seen), played
    assert all(seen.over is not None for seen in played.seen if seen.arrived), played
