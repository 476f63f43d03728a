"""What the program really has, for documents to be held against: metrics with their labels, an example of each pair."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from typing import Any

from exporter import scrape_configs
from exporter.fleet import LOGIN, Pair, load, survey
from exporter.fleet.buckets import BUCKETS
from exporter.recording import metrics
from exporter.recording.recorder import Recorder
from tests.docs.markdown import ROOT
from tests.exporter.pages import SameAddress

EXAMPLE = ROOT / "config/fleet.example.yml"
TARGETS_DIR = "/etc/prometheus/scrape_configs"


@functools.cache
def example_pairs() -> tuple[Pair, ...]:
    """A pair of each protocol, one of them over TLS."""
    fleet = load(EXAMPLE)
    return survey(fleet, fleet.hosts[0], {})[0]


@functools.cache
def known_metrics() -> dict[str, tuple[str, frozenset[str]]]:
    """Name -> type and labels, of every metric that is ours."""
    known: dict[str, tuple[str, frozenset[str]]] = {}
    for family in metrics.network_families(BUCKETS):
        further = {key for pair in example_pairs() for _, labels in family.samples(pair) for key, _ in labels}
        known[family.name] = family.kind, frozenset({*metrics.PAIR_LABELS, *further} - {"le"})
    for family in metrics.database_families(BUCKETS):
        further = {
            key
            for pair in example_pairs()
            if pair.probe == LOGIN
            for _, labels in family.samples(pair)
            for key, _ in labels
        }
        known[family.name] = family.kind, frozenset({*metrics.DATABASE_LABELS, *further} - {"le"})
    for keyed in metrics.N8N_FAMILIES:
        known[keyed.name] = keyed.kind, frozenset({*metrics.N8N_LABELS, *keyed.labels})
    recorder = Recorder("0", SameAddress())
    recorder.watch_names(["wf008"])
    page = b"".join(recorder.page(openmetrics=False)).decode()
    for name, kind in re.findall(r"^# TYPE (latency_exporter_\S+|network_latency_pings\S+) (\S+)", page, re.MULTILINE):
        labels = re.findall(rf"^{name}(?:_bucket)?{{(.*)}}", page, re.MULTILINE)
        known[name] = kind, frozenset(re.findall(r'(\w+)="', ",".join(labels))) - {"le"}
    own: Iterable[Any] = recorder._own.registry._collector_to_names
    for collector in own:  # these may have no sample yet
        if hasattr(collector, "_labelnames"):
            name = collector._name + "_total" * (collector._type == "counter")
            known[name] = collector._type, frozenset(collector._labelnames)
    return known


@functools.cache
def target_labels() -> frozenset[str]:
    """What the generated scrape configuration adds to every series."""
    groups = json.loads(scrape_configs.files(load(EXAMPLE), TARGETS_DIR)["latency.json"])
    return frozenset({"job", *(label for group in groups for label in group["labels"])})


def base(sample: str) -> str:
    """Return the metric that a sample's name belongs to."""
    stem = re.sub("_(bucket|sum|count)$", "", sample)
    known = known_metrics()
    return stem if known.get(stem, ("", ""))[0] in {"histogram", "summary"} else sample
