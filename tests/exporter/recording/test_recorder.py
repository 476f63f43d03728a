"""From what happened to the page, through configurations that come and go.

The golden files are the whole exposition of a small fleet in both formats. They are written anew by

    RENEW_GOLDEN=1 .venv/bin/python -m pytest tests/exporter/recording/test_recorder.py

and read in the diff before they are committed: what changes there changes for every user.
"""

from __future__ import annotations

import dataclasses
import errno
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest

from collectors.contract import DuplicateReply, Facts, LateReply, ProbeFailed, ReceiveOverflow, SocketOpened
from collectors.replies import Exchange, Login, Query, RoundTrip
from collectors.terms import Clock, IpFamily, Phase, Reason
from exporter.fleet import BadFile, host_header
from tests.exporter.pages import ANSWERS, DATABASE, SMALL, TIMEOUT, Small, Time
from tests.exporter.samples import heads, parsed

GOLDEN = Path(__file__).parent / "golden"
DISTRIBUTIONS = (
    "network_latency_rtt_distribution_seconds",
    "network_latency_http_response_distribution_seconds",
    "network_latency_http_duration_seconds",
)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr("exporter.recording.recorder.time", time)
    monkeypatch.setattr("exporter.clock.time", time)
    return time


@pytest.fixture
def small(time: Time, tmp_path: Path) -> Small:
    return Small(tmp_path)


def tell_a_story(small: Small, time: Time) -> None:
    """One of everything: answers, each kind of failure, late and lost packets, visitors."""
    for notice in (SocketOpened(IpFamily.IPV4, "raw"), SocketOpened(IpFamily.IPV6, "none"), ReceiveOverflow(2)):
        small.recorder.notice(notice)
    small.reload(SMALL)
    small.recorder.watch_names(["wf008"])
    small.answer_all()
    time.passed += 5
    small.decide("wf008", "icmp", TIMEOUT)
    small.recorder.notice(LateReply(small.pair("wf008", "icmp").aim))
    small.recorder.notice(DuplicateReply(small.pair("wf008", "icmp").aim))
    small.decide("wf008", "tcp", RoundTrip(rtt=None, clock=Clock.USER), Facts(retransmitted=True))
    expired = Facts(certificate_not_before=1.5e9, certificate_expiry=1.6e9)
    small.decide("grafana", "http", ProbeFailed(Reason.TLS, "expired"), expired)
    small.recorder.started_late(0.003, 1)
    small.recorder.skipped(4)
    small.recorder.dns_refresh_failed("wf008")
    small.recorder.ping_received("wf008")
    small.recorder.ping_received("a stranger")
    small.recorder.request_answered("metrics", 200, 0.004)


@pytest.mark.parametrize(("file", "openmetrics"), [("text.txt", False), ("openmetrics.txt", True)])
def test_the_whole_page_of_a_small_fleet_is_the_golden_one(
    small: Small, time: Time, file: str, *, openmetrics: bool
) -> None:
    tell_a_story(small, time)
    page = _masked(small.page(openmetrics=openmetrics))
    if os.environ.get("RENEW_GOLDEN"):
        (GOLDEN / file).write_text(page)
    assert page == (GOLDEN / file).read_text()


def _masked(page: str) -> str:
    """Leave out what is of this process, this interpreter and this moment."""
    page = re.sub(r"(?m)^((?:process|python)_\w+(?:\{.*\})?) .*$", r"\1 *", page)
    page = re.sub(r"(?m)^(python_info)\{.*\} ", r"\1{*} ", page)
    page = re.sub(r"(?m)^(latency_exporter_build_info\{.*)python=\"[^\"]*\"", r'\1python="*"', page)
    return re.sub(r"(?m)^(latency_exporter_config_last_reload_success_timestamp_seconds) .*$", r"\1 *", page)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_both_parsers_read_the_page_and_no_family_is_split(small: Small, time: Time, *, openmetrics: bool) -> None:
    tell_a_story(small, time)
    page = small.page(openmetrics=openmetrics)
    families = {family.name: family.type for family in parsed(page, openmetrics=openmetrics)}
    written = {name.removesuffix("_total") if kind == "counter" else name: kind for name, kind in heads(page).items()}
    assert families == written


def test_both_formats_say_the_same(small: Small, time: Time) -> None:
    tell_a_story(small, time)
    text, openmetrics = (
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parsed(small.page(openmetrics=one), openmetrics=one)
            for sample in family.samples
            if not sample.name.startswith(("process_", "python_"))
        }
        for one in (False, True)
    )
    assert text == openmetrics


def test_counters_and_every_reason_stand_at_zero_before_the_first_probe(small: Small) -> None:
    samples = small.samples()
    for pair in small.pairs:
        labels = {"target": pair.target, "probe": pair.probe}
        assert samples.get("network_latency_probes_total", **labels) == 0
        assert samples.by("reason", "network_latency_probe_failures_total", **labels) == dict.fromkeys(
            (reason.value for reason in pair.aim.reasons), 0
        )
        assert samples.get("network_latency_rtt_distribution_seconds_count", **labels) == 0
        assert samples.by("phase", "network_latency_phase_seconds_sum", **labels) == dict.fromkeys(
            (phase.value for phase in pair.aim.phases), 0
        )


def test_the_variation_of_round_trips_is_on_the_page_and_begins_anew_where_a_target_has_changed(small: Small) -> None:
    def variation() -> tuple[float | None, float | None]:
        name = "network_latency_rtt_variation_seconds"
        samples = small.samples()
        total, count = (samples.get(f"{name}_{part}", target="wf008", probe="icmp") for part in ("sum", "count"))
        return total, count

    assert variation() == (0, 0)
    for rtt in (0.5, 0.25):
        small.decide("wf008", "icmp", RoundTrip(rtt=rtt, clock=Clock.KERNEL))
    assert variation() == (0.25, 1)
    small.reload(SMALL.replace("wf008.example", "moved.example"))
    small.decide("wf008", "icmp", RoundTrip(rtt=0.5, clock=Clock.KERNEL))
    assert variation() == (0.25, 1)


def test_a_host_is_on_the_page_while_it_is_in_maintenance_and_its_counters_go_on(small: Small, time: Time) -> None:
    name = "latency_exporter_maintenance_until_timestamp_seconds"
    assert not small.samples().all(name)
    small.answer_all()
    small.reload(SMALL.replace("country: BR", "country: BR, state: maintenance"))
    small.answer_all()
    assert small.samples().by("target", name) == {"wf008": math.inf}
    assert f'{name}{{target="wf008"}} +Inf\n' in small.page(openmetrics=True)
    small.reload(SMALL.replace("country: BR", "country: BR, state: maintenance, until: 2023-11-14T23:00Z"))
    small.answer_all()
    assert small.samples().by("target", name) == {"wf008": 1_700_002_800.0}
    time.passed = 2800.0
    small.answer_all()
    assert not small.samples().all(name)
    assert small.samples().get("network_latency_probes_total", target="wf008", probe="icmp") == 4


def test_no_gauge_is_there_before_the_first_probe(small: Small) -> None:
    gauges = [name for name, kind in heads(small.page()).items() if kind == "gauge" and name.startswith("network_")]
    assert len(gauges) == 10
    samples = small.samples()
    assert not [name for name in gauges if samples.all(name)]


@pytest.mark.parametrize(("probe", "fresh_for"), [("icmp", 2 * 5 + 4), ("ping", 2 * 15 + 10)])
def test_all_gauges_leave_after_two_intervals_and_a_timeout_without_a_probe(
    small: Small, time: Time, probe: str, fresh_for: float
) -> None:
    small.answer_all()
    time.passed += fresh_for
    fresh = small.samples()
    time.passed += 0.001
    stale = small.samples()
    of = {"target": "wf008", "probe": probe}
    gauges = [name for name, kind in heads(small.page()).items() if kind == "gauge" and name.startswith("network_")]
    shown = {name for name in gauges if fresh.all(name, **of)}
    assert shown >= {"network_latency_rtt_seconds", "network_latency_last_success_timestamp_seconds"}
    assert not [name for name in gauges if stale.all(name, **of)]
    assert stale.get("network_latency_probes_total", **of) == 1


def test_after_a_failure_what_it_did_not_measure_is_absent_and_what_it_got_is_there(small: Small) -> None:
    small.answer_all()
    facts = Facts(status_code=503, certificate_not_before=1.7e9, certificate_expiry=1.8e9 + 0.5)
    small.decide("grafana", "http", ProbeFailed(Reason.STATUS), facts)
    samples, of = small.samples(), {"target": "grafana"}
    assert samples.get("network_latency_probe_success", **of) == 0
    for absent in ("rtt", "http_response", "http_server", "peer_processing"):
        assert samples.get(f"network_latency_{absent}_seconds", **of) is None
    assert samples.get("network_latency_http_status_code", **of) == 503
    assert samples.get("network_latency_tls_certificate_not_before_timestamp_seconds", **of) == 1.7e9
    assert samples.get("network_latency_tls_certificate_expiry_timestamp_seconds", **of) == 1.8e9 + 0.5
    assert samples.get("network_latency_last_success_timestamp_seconds", **of) == 1_700_001_000.0
    assert samples.by("reason", "network_latency_probe_failures_total", **of)["status"] == 1


def test_a_failure_moves_no_histogram_and_no_phase(small: Small) -> None:
    small.answer_all()
    before = small.samples()
    for pair in small.pairs:
        for reason in Reason:
            small.recorder.probe_ended(pair, Facts(), ProbeFailed(reason))
    after = small.samples()
    for name in (*DISTRIBUTIONS, "network_latency_phase_seconds"):
        for part in ("_bucket", "_sum", "_count"):
            assert after.all(name + part) == before.all(name + part)
    assert after.get("network_latency_probes_total", target="grafana") == 1 + len(Reason)


def test_every_histogram_is_cumulative_and_ends_with_its_count(small: Small, time: Time) -> None:
    tell_a_story(small, time)
    for rtt in (0.0001, 0.001, 0.0011, 0.1, 7.0):
        small.decide("wf008", "icmp", RoundTrip(rtt=rtt, clock=Clock.KERNEL))
    samples = small.samples()
    assert samples.by("le", "network_latency_rtt_distribution_seconds_bucket", target="wf008", probe="icmp") == {
        "0.001": 2,
        "0.1": 5,
        "+Inf": 6,
    }
    for name in [name for name, kind in heads(small.page()).items() if kind == "histogram"]:
        for of, count in samples.all(f"{name}_count").items():
            buckets = list(samples.by("le", f"{name}_bucket", **dict(of)).items())
            assert [float(le) for le, _ in buckets] == sorted(float(le) for le, _ in buckets)
            assert [value for _, value in buckets] == sorted(value for _, value in buckets)
            assert buckets[-1] == ("+Inf", count)


def test_a_retransmitted_handshake_gives_neither_round_trip_nor_share_of_the_server(small: Small) -> None:
    late = Exchange(rtt=None, clock=Clock.KERNEL, response=0.08, duration=1.1, phases={Phase.PROCESSING: 0.08})
    small.decide("wf008", "ping", late, Facts(retransmitted=True))
    samples, of = small.samples(), {"target": "wf008", "probe": "ping"}
    assert samples.get("network_latency_probe_success", **of) == 1
    assert samples.get("network_latency_retransmitted_handshakes_total", **of) == 1
    assert samples.get("network_latency_rtt_seconds", **of) is None
    assert samples.get("network_latency_http_server_seconds", **of) is None
    assert samples.get("network_latency_rtt_distribution_seconds_count", **of) == 0
    assert samples.get("network_latency_http_response_seconds", **of) == 0.08
    assert samples.by("phase", "network_latency_phase_seconds_count", **of)["connect"] == 0


def test_phases_are_those_that_the_target_has(small: Small) -> None:
    small.reload(SMALL.replace("wf008.example", "192.0.2.8"))
    samples = small.samples()
    assert list(samples.by("phase", "network_latency_phase_seconds_sum", target="grafana")) == [
        "dns",
        "connect",
        "tls",
        "processing",
        "transfer",
    ]
    assert list(samples.by("phase", "network_latency_phase_seconds_sum", probe="ping")) == [
        "connect",
        "processing",
        "transfer",
    ]
    assert list(samples.by("phase", "network_latency_phase_seconds_sum", probe="tcp")) == ["connect"]
    assert not samples.all("network_latency_phase_seconds_sum", probe="icmp")


def test_a_probe_with_histogram_false_has_no_distributions(small: Small) -> None:
    small.reload(SMALL.replace("{protocol: icmp,", "{protocol: icmp, histogram: false,"))
    small.answer_all()
    samples = small.samples()
    assert samples.get("network_latency_rtt_seconds", probe="icmp") == 0.05
    for name in DISTRIBUTIONS:
        assert not samples.all(f"{name}_bucket", probe="icmp")
    assert samples.all("network_latency_rtt_distribution_seconds_bucket", probe="tcp")


@pytest.mark.parametrize("openmetrics", [False, True])
def test_names_with_anything_in_them_come_back_as_they_were(small: Small, *, openmetrics: bool) -> None:
    name, location = 'a "quoted" \\ name\nof two lines 🛰', "%s {x}, São Paulo"
    text = SMALL.replace("name: wf008", 'name: "a \\"quoted\\" \\\\ name\\nof two lines 🛰"')
    small.reload(text.replace("wf008_brazil", f'"{location}"'))
    small.answer_all()
    small.recorder.ping_received(host_header(name))
    families = {family.name: family for family in parsed(small.page(openmetrics=openmetrics), openmetrics=openmetrics)}
    rtts = [sample.labels for sample in families["network_latency_rtt_seconds"].samples]
    assert [rtt["probe"] for rtt in rtts if (rtt["target"], rtt["target_location"]) == (name, location)] == [
        "icmp",
        "tcp",
        "ping",
    ]
    pings = {sample.labels["peer"]: sample.value for sample in families["network_latency_pings_received"].samples}
    assert pings == {"wf001": 0, name: 1, "other": 0}


# Reload


def test_a_reload_keeps_what_was_counted_of_pairs_that_stay_and_drops_the_others(small: Small) -> None:
    small.answer_all()
    small.decide("wf008", "tcp", TIMEOUT)
    small.reload(SMALL.replace("  tcp: {protocol: tcp, port: 9102}\n", "  ssh: {protocol: tcp, port: 22}\n"))
    samples = small.samples()
    assert samples.by("probe", "network_latency_probes_total") == {"icmp": 1, "ping": 1, "http": 1, "ssh": 0}
    assert samples.get("network_latency_rtt_seconds", target="grafana") == 0.0625
    assert 'probe="tcp"' not in small.page()
    small.reload(SMALL)
    assert small.samples().get("network_latency_probes_total", probe="tcp") == 0


def test_another_address_of_a_target_keeps_its_series(small: Small) -> None:
    small.answer_all()
    small.reload(SMALL.replace("wf008.example", "192.0.2.8").replace("https://grafana", "http://grafana"))
    samples = small.samples()
    assert set(samples.by("probe", "network_latency_probes_total").values()) == {1}
    assert samples.by("phase", "network_latency_phase_seconds_sum", probe="ping") == {
        "connect": 0.0625,
        "processing": 0.078125,
        "transfer": 0.015625,
    }
    assert "tls" not in samples.by("phase", "network_latency_phase_seconds_sum", target="grafana")
    small.answer_all()  # the name is gone, but a probe of it may still have been under way
    assert set(small.samples().by("probe", "network_latency_probes_total").values()) == {2}


def test_another_label_of_a_target_is_another_series(small: Small) -> None:
    small.answer_all()
    small.reload(SMALL.replace("country: BR", "country: CL"))
    samples = small.samples()
    assert samples.by("target_country", "network_latency_probes_total", probe="icmp") == {"CL": 0}


def test_a_longer_interval_keeps_the_series_fresh_for_longer(small: Small, time: Time) -> None:
    small.answer_all()
    small.reload(SMALL.replace("interval: 5s", "interval: 30s"))
    time.passed += 2 * 30 + 4
    assert small.samples().get("network_latency_rtt_seconds", probe="icmp") == 0.05


def test_other_buckets_begin_the_histograms_anew_and_leave_the_counters(small: Small) -> None:
    small.answer_all()
    small.reload(SMALL.replace("[0.001, 0.1]", "[0.001, 0.01, 0.1]"))
    samples = small.samples()
    assert set(samples.by("probe", "network_latency_probes_total").values()) == {1}
    assert set(samples.by("probe", "network_latency_rtt_distribution_seconds_count").values()) == {0}
    assert list(samples.by("le", "network_latency_rtt_distribution_seconds_bucket", probe="icmp")) == [
        "0.001",
        "0.01",
        "0.1",
        "+Inf",
    ]


def test_a_failed_reload_shows_until_one_succeeds_and_changes_nothing_else(small: Small) -> None:
    name = "latency_exporter_config_last_reload_successful"
    assert small.samples().get(name) == 1
    small.answer_all()
    small.recorder.reload_failed("fleet.yml:1: x")
    samples = small.samples()
    assert samples.get(name) == 0
    assert samples.get("network_latency_rtt_seconds", probe="icmp") == 0.05
    assert samples.get("latency_exporter_config_hash") == small.fleet.config_hash
    small.reload(SMALL)
    assert small.samples().get(name) == 1


def test_a_reload_describes_the_new_fleet_and_forgets_the_old(small: Small) -> None:
    small.recorder.ping_received("wf008")
    small.recorder.watch_names(["wf008", "grafana"])
    small.recorder.dns_refresh_failed("wf008")
    small.reload(SMALL.replace("wf001_usa", "wf001_canada"))
    small.recorder.watch_names(["wf008"])
    samples = small.samples()
    assert samples.by("self_location", "latency_exporter_self_info") == {"wf001_canada": 1}
    assert samples.by("peer", "network_latency_pings_received_total") == {"wf001": 0, "wf008": 1, "other": 0}
    assert samples.by("target", "latency_exporter_dns_refresh_failures_total") == {"wf008": 1}
    small.reload(SMALL.replace("name: wf008", "name: wf009"))
    small.recorder.watch_names(["wf009"])
    samples = small.samples()
    assert samples.by("peer", "network_latency_pings_received_total") == {"wf001": 0, "wf009": 0, "other": 0}
    assert samples.by("target", "latency_exporter_dns_refresh_failures_total") == {"wf009": 0}


# What belongs to no probe


def test_late_and_duplicate_replies_count_for_their_own_pair_and_are_never_measured(small: Small) -> None:
    pair = small.pair("wf008", "icmp")
    small.recorder.notice(LateReply(pair.aim))
    small.recorder.notice(DuplicateReply(pair.aim))
    small.recorder.notice(DuplicateReply(pair.aim))
    small.recorder.notice(LateReply("nobody we know"))
    samples = small.samples()
    assert samples.get("network_latency_late_replies_total") == 1
    assert samples.get("network_latency_duplicate_replies_total") == 2
    assert samples.get("network_latency_probes_total", probe="icmp") == 0
    assert samples.get("network_latency_rtt_distribution_seconds_count", probe="icmp") == 0


def test_the_icmp_socket_is_told_for_the_families_in_use(small: Small) -> None:
    small.recorder.notice(SocketOpened(IpFamily.IPV4, "none", error=errno.EPERM))
    small.recorder.notice(SocketOpened(IpFamily.IPV6, "raw"))
    small.reload(SMALL)
    samples = small.samples()
    assert samples.by("kind", "latency_exporter_icmp_socket", ip_family="ipv4") == {"datagram": 0, "raw": 0, "none": 1}
    assert not samples.all("latency_exporter_icmp_socket", ip_family="ipv6")
    small.recorder.notice(SocketOpened(IpFamily.IPV4, "datagram"))  # permission was granted meanwhile
    kinds = small.samples().by("kind", "latency_exporter_icmp_socket", ip_family="ipv4")
    assert kinds == {"datagram": 1, "raw": 0, "none": 0}


def test_who_asks_and_is_no_host_of_the_fleet_is_other(small: Small) -> None:
    for peer in ("wf008", "wf008", "grafana", "", None, "wf001_usa", "\udc80"):
        small.recorder.ping_received(peer)
    assert small.samples().by("peer", "network_latency_pings_received_total") == {"wf001": 0, "wf008": 2, "other": 5}


def test_each_measurement_is_counted_by_the_clock_that_took_it(small: Small) -> None:
    small.answer_all()
    small.decide("wf008", "tcp", RoundTrip(rtt=0.05, clock=Clock.USER))
    small.decide("wf008", "tcp", TIMEOUT)
    samples, name = small.samples(), "latency_exporter_measurements_total"
    assert samples.by("protocol", name, clock="kernel") == {"http": 2, "icmp": 1, "mysql": 0, "postgresql": 0, "tcp": 1}
    assert samples.by("protocol", name, clock="user") == {"http": 0, "icmp": 0, "mysql": 0, "postgresql": 0, "tcp": 1}


def test_the_egress_queue_and_the_lateness_have_distributions_of_their_own(small: Small) -> None:
    small.decide("wf008", "icmp", ANSWERS["icmp"])
    small.recorder.started_late(0.02, 1)
    samples = small.samples()
    assert samples.get("latency_exporter_egress_queue_seconds_sum") == 2e-6
    assert samples.by("le", "latency_exporter_egress_queue_seconds_bucket")["2.5e-06"] == 1
    assert samples.by("le", "latency_exporter_probe_lateness_seconds_bucket")["0.01"] == 0
    assert samples.by("le", "latency_exporter_probe_lateness_seconds_bucket")["0.02"] == 1


def test_a_page_that_is_read_while_the_fleet_changes_is_that_of_one_fleet(small: Small) -> None:
    pieces = small.recorder.page(openmetrics=False)
    first = next(pieces)
    small.reload(SMALL.replace("name: wf008", "name: wf009"))
    page = (first + b"".join(pieces)).decode()
    assert 'target="wf009"' not in page
    assert 'target="wf008"' in page


@dataclasses.dataclass(frozen=True, slots=True)
class WithoutLocal:
    """A target of a kind that forgets the reason for faults of ours."""

    reasons: tuple[Reason, ...] = (Reason.TIMEOUT,)
    phases: tuple[Phase, ...] = ()


@pytest.mark.parametrize(
    "changes",
    [{"protocol": "udp"}, {"protocol": "redis", "database": "cache"}, {"aim": WithoutLocal()}],
    ids=["a protocol", "a kind of database", "a target without its own fault"],
)
def test_a_kind_of_probe_that_no_metric_would_show_is_refused_and_what_was_configured_stays(
    small: Small, changes: dict[str, Any]
) -> None:
    before = small.recorder.states()
    unknown = dataclasses.replace(small.pair("wf008", "tcp"), **changes)
    with pytest.raises(BadFile) as caught:
        small.recorder.configure(small.fleet, small.host, (*small.pairs, unknown))
    assert str(caught.value).endswith(
        f"fleet.yml:7: probes.tcp.protocol: a probe of protocol {unknown.protocol!r} would run without metrics, which "
        "is a fault of this program: leave it out until exporter/recording/metrics knows the protocol"
    )
    assert small.recorder.states() == before


def of_pairs(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(("network_latency_", "database_"))]


@pytest.mark.parametrize("reloaded", [False, True])
def test_what_a_page_says_of_pairs_is_of_the_moment_when_it_was_begun(
    with_database: Small, time: Time, *, reloaded: bool
) -> None:
    with_database.answer_all()
    pieces = len(list(with_database.recorder.page(openmetrics=False)))
    for read_before in range(1, pieces):
        expected = of_pairs(with_database.page())
        under_way = with_database.recorder.page(openmetrics=False)
        begun = [next(under_way) for _ in range(read_before)]
        if reloaded:
            with_database.reload(f"# {read_before}\n{SMALL}{DATABASE}")
        time.passed += 1
        for outcome in (TIMEOUT, RoundTrip(rtt=0.5, clock=Clock.KERNEL)):
            for pair in with_database.pairs:
                with_database.recorder.probe_ended(pair, Facts(hop_limit=read_before), outcome)
        for notice in (LateReply, DuplicateReply):
            with_database.recorder.notice(notice(with_database.pair("wf008", "icmp").aim))
        assert of_pairs(b"".join([*begun, *under_way]).decode()) == expected, f"torn after {read_before} pieces"
        assert of_pairs(with_database.page()) != expected


def test_a_page_that_is_read_while_other_buckets_come_counts_no_further(small: Small) -> None:
    small.answer_all()
    expected = of_pairs(small.page())
    under_way = small.recorder.page(openmetrics=False)
    begun = next(under_way)
    small.reload(SMALL.replace("[0.001, 0.1]", "[0.1, 0.2]"))
    small.decide("wf008", "icmp", TIMEOUT)
    assert of_pairs((begun + b"".join(under_way)).decode()) == expected


def test_nothing_is_kept_for_a_page_that_was_made_or_given_up(small: Small) -> None:
    small.page()
    given_up = small.recorder.page(openmetrics=False)
    next(given_up)
    assert len(small.recorder._pairs._under_way) == 1
    del given_up
    assert small.recorder._pairs._under_way == []


# Databases


@pytest.fixture
def with_database(time: Time, tmp_path: Path) -> Small:
    return Small(tmp_path, SMALL + DATABASE)


def test_a_databases_logins_and_queries_are_one_set_of_series(with_database: Small) -> None:
    with_database.answer_all()
    samples = with_database.samples()
    of = {"database": "n8n-postgres", "db_type": "postgresql", "target": "wf008", "target_country": "BR"}
    assert samples.get("database_available", **of) == 1
    assert samples.get("database_rtt_seconds", **of) == 0.0625
    assert samples.get("database_connect_latency_seconds_sum", **of) == 0.5
    assert samples.get("database_query_latency_seconds_sum", **of) == 0.125
    assert samples.get("database_login_round_trips", **of) == 6
    assert samples.by("phase", "database_phase_seconds_sum", **of) == {
        "dns": 0,
        "connect": 0.0625,
        "tls": 0.125,
        "auth": 0.3125,
        "query": 0.0625,
    }
    assert samples.by("mode", "database_probes_total", **of) == {"cold": 1, "warm": 1}
    assert not samples.all("network_latency_probes_total", probe="login")


def test_a_databases_driver_has_the_phases_that_it_shows_and_no_round_trips_and_its_times_are_the_programs(
    time: Time, tmp_path: Path
) -> None:
    driven = Small(tmp_path, SMALL + DATABASE.replace("type: postgresql", "type: postgresql, client: driver"))
    phases = {Phase.DNS: 0.0, Phase.CONNECT: 0.0625, Phase.QUERY: 0.125}
    driven.decide("wf008", "login", Login(0.0625, Clock.USER, 0.5, None, phases))
    driven.decide("wf008", "query", Query(0.125, Clock.USER))
    samples = driven.samples()
    of = {"database": "n8n-postgres"}
    assert samples.get("database_available", **of) == 1
    assert samples.get("database_rtt_seconds", **of) == 0.0625
    assert samples.get("database_connect_latency_seconds_sum", **of) == 0.5
    assert not samples.all("database_login_round_trips")
    assert samples.by("phase", "database_phase_seconds_sum", **of) == {"dns": 0, "connect": 0.0625, "query": 0.125}
    assert samples.by("clock", "latency_exporter_measurements_total", protocol="postgresql") == {"kernel": 0, "user": 2}


def test_a_database_is_available_only_when_both_its_login_and_its_query_succeed(with_database: Small) -> None:
    available = "database_available"
    assert with_database.samples().get(available) is None
    with_database.decide("wf008", "login", ANSWERS["login"])
    assert with_database.samples().get(available) is None
    with_database.decide("wf008", "query", ANSWERS["query"])
    assert with_database.samples().get(available) == 1
    with_database.decide("wf008", "query", ProbeFailed(Reason.LIMIT, "too many"))
    samples = with_database.samples()
    assert samples.get(available) == 0
    assert samples.get("database_probe_failures_total", mode="warm", reason="limit") == 1
    assert samples.get("database_probe_failures_total", mode="cold", reason="limit") == 0
    assert samples.get("database_rtt_seconds") == 0.0625


def test_a_database_that_nobody_has_reached_yet_is_not_available(with_database: Small) -> None:
    with_database.decide("wf008", "query", TIMEOUT)
    assert with_database.samples().get("database_available") == 0
