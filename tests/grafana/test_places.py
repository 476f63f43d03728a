"""Fleets that are unlike others: a host moves, one has no place, two datacenters have more hosts than a matrix."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

import pytest

from grafana.down_and_changed import CHANGED
from grafana.fleet import LARGEST_MATRIX
from tests.grafana import fleet as fleets
from tests.grafana import servers, stage
from tests.grafana.boards import FILES, FOLDER, asked, load
from tests.grafana.fleet import Fleet, Host
from tests.grafana.grafana import ask, choose, filled, result
from tests.grafana.history import DAY, END, FAULT, HOUR, Clock, Series
from tests.grafana.servers import Server

pytestmark = pytest.mark.servers

CLOCK = Clock(60, 600)
HERE, ELSEWHERE = "wf001_usa", "wf001_brazil"
FLEET = Fleet(
    (Host("wf001", HERE, "wf001", "US"), Host("wfdb01", "wfdb01_usa", "wfdb01", "US"), Host("wf008", "", "", ""))
)
LEAVES, ARRIVES = FAULT - 2_300, FAULT - 2_000
LARGE = fleets.many(3, LARGEST_MATRIX - 5)
TOMORROW = END + DAY
"""When the large fleet is there."""
ROUND_TRIPS = {
    (0.1, 0.13): "takes more than a fifth longer",
    (0.1, 0.9): "takes more than a fifth longer",
    (0.1, 0.12): None,
    (0.001, 0.0055): None,
    (0.001, 0.0065): "takes more than a fifth longer",
    (0.1, 0.073): "takes more than a fifth less",
    (0.4, 0.001): "takes more than a fifth less",
    (0.1, 0.08): None,
    (0.0055, 0.001): None,
}
"""What paths took the day before and on that day, and what is said of them: less than 5 ms is noise."""
BOARD = load(FOLDER / "latency-exporter-fleet.json")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers.victoria_metrics(tmp_path_factory.mktemp("places"), servers.GENERATIONS[-1]) as server:
        for part in stage.PARTS:
            servers.take(server, _moved(part(FLEET, CLOCK)))
        servers.record(server, CLOCK)
        servers.take(server, itertools.chain(_large(), _other_than_yesterday()))
        yield server


def _moved(series: Iterable[Series]) -> Iterator[Series]:
    """Yield series as they are when the first host moves."""
    for each in series:
        after = {name: ELSEWHERE if value == HERE else value for name, value in each.labels.items()}
        if after == each.labels:
            yield each
        else:
            yield _between(each, each.labels, 0, LEAVES)
            yield _between(each, after, ARRIVES, END)


def _between(series: Series, labels: Mapping[str, str], begin: int, end: int) -> Series:
    there = [(at, value) for at, value in zip(series.times, series.values, strict=True) if begin <= at <= end]
    return Series(labels, [at for at, _ in there], [value for _, value in there])


def _large() -> Iterator[Series]:
    """Yield what the variables offer, and what the rules record of paths."""
    for host in LARGE.hosts:
        yield Series({**host.as_source(), "__name__": "up"}, [TOMORROW], [1])
        yield Series({**host.as_target(), "__name__": "target:network_latency_bad:ratio"}, [TOMORROW], [0])
    for source, target in LARGE.pairs():
        ends = {**source.as_source(), **target.as_target(), "ip_family": "ipv4"}
        for name in ("bad:bool", "loss:ratio_rate3m"):
            yield Series({**ends, "__name__": f"path:network_latency_{name}"}, [TOMORROW], [0.5])


def _other_than_yesterday() -> Iterator[Series]:
    for (source, target), seconds in zip(LARGE.pairs(), ROUND_TRIPS, strict=False):
        labels = {**source.as_source(), **target.as_target(), "ip_family": "ipv4"}
        yield Series({**labels, "__name__": "path:network_latency_rtt_seconds:median10m"}, [END, TOMORROW], seconds)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_host_that_moves_is_one_line_in_each_panel(server: Server, file) -> None:
    board = load(file)
    chosen = choose(server, board, {"source": "wf001", "target": "wfdb01", "probe": "ping"}, FAULT)
    for each in asked(board):
        names = ask(server, each, chosen, CLOCK.step, FAULT).names
        assert not each.is_drawn or len(set(names)) == len(names), f"{each.where}: {sorted(names)}"


def test_the_host_was_at_both_places_while_it_is_looked_at(server: Server) -> None:
    for recorded in (
        "pair:network_latency_rtt_seconds:p50_rate5m",
        "database:database_query_latency_seconds:p50_rate5m",
    ):
        assert {HERE, ELSEWHERE} <= set(server.label_values("source_location", recorded, FAULT - HOUR, FAULT))


@pytest.mark.parametrize("place", ["datacenter", "country"])
def test_a_host_without_a_place_has_no_row_no_column_and_no_line_without_a_name(server: Server, place: str) -> None:
    chosen, ends = choose(server, BOARD, {}, LEAVES), {f"source_{place}", f"target_{place}"}
    names = {
        "datacenter": ["Share of bad paths", "Round trip, relative to usual"],
        "country": ["Failed probes between countries"],
    }
    of_places = [
        each for each in asked(BOARD) if each.title in names[place] and f'source_{place}!=""' in each.expression
    ]
    assert [each.title for each in of_places] == names[place]
    for each in of_places:
        answer = result(server, each, chosen, CLOCK.step, LEAVES)
        assert answer
        assert all(ends <= set(series["metric"]) for series in answer), each.where


@pytest.mark.parametrize(("datacenters", "is_shown"), [("dc00", True), ("(dc00|dc01)", True), (".*", False)])
def test_the_matrix_of_hosts_is_there_for_two_datacenters_of_many_and_for_no_more(
    server: Server, datacenters: str, is_shown: bool
) -> None:
    chosen = choose(server, BOARD, {}, TOMORROW)
    chosen.texts["datacenter"] = datacenters
    (loss,) = (each for each in asked(BOARD) if each.title == "Loss")
    paths = [pair for pair in LARGE.pairs() if all(re.fullmatch(datacenters, host.datacenter) for host in pair)]
    assert len(ask(server, loss, chosen, CLOCK.step, TOMORROW).names) == len(paths) * is_shown


def test_what_takes_longer_or_less_than_the_day_before_is_said_so(server: Server) -> None:
    chosen = choose(server, BOARD, {}, TOMORROW)
    rows = server.get("query", {"query": filled(CHANGED, chosen.texts, 60), "time": TOMORROW})["result"]
    words = {row["metric"]["who"]: row["metric"]["what"] for row in rows}
    paths = [f"{source.name} → {target.name}" for source, target in LARGE.pairs()[: len(ROUND_TRIPS)]]
    assert [words.get(path) for path in paths] == list(ROUND_TRIPS.values())
