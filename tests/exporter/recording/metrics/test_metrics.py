"""Names, types and labels: what dashboards and alerts depend on."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import Metric

from exporter.fleet import PROTOCOLS
from exporter.fleet.buckets import BUCKETS
from exporter.fleet.database import Database
from exporter.fleet.probes import KINDS
from exporter.probing.collectors import COLLECTORS
from exporter.recording import metrics
from tests.exporter.pages import DATABASE, SMALL, Small
from tests.exporter.samples import heads, parsed

PAIR = ("target", "target_location", "target_datacenter", "target_country", "probe", "protocol", "ip_family")
ALL, TCP_BASED, HTTP, ICMP = {"icmp", "tcp", "http"}, {"tcp", "http"}, {"http"}, {"icmp"}

OF_PAIRS = [
    # name, type, labels beside those of a pair, protocols
    ("network_latency_rtt_seconds", "gauge", (), ALL),
    ("network_latency_rtt_distribution_seconds", "histogram", (), ALL),
    ("network_latency_rtt_variation_seconds", "summary", (), ALL),
    ("network_latency_http_response_seconds", "gauge", (), HTTP),
    ("network_latency_http_response_distribution_seconds", "histogram", (), HTTP),
    ("network_latency_http_server_seconds", "gauge", (), HTTP),
    ("network_latency_http_duration_seconds", "histogram", (), HTTP),
    ("network_latency_probe_success", "gauge", (), ALL),
    ("network_latency_last_success_timestamp_seconds", "gauge", (), ALL),
    ("network_latency_probes_total", "counter", (), ALL),
    ("network_latency_probe_failures_total", "counter", ("reason",), ALL),
    ("network_latency_phase_seconds", "summary", ("phase",), TCP_BASED),
    ("network_latency_retransmitted_handshakes_total", "counter", (), TCP_BASED),
    ("network_latency_late_replies_total", "counter", (), ICMP),
    ("network_latency_duplicate_replies_total", "counter", (), ICMP),
    ("network_latency_reply_hop_limit", "gauge", (), ICMP),
    ("network_latency_http_status_code", "gauge", (), HTTP),
    ("network_latency_tls_certificate_not_before_timestamp_seconds", "gauge", (), HTTP),
    ("network_latency_tls_certificate_expiry_timestamp_seconds", "gauge", (), HTTP),
    ("network_latency_peer_processing_seconds", "gauge", (), HTTP),
]

OF_DATABASES = [
    ("database_available", "gauge", ()),
    ("database_rtt_seconds", "gauge", ()),
    ("database_rtt_distribution_seconds", "histogram", ()),
    ("database_connect_latency_seconds", "histogram", ()),
    ("database_query_latency_seconds", "histogram", ()),
    ("database_phase_seconds", "summary", ("phase",)),
    ("database_login_round_trips", "gauge", ()),
    ("database_probes_total", "counter", ("mode",)),
    ("database_probe_failures_total", "counter", ("mode", "reason")),
]
OF_A_DATABASE = ("database", "db_type", "target", "target_location", "target_datacenter", "target_country")

OF_OURSELVES = [
    ("network_latency_pings_received_total", "counter", ("peer", "peer_location", "peer_datacenter", "peer_country")),
    ("latency_exporter_build_info", "gauge", ("version", "python")),
    ("latency_exporter_self_info", "gauge", ("self", "self_location", "self_datacenter", "self_country")),
    ("latency_exporter_config_hash", "gauge", ()),
    ("latency_exporter_config_last_reload_successful", "gauge", ()),
    ("latency_exporter_config_last_reload_success_timestamp_seconds", "gauge", ()),
    ("latency_exporter_pairs", "gauge", ("protocol",)),
    ("latency_exporter_maintenance_until_timestamp_seconds", "gauge", ("target",)),
    ("latency_exporter_discovery_hosts", "gauge", ("mechanism",)),
    ("latency_exporter_discovery_last_success_timestamp_seconds", "gauge", ("mechanism",)),
    ("latency_exporter_discovery_failures_total", "counter", ("mechanism",)),
    ("latency_exporter_discovery_failing", "gauge", ("mechanism",)),
    ("latency_exporter_measurements_total", "counter", ("protocol", "clock")),
    ("latency_exporter_egress_queue_seconds", "histogram", ()),
    ("latency_exporter_icmp_receive_overflows_total", "counter", ()),
    ("latency_exporter_probe_lateness_seconds", "histogram", ()),
    ("latency_exporter_probes_skipped_total", "counter", ()),
    ("latency_exporter_dns_refresh_failures_total", "counter", ("target",)),
    ("latency_exporter_icmp_socket", "gauge", ("ip_family", "kind")),
    ("latency_exporter_http_requests_total", "counter", ("handler", "code")),
    ("latency_exporter_http_request_duration_seconds", "histogram", ("handler",)),
]

FORBIDDEN = {"host", "instance", "job", "location", "datacenter", "country"}
"""Prometheus attaches these; so it does with all that begin with ``source``."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small fleet after one good answer of each pair and one of everything else, with a host in maintenance."""
    small = Small(tmp_path_factory.mktemp("small"), SMALL.replace("country: BR", "country: BR, state: maintenance"))
    small.answer_all()
    small.recorder.watch_names(["wf008"])
    small.recorder.request_answered("metrics", 200, 0.001)
    small.recorder.discovery.configure({"http_sd"})
    small.recorder.discovery.show("http_sd", 2, 0, 1.5e9)
    return small


@pytest.fixture(scope="module")
def with_database(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small fleet with a database, after one good answer of each pair."""
    small = Small(tmp_path_factory.mktemp("database"), SMALL + DATABASE)
    small.answer_all()
    return small


@functools.cache
def families_of(small: Small) -> Sequence[Metric]:
    """Return the families of the page of a fleet to which nothing happens any more."""
    return parsed(small.page(), openmetrics=False)


def labels_of(small: Small) -> dict[str, set[tuple[str, ...]]]:
    """Return which sets of labels a family's samples bear, without ``le``."""
    return {
        family.name + "_total" * (family.type == "counter"): {
            tuple(name for name in sample.labels if name != "le") for sample in family.samples
        }
        for family in families_of(small)
    }


@pytest.mark.parametrize(("name", "kind", "further", "protocols"), OF_PAIRS)
def test_each_family_of_pairs_has_its_type_its_labels_and_its_protocols(
    small: Small, name: str, kind: str, further: tuple[str, ...], protocols: set[str]
) -> None:
    assert heads(small.page())[name] == kind
    assert labels_of(small)[name] == {PAIR + further}
    (family,) = (f for f in families_of(small) if name in {f.name, f"{f.name}_total"})
    assert {sample.labels["protocol"] for sample in family.samples} == protocols


@pytest.mark.parametrize(("name", "kind", "further"), OF_DATABASES)
def test_each_family_of_databases_has_its_type_and_its_labels(
    with_database: Small, name: str, kind: str, further: tuple[str, ...]
) -> None:
    assert heads(with_database.page())[name] == kind
    assert labels_of(with_database)[name] == {OF_A_DATABASE + further}


@pytest.mark.parametrize(("name", "kind", "labels"), OF_OURSELVES)
def test_each_family_of_our_own_has_its_type_and_its_labels(
    small: Small, name: str, kind: str, labels: tuple[str, ...]
) -> None:
    assert heads(small.page())[name] == kind
    (shown,) = labels_of(small)[name]
    assert set(shown) == set(labels)


def test_there_is_no_family_that_nobody_promised(small: Small) -> None:
    promised = {name for name, *_ in (*OF_PAIRS, *OF_DATABASES, *OF_OURSELVES)}
    others = heads(small.page()).keys() - promised
    assert {name.partition("_")[0] for name in others} == {"process", "python"}


def test_every_family_is_on_the_page_of_a_fleet_without_pairs(tmp_path: Path) -> None:
    alone = Small(tmp_path, "hosts: [{name: wf001, address: 192.0.2.1}]\n")
    assert not alone.pairs
    types = heads(alone.page())
    for family in (*OF_PAIRS, *OF_DATABASES, *OF_OURSELVES):
        assert types[str(family[0])] == family[1]


def test_every_protocol_of_the_fleet_file_has_a_collector_and_metrics() -> None:
    written = {*get_args(Database.model_fields["type"].annotation), "n8n"}
    for model in KINDS:
        written |= set(get_args(model.model_fields["protocol"].annotation))
    assert written == set(PROTOCOLS) == set(COLLECTORS)


def test_no_label_is_one_that_prometheus_attaches(small: Small) -> None:
    used = set(itertools.chain.from_iterable(itertools.chain.from_iterable(labels_of(small).values())))
    assert not used & FORBIDDEN
    assert not [label for label in used if label.startswith(("source", "exported_", "__"))]


def test_counters_and_nothing_else_end_in_total(small: Small) -> None:
    for name, kind in heads(small.page()).items():
        assert name.endswith("_total") == (kind == "counter"), name


def helps(page: str) -> dict[str, str]:
    return dict(re.findall(r"^# HELP ((?:network|database|latency)_\S+) (.*)$", page, re.MULTILINE))


def test_each_help_can_be_read_alone_with_its_unit_and_its_subject(small: Small) -> None:
    """As Grafana and Prometheus show it: beside a name, without the line before."""
    for name, text in helps(small.page()).items():
        words = set(re.findall(r"\w+", text.lower()))
        assert text.endswith("."), name
        assert not words & {"our", "we", "those", "same"}, name
        for part, word in (("_seconds", "seconds"), ("database_", "database"), ("_http_", "http"), ("_tls_", "tls")):
            assert part not in f"_{name}" or word in words, name
        assert name.endswith("_timestamp_seconds") == ("epoch" in words), name
        assert name.endswith("_info") == ("always 1" in text), name
    assert len(set(helps(small.page()).values())) == len(helps(small.page()))


def test_le_is_written_the_same_way_in_both_formats(small: Small) -> None:
    text, openmetrics = (
        [part for part in small.page(openmetrics=one).split() if "le=" in part] for one in (False, True)
    )
    assert text == openmetrics
    assert any(part.endswith('le="1e-06"}') for part in text)


def test_a_pair_costs_at_most_as_many_series_as_said(small: Small) -> None:
    lines = small.page().splitlines()
    for target, probe in (("wf008", "icmp"), ("wf008", "tcp"), ("grafana", "http")):
        written = sum(f'{{target="{target}",' in line and f'probe="{probe}",' in line for line in lines)
        assert written == metrics.series_of(small.pair(target, probe), small.fleet.defaults.buckets)


def test_pairs_cost_about_as_many_series_as_the_documentation_says(tmp_path: Path) -> None:
    fleet = Small(tmp_path, SMALL.replace("defaults: {buckets: [0.001, 0.1]}\n", ""))
    cost = {pair.protocol: metrics.series_of(pair, BUCKETS) for pair in fleet.pairs}
    assert 30 <= cost["icmp"] <= 45
    assert 30 <= cost["tcp"] <= 45
    assert 100 <= cost["http"] <= 115
    assert 3 * max(cost.values()) < 500  # three hosts: about half a thousand each


def test_our_own_distributions_reach_as_far_as_said() -> None:
    assert (metrics.LATENESS_BUCKETS[0], metrics.LATENESS_BUCKETS[-1]) == (0.0001, 10.0)
    assert (metrics.EGRESS_QUEUE_BUCKETS[0], metrics.EGRESS_QUEUE_BUCKETS[-1]) == (1e-6, 1.0)
    for buckets in (metrics.LATENESS_BUCKETS, metrics.EGRESS_QUEUE_BUCKETS, metrics.REQUEST_BUCKETS):
        assert list(buckets) == sorted(set(buckets))


@pytest.mark.servers
def test_promtool_has_nothing_to_say_about_the_page(small: Small) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=small.page(), text=True, capture_output=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
