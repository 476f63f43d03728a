"""What a Prometheus knows of a host -> is its data there, and if not, why."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.expected import SeriesKey, of_database
from exporter.doctor.knowledge import Knowledge
from exporter.doctor.rules.hosts import HostRules, hosts
from exporter.doctor.rules.scrape_errors import cause
from tests.exporter.doctor.values import NOW, SERIES, exporter, host, knowledge, target

RULES = HostRules(config_hash=7, old_after=60.0)
DOWN = 'Get "http://wf001:9102/metrics": dial tcp 192.0.2.1:9102: connect: connection refused'
MISSING = "so 4 of 4 pairs are missing: database n8n, icmp wf008, tcp wf008 over ipv6"


def judged(seen: Knowledge, rules: HostRules = RULES) -> Diagnosis:
    """Judge a fleet of one host."""
    (finding,) = hosts(seen, [host()], rules)
    assert finding.what in {"wf001 in prometheus", "job latency in prometheus"}
    return finding


def test_a_host_whose_series_are_all_there_is_well() -> None:
    finding = judged(knowledge([target()], [exporter()], wf001=SERIES))
    assert (finding.status, finding.text) == (Status.OK, "up, scraped 4 s ago; all 4 pairs there")


def test_series_that_came_by_remote_write_are_as_good_as_scraped_ones() -> None:
    finding = judged(knowledge([], [exporter()], wf001=SERIES))
    assert finding.status is Status.OK


def test_that_nobody_is_scraped_is_one_line_for_all() -> None:
    (finding,) = hosts(knowledge([target(labels={"job": "node"}, discoveredLabels={})]), [host(), host("wf008")], RULES)
    assert (finding.status, finding.what) == (Status.BROKEN, "job latency in prometheus")
    assert finding.text == (
        "no exporter is scraped (wf001, wf008): the scrape configuration is not loaded; run `latency-exporter "
        "scrape-configs`, paste its jobs.yml into the configuration of prometheus, and reload it"
    )


def test_a_host_that_is_no_target_is_named_with_its_pairs() -> None:
    finding = hosts(knowledge([target("wf008")], [exporter("wf008")], wf008=SERIES), [host(), host("wf008")], RULES)[0]
    assert finding.status is Status.BROKEN
    assert finding.text == (
        "not scraped: it is no target of job latency; run `latency-exporter scrape-configs` again where prometheus "
        f"reads its lists; {MISSING}"
    )
    assert finding.names == ("database n8n", "icmp wf008", "tcp wf008 over ipv6")


def test_a_host_that_is_down_says_why_and_since_when_it_was_asked() -> None:
    finding = judged(knowledge([target(health="down", lastError=DOWN)]))
    assert finding.status is Status.BROKEN
    assert finding.text == (
        "down, tried 4 s ago: nothing listens at wf001:9102: start latency-exporter there, or correct its port; a "
        f"firewall may refuse, too; {MISSING}"
    )


def test_what_a_host_said_before_it_went_down_does_not_make_it_up() -> None:
    finding = judged(knowledge([target(health="down", lastError=DOWN)], [exporter(sampled=NOW - 100)], wf001=SERIES))
    assert finding.status is Status.BROKEN
    assert finding.text.startswith("down, tried 4 s ago")


@pytest.mark.parametrize("changes", [{"health": "unknown"}, {"health": "down", "lastScrape": "0001-01-01T00:00:00Z"}])
def test_a_host_that_was_not_asked_yet_is_a_warning(changes: dict[str, Any]) -> None:
    finding = judged(knowledge([target(**changes)], wf001=SERIES))
    assert (finding.status, finding.text) == (
        Status.WARNING,
        "not scraped yet: it is new there; ask again in a minute",
    )


def test_another_program_on_the_port_is_told() -> None:
    finding = judged(knowledge([target()], wf001=SERIES))
    assert finding.status is Status.BROKEN
    assert finding.text.startswith("up, and without series of latency-exporter: another program answers at wf001:9102")


def test_the_exporter_of_another_host_is_told_by_its_own_name() -> None:
    stray = exporter("wf008", labels={"job": "latency", "instance": "wf001", "source": "wf001"})
    finding = judged(knowledge([target()], [stray], wf001=SERIES))
    assert finding.text == (
        "the exporter at wf001:9102 says that it is wf008: correct the address of wf001 in the fleet file, or --host "
        "there"
    )


def test_a_host_without_the_label_source_is_found_by_nobody() -> None:
    by_hand = exporter(labels={"job": "latency", "instance": "wf001:9102"})
    finding = judged(knowledge([target(labels={"job": "latency", "instance": "wf001:9102"})], [by_hand]))
    assert finding.status is Status.BROKEN
    assert finding.text == (
        'up, scraped 4 s ago; with wrong labels: source=nothing instead of "wf001", instance="wf001:9102" instead of '
        '"wf001", host=nothing instead of "wf001"; use the stanzas and lists of `latency-exporter scrape-configs`; '
        "nobody finds its 4 pairs"
    )
    assert len(finding.names) == 3


def test_other_labels_that_are_wrong_are_a_warning() -> None:
    labels = {"job": "exporters", "instance": "wf001", "host": "wf001", "source": "wf001"}
    finding = judged(knowledge([target(labels=labels)], [exporter(labels=labels)], wf001=SERIES))
    assert finding.status is Status.WARNING
    assert 'with wrong labels: job="exporters" instead of "latency"' in finding.text


def test_the_servers_own_instance_is_right_where_the_job_keeps_it() -> None:
    kept = host()._replace(labels={"job": "latency", "host": "wf001", "source": "wf001"})
    labels = {**kept.labels, "instance": "192.0.2.1:9102"}
    (finding,) = hosts(knowledge([target(labels=labels)], [exporter(labels=labels)], wf001=SERIES), [kept], RULES)
    assert finding.status is Status.OK


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"config_hash": 8.0}, "it runs another fleet file than this one; copy this one there and reload it"),
        (
            {"config_hash": 8.0, "reloaded": False},
            "it could not read its fleet file and runs the one before; its page at / says why",
        ),
        (
            {"config_hash": 8.0, "lists_failing": ["dns", "http_sd"]},
            "it has no list of hosts by dns, http_sd that it can take, and goes on with the one before; the foot of "
            "its page at / says why",
        ),
        ({}, "it runs this fleet file, so a relabelling or a limit of the scrape job drops them"),
    ],
)
def test_a_missing_pair_is_named_with_the_likely_cause(changes: dict[str, Any], why: str) -> None:
    there = SERIES - {SeriesKey("wf008", "icmp", "ipv4"), of_database("n8n")}
    finding = judged(knowledge([target()], [exporter(**changes)], wf001=there))
    assert finding.status is Status.BROKEN
    assert finding.text == f"up, scraped 4 s ago; 3 of 4 pairs missing: database n8n, icmp wf008; {why}"


def test_an_exporter_whose_list_of_hosts_fails_is_warned_of_and_its_hash_is_compared_with_none() -> None:
    names = ("wf001", "wf008", "wfdb01")
    failing = [exporter(name, config_hash=6.0, lists_failing=["http_sd"]) for name in names[:2]]
    known = knowledge([target(name) for name in names], [*failing, exporter("wfdb01")], **dict.fromkeys(names, SERIES))
    findings = hosts(known, [host(name) for name in names], RULES)
    assert [finding.text.rpartition("; it ")[2] for finding in findings[:2]] == [
        "has no list of hosts by http_sd that it can take, and goes on with the one before; the foot of its page at / "
        "says why"
    ] * 2
    assert [finding.status for finding in findings] == [Status.WARNING, Status.WARNING, Status.OK]


def test_a_fleet_of_which_a_list_is_missing_here_is_no_measure_for_the_files_of_the_hosts() -> None:
    names = ("wf001", "wf008", "wfdb01")
    exporters = [exporter(name, config_hash=8.0 if name == "wfdb01" else 7.0) for name in names]
    known = knowledge([target(name) for name in names], exporters, **dict.fromkeys(names, SERIES))
    findings = hosts(known, [host(name) for name in names], RULES._replace(config_hash=None))
    assert [finding.status for finding in findings] == [Status.OK, Status.OK, Status.WARNING]
    assert "its fleet file is not that of most hosts; copy theirs there and reload it" in findings[2].text


def test_another_fleet_file_with_the_same_pairs_is_a_warning() -> None:
    finding = judged(knowledge([target()], [exporter(config_hash=8.0)], wf001=SERIES))
    assert finding.status is Status.WARNING
    assert finding.text.endswith(
        "all 4 pairs there; it runs another fleet file than this one; copy this one there and reload it"
    )


def test_if_all_hosts_run_one_other_file_it_is_this_one_that_is_odd() -> None:
    both = [exporter("wf001", config_hash=8.0), exporter("wf008", config_hash=8.0)]
    seen = knowledge([target("wf001"), target("wf008")], both, wf001=SERIES, wf008=SERIES)
    one, other, odd = hosts(seen, [host("wf001"), host("wf008")], RULES)
    assert one.status is other.status is Status.OK
    assert (odd.status, odd.what) == (Status.WARNING, "fleet file in prometheus")


def of_a_fleet(**hashes: float) -> dict[str, str]:
    """Judge hosts that run these fleet files, where 7 is the one that was read here; what is said beside the pairs."""
    several = [exporter(name, config_hash=number) for name, number in hashes.items()]
    seen = knowledge([target(name) for name in hashes], several, **dict.fromkeys(hashes, SERIES))
    diagnoses = hosts(seen, [host(name) for name in hashes], RULES)
    return {
        finding.what.removesuffix(" in prometheus"): finding.text.partition("all 4 pairs there; ")[2] or finding.text
        for finding in diagnoses
        if finding.status is Status.WARNING
    }


COPY_THEIRS = "its fleet file is not that of most hosts; copy theirs there and reload it"
COPY_THIS = "it runs another fleet file than this one; copy this one there and reload it"
NO_MAJORITY = (
    "it runs another fleet file than this one; copy this one to all hosts if it is the right one, and reload: none is "
    "that of most hosts"
)
ODD = (
    "most hosts run one fleet file, and it is not the one that was read here: copy theirs here, or name it by "
    "--config.file; if this one is newer, roll it out"
)


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        ({"wf001": 7, "wf008": 7, "wfdb01": 8}, {"wfdb01": COPY_THIS}),
        ({"wf001": 8, "wf008": 8, "wfdb01": 7}, {"wfdb01": COPY_THEIRS, "fleet file": ODD}),
        ({"wf001": 8, "wf008": 8, "wfdb01": 9}, {"wfdb01": COPY_THEIRS, "fleet file": ODD}),
        ({"wf001": 8, "wf008": 8, "wfdb01": 8}, {"fleet file": ODD}),
        ({"wf001": 7, "wf008": 8}, {"wf008": NO_MAJORITY}),
        ({"wf001": 7, "wf008": 8, "wfdb01": 9}, {"wf008": NO_MAJORITY, "wfdb01": NO_MAJORITY}),
    ],
)
def test_the_fleet_file_of_more_than_half_is_right_wherever_the_doctor_runs(
    hashes: dict[str, float], expected: dict[str, str]
) -> None:
    assert of_a_fleet(**hashes) == expected


def test_the_pairs_of_a_file_that_most_do_not_run_are_not_copied_to_them() -> None:
    several = [exporter(name, config_hash=number) for name, number in (("wf001", 8.0), ("wf008", 8.0), ("old", 7.0))]
    there = dict.fromkeys(("wf001", "wf008"), SERIES - {of_database("n8n")})
    seen = knowledge([target(each.host) for each in several], several, old=SERIES, **there)
    first, *_ = hosts(seen, [host("wf001"), host("wf008"), host("old")], RULES)
    assert first.text.endswith(
        "2 of 4 pairs missing: database n8n; it runs the fleet file of most hosts, which is not the one that was read "
        "here"
    )


def test_a_sample_that_is_too_old_is_a_warning() -> None:
    finding = judged(knowledge([target()], [exporter(sampled=NOW - 100)], wf001=SERIES))
    assert finding.status is Status.WARNING
    assert finding.text.startswith("its newest sample is old, of 100 s ago: look at /targets of prometheus")


def test_of_two_jobs_that_scrape_a_host_the_right_one_counts() -> None:
    wrong = exporter(labels={"job": "old", "instance": "wf001:9102"})
    finding = judged(knowledge([target()], [wrong, exporter()], wf001=SERIES))
    assert finding.status is Status.OK


def test_a_server_that_did_not_say_is_not_guessed_at() -> None:
    assert hosts(knowledge(None, [exporter()]), [host()], RULES) == []
    assert hosts(knowledge([target()], None), [host()], RULES) == []


def test_a_number_that_is_none_is_no_age() -> None:
    for odd in (float("nan"), float("inf"), float("-inf")):
        assert judged(knowledge([target()], [exporter(sampled=odd)], wf001=SERIES)).text


ERRORS = [
    ('Get "http://h:9102/metrics": context deadline exceeded', "no answer in time"),
    ('error when scraping "http://h:9102/metrics" with timeout 1s: timeout', "no answer in time"),
    ("net/http: request canceled (Client.Timeout exceeded while awaiting headers)", "no answer in time"),
    ("dial tcp: lookup h on 10.0.0.53:53: no such host", "prometheus cannot resolve its name"),
    ("dial tcp: lookup h on 10.0.0.53:53: read udp: i/o timeout", "prometheus cannot resolve its name"),
    ("dial tcp 192.0.2.1:9102: connect: no route to host", "no way there from prometheus"),
    ("server returned HTTP status 401 Unauthorized", "its login is refused"),
    ("server returned HTTP status 404 Not Found", "no such page there"),
    ('unexpected status code returned when scraping "http://h:1/x": 404; expecting 200', "no such page there"),
    ("http: server gave HTTP response to HTTPS client", "it speaks no TLS"),
    ("tls: first record does not look like a TLS handshake", "it speaks no TLS"),
    ("server returned HTTP status 400 Bad Request", "it does not understand: does it serve TLS?"),
    ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "its certificate is not"),
    ("sample limit exceeded", "its page has more samples than allowed"),
    ("read: connection reset by peer", "the connection was cut"),
    ("the server closes all the connection attempts: the server closed connection before", "the connection was cut"),
    ("something\nnew\x1b[31m", "something new [31m"),
    ("", "no reason is told"),
]


@pytest.mark.parametrize(("error", "begins"), ERRORS)
def test_what_the_servers_say_of_a_failed_scrape_is_put_into_plain_words(error: str, begins: str) -> None:
    assert cause(error, "prometheus", "h:9102").startswith(begins)
