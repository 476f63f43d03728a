"""Bodies of the servers' APIs, also those that are none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from exporter.doctor import bodies
from exporter.doctor.bodies import BadBody
from exporter.doctor.knowledge import knowledge_of
from exporter.doctor.outcome import Answers
from tests.exporter.doctor.values import NOW, answer, seen, server, success, vector

READERS = (
    bodies.vector,
    bodies.targets,
    bodies.groups,
    bodies.alertmanagers,
    bodies.alerts,
    bodies.dashboards,
    bodies.grafana_database,
    bodies.pushed,
)
GARBAGE = (
    b"",
    b"<html>",
    b"null",
    b'"text"',
    b"[" * 100_000,
    b"9" * 100_000,
    b'{"status": "error", "error": "no"}',
    b'{"status": "success", "data": {"result": [{"metric": {"a": 1}, "value": [1, "x"]}]}}',
    b'[{"labels": []}]',
    b"\xff\xfe\x00",
)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_what_is_no_answer_is_unreadable_and_never_anything_else(read: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(BadBody) as error:
        read(body)
    assert len(str(error.value)) < 500


def test_a_vector_has_numbers_that_json_has_not() -> None:
    several = bodies.vector(vector(({"a": "1"}, float("nan")), ({"a": "2"}, float("inf"))).body)
    assert [sample.metric["a"] for sample in several] == ["1", "2"]
    assert several[1].number == float("inf")


def test_targets_of_both_servers_are_read() -> None:
    of_victoria = {
        "discoveredLabels": {"__address__": "h:1"},
        "labels": {"job": "j"},
        "scrapePool": "j",
        "scrapeUrl": "http://h:1/metrics",
        "lastError": "",
        "lastScrape": "2026-11-28T21:40:19.225Z",
        "lastSamplesScraped": 0,
        "health": "up",
    }
    of_prometheus = of_victoria | {"globalUrl": "http://h:1/metrics", "scrapeInterval": "1s"}
    for each in (of_victoria, of_prometheus):
        (target,) = bodies.targets(success({"activeTargets": [each], "droppedTargets": []}).body)
        assert (target.address, target.pool, target.health) == ("h:1", "j", "up")


def test_a_pushgateways_groups_are_read_with_their_metrics() -> None:
    group = {"labels": {"job": "j"}, "last_push_successful": True, "m": {"type": "GAUGE", "metrics": [{"value": "1"}]}}
    (read,) = bodies.pushed(json.dumps({"status": "success", "data": [group]}).encode())
    assert read.metrics == {"m": [{"value": "1"}]}


def test_an_answer_is_read_once_and_what_is_wrong_with_it_remembered() -> None:
    read = []

    def reader(body: bytes) -> int:
        read.append(body)
        raise BadBody("no")

    answers = Answers({"a": answer("x"), "b": answer("x", 500)})
    assert [answers.read(question, reader) for question in ("a", "a", "b", "c")] == [None] * 4
    assert read == [b"x"]
    assert answers.faults == {"a": "no"}


def test_a_view_brings_together_what_is_known_of_each_exporter_and_source() -> None:
    scrape = {"job": "latency", "instance": "wf001"}
    answers = {
        "targets": success({"activeTargets": []}),
        "sampled": vector(({"self": "wf001", "self_country": "US", "source": "wf001", **scrape}, NOW - 4)),
        "state": vector(
            ({"__name__": "latency_exporter_config_hash", **scrape}, 7),
            ({"__name__": "latency_exporter_config_last_reload_successful", **scrape}, 0),
            ({"__name__": "latency_exporter_discovery_failing", "mechanism": "http_sd", **scrape}, 1),
            ({"__name__": "latency_exporter_discovery_failing", "mechanism": "dns", **scrape}, 2),
            ({"__name__": "latency_exporter_discovery_failing", "mechanism": "file_sd", **scrape}, 0),
        ),
        "pairs": vector(({"source": "wf001", "target": "wf008", "probe": "icmp", "ip_family": "ipv4"}, 1)),
        "databases": vector(({"source": "wf001", "database": "orders"}, 2)),
        "n8ns": vector(({"source": "wf001", "n8n": "flows"}, 8)),
    }
    known = knowledge_of(seen(server(), answers=answers), now=0.0)
    assert known.now == NOW
    assert known.exporters is not None
    (exporter,) = known.exporters
    assert (exporter.host, exporter.config_hash, exporter.reloaded) == ("wf001", 7.0, False)
    assert exporter.lists_failing == ["dns", "http_sd"]
    assert exporter.labels == {"source": "wf001", **scrape}
    assert known.series is not None
    assert sorted(map(str, known.series["wf001"])) == ["database orders", "icmp wf008", "n8n flows"]


def test_a_view_of_a_server_that_said_nothing_knows_nothing() -> None:
    known = knowledge_of(seen(server()), now=5.0)
    assert (known.now, known.targets, known.exporters, known.series) == (5.0, None, None, None)
