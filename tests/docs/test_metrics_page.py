"""The pages of metrics and of scraping against the program: every name, type, label, reason and phase, and no other."""

from __future__ import annotations

import re

import pytest

from collectors.terms import Phase
from exporter.recording import metrics
from exporter.recording.recorder import Recorder
from tests.docs.known import base, example_pairs, known_metrics, target_labels
from tests.docs.markdown import DOCUMENTS, PAGES, Page, words
from tests.exporter.pages import SameAddress

METRICS = PAGES["metrics"]


def documented_metrics() -> dict[str, tuple[str, frozenset[str]]]:
    documented = {}
    for name, kind, labels, _ in METRICS.table("name"):
        of_all = {"pair": metrics.PAIR_LABELS, "database": metrics.DATABASE_LABELS}.get(labels.partition(",")[0], ())
        documented[words(name)[0]] = kind, frozenset({*of_all, *words(labels)})
    return documented


def test_every_metric_is_in_the_table_with_its_type_and_labels_and_no_other() -> None:
    """Those of n8n are in the table of its page."""
    assert documented_metrics() == {name: of for name, of in known_metrics().items() if not name.startswith("n8ndb_")}


@pytest.mark.parametrize("page", [page for page in DOCUMENTS if page is not PAGES["migration"]], ids=str)
def test_every_metric_named_anywhere_exists(page: Page) -> None:
    named = set(
        re.findall(r"(?<![:\w])(?:network_latency|latency_exporter|database|n8ndb)_[a-z_]*[a-z](?![a-z_:*])", page.text)
    )
    assert {base(name) for name in named} <= known_metrics().keys()


def test_the_metrics_that_come_beside_ours_are_those_of_python_and_the_process() -> None:
    page = b"".join(Recorder("0", SameAddress()).page(openmetrics=False)).decode()
    names = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    assert {name.partition("_")[0] for name in names - known_metrics().keys()} == {"process", "python"}
    assert {name for name in known_metrics() if not name.startswith("n8ndb_")} <= names  # those come with an n8n


def test_the_labels_that_prometheus_adds_are_all_named() -> None:
    assert target_labels() - {"job"} <= set(words(PAGES["prometheus"].section("Labels")))


def test_every_reason_is_in_the_table_under_its_protocols_and_no_other() -> None:
    documented: dict[str, set[str]] = {"icmp": set(), "tcp": set(), "http": set(), "postgresql": set()}
    for reason, *marks, _ in METRICS.table("reason"):
        for protocol, mark in zip(documented, marks, strict=True):
            if mark:
                documented[protocol].add(words(reason)[0])
    documented["n8n"] = documented["postgresql"]
    assert documented == {pair.protocol: set(pair.aim.reasons) for pair in example_pairs()}


def test_every_phase_is_named() -> None:
    rows = [row for row in METRICS.table("name") if "phase_seconds" in row[0]]
    assert {word for row in rows for word in words(row[3])} == set(Phase)
