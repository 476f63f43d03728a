"""Every query of every panel and variable, asked of real servers that hold a healthy and a faulty fleet."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from grafana.down_and_changed import CHANGED, DOWN
from grafana.fleet import LARGEST_MATRIX
from grafana.n8n import NEVER
from grafana.suspects import SUSPECTS
from tests.grafana import fleet as fleets
from tests.grafana import servers, stage
from tests.grafana.boards import FILES, FOLDER, Asked, asked, load, variables
from tests.grafana.fleet import Fleet
from tests.grafana.grafana import Answer, ask, choose, filled
from tests.grafana.history import BEGIN, DAY, FAULT, STATES, Clock
from tests.grafana.servers import Server

pytestmark = pytest.mark.servers

SLOWEST = 2.0
"""Seconds that an answer may take."""
_IN_SMALL_FLEETS = f"<= {LARGEST_MATRIX}"
_FAULTS_ALONE = {
    "latency-exporter-databases": {"Faults", "Failures by reason"},
    "latency-exporter-exporter": {"Its own faults"},
    "latency-exporter-fleet": {
        "Whom the rules suspect",
        "Down, and in maintenance",
        "Most loss",
        "Changed since yesterday",
    },
    "latency-exporter-n8n": {"Failing workflows", "Failing nodes", "Nodes that could not be read"},
    "latency-exporter-pair": {"Failures by reason ($probe)", "Route changes"},
}
"""What is empty while all is well; all else is never, if it has something to be made of."""
_LARGEST_SHARE = 10
"""Of what is usual more can be lost than all: a round trip that is ten times the usual one."""


class Stage:
    """A fleet's history, in servers that are started when they are asked."""

    def __init__(self, folder: Path, fleet: Fleet, clock: Clock, stack: ExitStack) -> None:
        self.fleet, self.scrape = fleet, clock.step
        self._folder, self._stack = folder, stack
        self._origin = stack.enter_context(servers.victoria_metrics(folder, servers.GENERATIONS[-1]))
        stage.fill(self._origin, fleet, clock)
        self._servers = {f"VictoriaMetrics, {servers.GENERATIONS[-1]}": self._origin}

    def server(self, name: str) -> Server:
        if name not in self._servers:
            self._servers[name] = self._started(*name.split(", "))
        return self._servers[name]

    def _started(self, program: str, generation: str) -> Server:
        if program == "Prometheus":
            return self._stack.enter_context(servers.prometheus(self._folder, self._blocks, generation))
        older = self._stack.enter_context(servers.victoria_metrics(self._folder, generation))
        servers.copy(self._origin, older)
        return older

    @functools.cached_property
    def _blocks(self) -> Path:
        return servers.blocks(self._origin, self._folder)


SIZES = {
    "3-hosts": (fleets.three(), Clock(30, 300)),
    "30-hosts": (fleets.many(6, 5), Clock(60, 300, is_held=True)),
    "300-hosts": (fleets.many(10, 30, neighbours=2), Clock(120, 300, is_held=True)),
}
_STAGES = [pytest.param(size, marks=[pytest.mark.large] * (number > 0)) for number, size in enumerate(SIZES)]


@pytest.fixture(scope="module", params=_STAGES)
def staged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    fleet, clock = SIZES[request.param]
    with ExitStack() as stack:
        yield Stage(tmp_path_factory.mktemp("fleet"), fleet, clock, stack)


def _answers(staged: Stage, server: str, file: Path, at: int) -> dict[Asked, list[Answer]]:
    """Return what a server says to each query of a dashboard, for each probe where one is chosen."""
    board = load(file)
    answers: dict[Asked, list[Answer]] = {}
    first, second = staged.fleet.hosts[:2]
    for probe in ("icmp", "ping") if "probe" in {variable["name"] for variable in variables(board)} else ("",):
        wanted = {"source": first.name, "target": second.name, "probe": probe}
        chosen = choose(staged.server(server), board, wanted, at)
        assert max(chosen.seconds.values()) < SLOWEST, f"variables: {chosen.seconds}"
        for each in asked(board):
            answers.setdefault(each, []).append(ask(staged.server(server), each, chosen, staged.scrape, at))
    return answers


SERVERS = [f"{name}, {of}" for name in ("Prometheus", "VictoriaMetrics") for of in servers.GENERATIONS]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("server", SERVERS)
def test_every_query_is_answered_at_once_by_named_series_that_fit_their_unit(
    staged: Stage, server: str, file: Path
) -> None:
    answers = {state: _answers(staged, server, file, at) for state, at in STATES.items()}
    print(_slowest(answers))  # what -rP shows of a run that passes
    faults = [fault for state in answers for each, all_ in answers[state].items() for fault in _faults(each, all_)]
    hosts = len(staged.fleet.hosts)
    for wrong, is_shown in (("empty, healthy and faulty", False), ("a matrix of too many hosts", True)):
        wanted = (each for each in answers["healthy"] if _is_to_be_shown(each, hosts) != is_shown)
        faults += [f"{each.where}: {wrong}" for each in wanted if _shown(answers, each) == is_shown]
    for state, empty in {"healthy": _FAULTS_ALONE[file.stem], "faulty": set()}.items():
        panels = _empty({each: all_ for each, all_ in answers[state].items() if _is_to_be_shown(each, hosts)})
        faults += [f"{state}: {title}: empty, or shows what it should not" for title in set(panels.values()) ^ empty]
    assert not faults, "\n".join(faults)


def _empty(answers: dict[Asked, list[Answer]]) -> dict[str, str]:
    """Return the panels of which no query has an answer, and their titles."""
    shown = {each.panel for each, all_ in answers.items() if any(answer.names for answer in all_)}
    return {each.panel: each.title for each in answers if each.panel not in shown}


def _slowest(answers: dict[str, dict[Asked, list[Answer]]]) -> str:
    seconds = {
        each: max(answer.seconds for of in answers.values() for answer in of[each]) for each in answers["healthy"]
    }
    most = max(seconds, key=seconds.__getitem__)
    return f"slowest of {len(seconds)}: {most.where}, {seconds[most]:.2f} s"


def _shown(answers: dict[str, dict[Asked, list[Answer]]], each: Asked) -> bool:
    """Return whether a query has an answer in any state."""
    return any(answer.names for of in answers.values() for answer in of[each])


def _is_to_be_shown(each: Asked, hosts: int) -> bool:
    """Return whether a query has to have an answer in some state: the matrix of hosts has none in a large fleet."""
    return _IN_SMALL_FLEETS not in each.expression or hosts <= LARGEST_MATRIX


@pytest.mark.parametrize("server", SERVERS)
def test_who_is_to_blame_and_what_is_down_is_said_in_words(staged: Stage, server: str) -> None:
    for state, at in STATES.items():
        dead, (first, second) = staged.fleet.dead, staged.fleet.pairs()[0]
        suspects, down = (_said(staged.server(server), query, at) for query in (SUSPECTS, DOWN))
        blamed = {
            (f"host {dead.name}", "answers nobody: itself is down, or its only link", "HostUnreachable"),
            (
                f"path {first.name} → {second.name}",
                "loses packets, unlike usual; neither end is to blame",
                "PathDegraded",
            ),
            ("database n8n.postgres", "refuses this login, and works otherwise: auth", "DatabaseDown"),
            ("database shop-mysql", "takes far longer than the day before, the network aside", "DatabaseSlow"),
            ("probe http of grafana", "takes far longer than the day before, the network aside", "PeerSlow"),
        }
        if staged.fleet.cut:
            way = "the way {} → {}".format(*staged.fleet.cut)
            blamed.add((way, "loses all, and no host of either is to blame", "DatacenterPathDown"))
        missing = {
            (f"host {dead.name}", "answers nobody"),
            (f"exporter of {dead.name}", "cannot be scraped"),
            ("database n8n.postgres", "cannot be used from any host"),
        }
        assert (suspects, down) == ((blamed, missing) if state == "faulty" else (set(), set()))


@pytest.mark.parametrize("server", SERVERS)
def test_what_differs_from_the_day_before_is_said_in_words(staged: Stage, server: str) -> None:
    first, second = staged.fleet.pairs()[0]
    changed = {
        (f"{first.name} → {second.name}", "takes another route (hop limit)"),
        (f"exporter of {first.name}", "has another fleet file"),
    }
    if first.datacenter != second.datacenter:  # else it is a fifth longer, but by less than 5 ms
        changed.add((f"{first.name} → {second.name}", "takes more than a fifth longer"))
    for state, at in STATES.items():
        chosen = choose(staged.server(server), load(FOLDER / "latency-exporter-fleet.json"), {}, at)
        query = filled(CHANGED, chosen.texts, staged.scrape)
        assert _said(staged.server(server), query, at) == (changed if state == "faulty" else set())


@pytest.mark.parametrize("server", SERVERS)
def test_what_cannot_be_known_on_the_first_day_is_empty_and_says_why(staged: Stage, server: str) -> None:
    empty: set[str] = set()
    for file in FILES:
        answers = _answers(staged, server, file, FAULT - DAY)
        panels = _empty({each: all_ for each, all_ in answers.items() if each.instant})
        assert not [each.panel for each in answers if each.panel in panels and not each.may_be_empty]
        empty |= set(panels.values()) - _FAULTS_ALONE[file.stem]
    assert empty >= {"Usual", "Relative to usual", "Round trip, relative to usual", "Most unlike the day before"}


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_is_said_to_be_well_where_nothing_is_known(staged: Stage, server: str) -> None:
    before = BEGIN - 3 * DAY
    for file in FILES:
        board = load(file)
        chosen = choose(staged.server(server), board, {}, STATES["healthy"])
        for each in (each for each in asked(board) if each.instant):
            assert ask(staged.server(server), each, chosen, staged.scrape, before).names == [], each.where


@pytest.mark.parametrize("server", SERVERS)
def test_a_workflow_that_never_succeeded_is_in_the_first_table_and_has_failed_last(staged: Stage, server: str) -> None:
    board = load(FOLDER / "latency-exporter-n8n.json")
    chosen = choose(staged.server(server), board, {}, STATES["healthy"])
    values = {
        each.panel.partition(" ")[2]: ask(staged.server(server), each, chosen, staged.scrape, STATES["healthy"]).values
        for each in asked(board)
        if each.instant
    }
    assert values["Last success of each active workflow"].count(NEVER) == 1
    assert values["Failed last"] == [1]


def _said(server: Server, query: str, at: int) -> set[tuple[str, ...]]:
    """Return the rows of sentences: who, what, and the alert, if any."""
    result = server.get("query", {"query": query, "time": at})["result"]
    rows = ([each["metric"].get(label) for label in ("who", "what", "alert")] for each in result)
    return {tuple(filter(None, row)) for row in rows}


def _faults(each: Asked, answers: list[Answer]) -> Iterator[str]:
    for answer in answers:
        if each.is_drawn and len(set(answer.names)) < len(answer.names):
            yield f"{each.where}: several series have one name: {sorted(answer.names)[:6]}"
        if answer.seconds > SLOWEST:
            yield f"{each.where}: took {answer.seconds:.1f} s"
        if any(map(math.isnan, answer.values)):
            yield f"{each.where}: holds no number: {each.expression}"
        if not _fits(each, [value for value in answer.values if not math.isnan(value) and value not in each.in_words]):
            yield f"{each.where}: {each.unit} does not fit {min(answer.values)} to {max(answer.values)}"


def _fits(each: Asked, values: list[float]) -> bool:
    """Return whether a unit can be that of what is asked, by its name and by its size."""
    if not values:
        return True
    least, most = min(values), max(values)
    fits = {
        "s": "seconds" in each.expression and least >= -1 and most < 400 * 86400,
        "percentunit": least >= 0 and most <= _LARGEST_SHARE,
        "bytes": "_bytes" in each.expression and least > 1000,
        "suffix:×": " / " in each.expression and least >= 0 and most < 1000,
        "short": "_seconds" not in each.expression or each.expression.startswith("count("),
        "suffix:/min": each.expression.startswith("60 * ") and least >= 0,
        "suffix:/s": "rate(" in each.expression and least >= 0,
        "string": True,
    }
    return fits[each.unit]
