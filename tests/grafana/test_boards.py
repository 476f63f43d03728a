"""What makes a dashboard a good one, of every panel of ours; and that the files are those that the code makes."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from collectors.terms import Phase, Reason
from exporter.doctor.rules.dashboards import MARK
from grafana.__main__ import as_json, texts
from grafana.cards import PHASES, REASONS
from tests.docs.known import base, known_metrics, target_labels
from tests.docs.markdown import ROOT
from tests.docs.test_promql_page import vectors
from tests.grafana.boards import FILES, asked, load, panels, variables
from tests.yaml_files import content

_SCRAPED = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
"""What Prometheus itself says of a scrape."""
_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"}
_NAME = re.compile(r"\b\w+:\w+:\w+|\b(?:network_latency|latency_exporter|database|n8ndb|process|scrape)_\w+|\bup\b")
_OF_ALL_TIME = "n8ndb_workflow_runs_total"
"""A counter that never begins anew, because it is n8n's own."""

every = pytest.mark.parametrize("board", [load(file) for file in FILES], ids=[file.stem for file in FILES])


@functools.cache
def recorded() -> set[str]:
    groups = (content(file)["groups"] for file in (ROOT / "prometheus/rules").glob("*.yml"))
    return {rule["record"] for file in groups for group in file for rule in group["rules"] if "record" in rule}


def expressions(board: dict[str, Any]) -> list[str]:
    return [each.expression for each in asked(board)] + [
        variable["query"] for variable in variables(board) if variable["type"] == "query"
    ]


def raw_vectors(expression: str) -> list[tuple[str, list[str]]]:
    """Return the metrics of the program that an expression asks, and the labels by which; none that are recorded."""
    return vectors(re.sub(r"\b\w+:\w+:\w+", "recorded", expression))


def test_the_files_are_those_that_the_code_makes() -> None:
    assert {file.name: file.read_text("utf-8") for file in FILES} == texts(), "run `python -m grafana`"


@every
def test_a_dashboard_is_of_the_schema(board: dict[str, Any]) -> None:
    """What the schema does not know gets lost on the way through its types."""
    register_default_plugins()
    again = as_json(Dashboard.from_json(board))
    assert again == board
    assert (again["schemaVersion"], f"{again['uid']}.json" in texts()) == (42, True)


@every
def test_a_dashboard_is_known_to_the_doctor_and_to_the_others(board: dict[str, Any]) -> None:
    assert board["tags"] == [MARK]
    assert board["uid"].startswith(MARK)
    assert len(board["uid"]) <= 40
    assert board["links"][0]["tags"] == [MARK]
    assert board["links"][0]["includeVars"]


@every
def test_links_stand_above_the_dashboard(board: dict[str, Any]) -> None:
    """Grafana hides those that have a placement."""
    assert not [link for link in board["links"] if "placement" in link]


@every
def test_no_panel_holds_a_uid_of_a_datasource(board: dict[str, Any]) -> None:
    ours = {"type": "prometheus", "uid": "${datasource}"}
    first, *others = variables(board)
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    holders = [*panels(board), *(target for panel in panels(board) for target in panel["targets"]), *others]
    holders += board["annotations"].get("list", [])
    assert [holder["datasource"] for holder in holders] == [ours] * len(holders)


@every
def test_a_panel_has_a_title_of_its_own_a_sentence_of_help_and_a_unit(board: dict[str, Any]) -> None:
    titles: Counter[tuple[str, str]] = Counter()
    row = ""
    for panel in board["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            continue
        titles[row, panel["title"]] += panel["type"] != "stat"
        assert re.fullmatch(r"[A-Z].{15,150}[.?]", panel["description"]), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
    assert all(row and title for row, title in titles)
    assert max(titles.values()) == 1, titles.most_common(1)
    ids = [panel["id"] for panel in board["panels"]]
    assert ids == list(range(1, len(ids) + 1))


@every
def test_no_panel_asks_what_another_asks(board: dict[str, Any]) -> None:
    shown = Counter((panel["type"], tuple(target["expr"] for target in panel["targets"])) for panel in panels(board))
    assert max(shown.values()) == 1, shown.most_common(1)


@every
def test_panels_do_not_overlap_and_lines_are_full(board: dict[str, Any]) -> None:
    taken: Counter[tuple[int, int]] = Counter()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken.update((place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"]))
    assert max(taken.values()) == 1, "panels overlap"


@every
def test_a_rate_is_of_what_the_time_range_needs_or_of_hours(board: dict[str, Any]) -> None:
    for expression in expressions(board):
        windows = re.findall(r"\b(?:rate|increase)\([^\[]*\[([^\]]+)\]", expression)
        assert set(windows) <= {"$__rate_interval", "1h", "1d"}, expression


@every
def test_heat_maps_read_buckets_and_nothing_else_takes_a_mean_since_the_start(board: dict[str, Any]) -> None:
    for panel in panels(board):
        for target in panel["targets"]:
            if panel["type"] == "heatmap":
                assert re.search(r"60 \* sum by \(le\) \(rate\(\w+_bucket\{", target["expr"]), target["expr"]
                assert (target["format"], target["legendFormat"]) == ("heatmap", "{{le}}")
            for name in set(re.findall(r"\w+_(?:sum|count|bucket|total)\b(?=\{)", target["expr"])) - {_OF_ALL_TIME}:
                assert re.search(rf"(?:rate|increase)\({name}\{{", target["expr"]), target["expr"]


def test_each_reason_and_each_phase_has_a_colour_and_no_reason_is_green() -> None:
    assert (REASONS.keys(), PHASES.keys()) == (set(Reason), set(Phase))
    assert len(set(PHASES.values())) == len(Phase)
    assert not [color for color in REASONS.values() if "green" in color]
    assert len(set(REASONS.values())) == len(Reason)


@every
def test_a_figure_without_a_value_is_grey_and_has_a_text_that_is_short(board: dict[str, Any]) -> None:
    """Its text is written as large as the panel allows, which for a sentence is too small to be read."""
    for panel in panels(board):
        if panel["type"] == "stat":
            (nothing,) = (each["options"] for each in panel["fieldConfig"]["defaults"]["mappings"])
            text, color = nothing["result"]["text"], nothing["result"]["color"]
            assert (nothing["match"], color, len(text) < 30) == ("null", "gray", True), panel["title"]


@every
def test_what_is_asked_exists_with_the_labels_that_it_is_asked_by(board: dict[str, Any]) -> None:
    known, own = known_metrics(), {"le", *target_labels()}
    for expression in expressions(board):
        text = re.sub(r'"[^"]*"', '""', expression)
        names = set(_NAME.findall(text)) - own - {label for _, labels in known.values() for label in labels}
        assert {name for name in names if ":" in name} <= recorded(), expression
        raw = {name for name in names if ":" not in name} - _SCRAPED - _PROCESS
        assert {base(name) for name in raw} <= set(known), expression
        for name, selected in raw_vectors(text):
            assert set(selected) <= known[base(name)][1] | own, expression


@every
def test_what_is_recorded_is_not_computed_again(board: dict[str, Any]) -> None:
    """A quantile or a share over 5 to 15 minutes of what the rules record is read from there."""
    groups = content(ROOT / "prometheus/rules/recording.yml")["groups"]
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    quantiles = {name for rule in rules for name in re.findall(r"histogram_quantile\(0.5, rate\((\w+)_bucket", rule)}
    for expression in expressions(board):
        assert not quantiles & set(re.findall(r"histogram_quantile\(.*?(\w+)_bucket", expression)), expression


def test_links_lead_from_the_matrix_to_the_pair_and_from_there_to_the_source() -> None:
    fleet, pair = (load(Path(f"{ROOT}/grafana/dashboards/{MARK}-{name}.json")) for name in ("fleet", "pair"))
    matrices = [panel for panel in panels(fleet) if "groupingToMatrix" in str(panel.get("transformations"))]
    leads = [re.findall(r"/d/([\w-]+)\?", json.dumps(panel)) for panel in matrices]
    assert leads == [[pair["uid"]], [pair["uid"]], [fleet["uid"]], [fleet["uid"]]]
    names = {variable["name"] for variable in variables(pair)}
    for link in re.findall(r"/d/latency-exporter-pair\?([^\"]+)", json.dumps(fleet)):
        assert set(re.findall(r"var-(\w+)=", link)) == {"source", "target"} <= names
    (probe,) = [link for link in pair["links"] if link["type"] == "link"]
    assert probe["url"] == "http://${source}:9102/probe?target=${target:percentencode}&probe=${probe:percentencode}"


@every
def test_a_name_in_a_link_may_hold_what_separates_the_parts_of_a_url(board: dict[str, Any]) -> None:
    for url in re.findall(r'"url": "([^"]+)"', json.dumps(board)):
        values = re.findall(r"[?&][\w-]+=([^&]*)", url)
        assert all(re.fullmatch(r"\$\{[\w.\[\]]+:percentencode\}", value) for value in values), url


def test_all_variables_are_there_that_a_path_has() -> None:
    for name in ("fleet", "pair"):
        board = load(Path(f"{ROOT}/grafana/dashboards/{MARK}-{name}.json"))
        names = [variable["name"] for variable in variables(board)]
        assert names[:6] == ["datasource", "location", "datacenter", "country", "source", "target"]
        assert name == "fleet" or names[6:] == ["ip_family", "probe"]


@every
def test_all_hosts_are_no_list_of_names(board: dict[str, Any]) -> None:
    """VictoriaMetrics takes queries of 16 KiB; the names of 300 hosts, some times in one, are more."""
    hosts = [each for each in variables(board) if each["name"] in {"source", "target"} and each.get("multi")]
    assert [each["allValue"] for each in hosts] == [".*"] * len(hosts)
    assert max(len(expression) for expression in expressions(board)) < 8192


@every
def test_thirty_long_names_at_both_ends_fit_a_query_of_victoriametrics(board: dict[str, Any]) -> None:
    names = 30 * len(r"worker-00\\.sao-paulo\\.example\\.net|")
    for expression in expressions(board):
        lists = len(re.findall(r'=~"\$(?:source|target)"', expression))
        assert len(expression) + lists * names < 16384, expression
