"""The series that are made up for the servers are those that the program has, label by label."""

from __future__ import annotations

import pytest

from tests.docs.known import base, known_metrics, target_labels
from tests.grafana import fleet
from tests.grafana.boards import FILES, load
from tests.grafana.history import Clock
from tests.grafana.stage import PARTS
from tests.grafana.test_boards import expressions, raw_vectors, recorded

_PROMETHEUS = ("up", "scrape_", "process_")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_series_that_is_made_up_has_the_labels_of_a_real_one(part) -> None:
    for series in part(fleet.three(), Clock(30, 120)):
        name, labels = series.labels["__name__"], set(series.labels) - {"__name__", "le"}
        if name.startswith(_PROMETHEUS):
            assert labels == target_labels(), name
        elif name not in recorded():
            assert labels == known_metrics()[base(name)][1] | target_labels(), name


def test_whatever_the_dashboards_ask_of_the_program_is_made_up() -> None:
    parts = (part(fleet.three(), Clock(30, 120)) for part in PARTS)
    made = {series.labels["__name__"] for part in parts for series in part}
    wanted = {name for file in FILES for text in expressions(load(file)) for name, _ in raw_vectors(text)}
    assert {base(name) for name in wanted} <= {base(name) for name in made}
