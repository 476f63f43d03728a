"""Three hosts, three paths, one fleet file; Prometheus and VictoriaMetrics ask on the files the program wrote.

What they answer is held against the truth: every packet that the paths carried, lost and delayed.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.netlab import Exchange, Host, Lab, Link, pair_echoes, pair_handshakes, requires_root, wait_until
from tests.system.fleets import THREE_HOSTS
from tests.system.running import REPOSITORY, Exporter
from tests.system.servers import Samples, Server, prometheus, victoria_metrics

pytestmark = [requires_root, pytest.mark.servers]

MEASURED = 45
"""Seconds of probing, of which the last samples are looked at."""
TIMEOUT = 0.9
HTTPS_PROBES = 60
"""Probes of the long path by HTTPS, each every 11 s because its timeout is the default one of 10 s."""
QUIET = 0.25
"""A sample counts what happened up to its scrape; nothing may have happened this long around it."""

FLEET = """
# Each bucket ends 15 % above the one before it, from 12 ms to 0.8 s: so near is any quantile.
defaults:
  interval: 1100ms          # not that of the scrapes, so that some of these find nothing under way
  timeout: 900ms
  buckets: BUCKETS
"""
FLEET += THREE_HOSTS
FLEET += """\
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping", interval: 3s, timeout: 2900ms}
scrape: {interval: 1s, timeout: 1s}
endpoints:
"""
ENDPOINT = """\
  - name: site{number}
    probe: {{protocol: http, url: "https://wf008:9443/", tls_ca_file: {ca}, interval: 11s, timeout: 10s}}
    from: [wf001]
"""


@dataclasses.dataclass(frozen=True)
class Path3:
    """One of the paths, and what it is like."""

    link: Link
    delay: float
    jitter: float


@dataclasses.dataclass
class World:
    """Everything that runs, and when it was looked at."""

    lab: Lab
    paths: dict[frozenset[str], Path3]
    engines: list[Server]
    exporters: dict[str, Exporter]
    now: float = 0.0

    def directions(self) -> Iterator[tuple[Host, Host, Path3]]:
        for source, target in itertools.permutations(("wf001", "wf008", "wfdb01"), 2):
            path = self.paths[frozenset((source, target))]
            yield self.lab.hosts[source], self.lab.hosts[target], path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("three-hosts")
    (folder / "certificates").mkdir()
    authority = Authority(folder / "certificates")
    with Lab() as lab:
        usa, brazil, home = (lab.host(name) for name in ("wf001", "wf008", "wfdb01"))
        paths = {
            frozenset(("wf001", "wfdb01")): Path3(lab.link(usa, home, delay=0.020, log=True), 0.020, 0),
            frozenset(("wf008", "wfdb01")): Path3(lab.link(brazil, home, delay=0.090, log=True), 0.090, 0),
            frozenset(("wf001", "wf008")): Path3(
                lab.link(usa, brazil, delay=0.365, jitter=0.020, loss=0.005, log=True), 0.365, 0.040
            ),
        }
        watcher = lab.host("watcher")
        lab.attach(watcher)
        fleet_file = _fleet_file(folder, authority)
        authority.server("wf008")
        (certificate,) = (folder / "certificates").glob("[0-9]*.pem")
        brazil.popen([sys.executable, str(Path(__file__).with_name("tls_server.py")), "9443", str(certificate)])
        stanzas = _generate(fleet_file, folder)
        exporters = {name: Exporter(lab.hosts[name], fleet_file).ready() for name in ("wf001", "wf008", "wfdb01")}
        engines = [prometheus(watcher, folder, stanzas), victoria_metrics(watcher, folder, stanzas)]
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > MEASURED, "measured", MEASURED + 5)
        yield World(lab, paths, engines, exporters, now=time.time())


def _fleet_file(folder: Path, authority: Authority) -> Path:
    file = folder / "fleet.yml"
    sites = [ENDPOINT.format(number=number, ca=authority.ca_file) for number in range(HTTPS_PROBES)]
    file.write_text(
        FLEET.replace("BUCKETS", str([round(0.012 * 1.15**step, 6) for step in range(31)])) + "".join(sites)
    )
    return file


def _generate(fleet_file: Path, folder: Path) -> str:
    output = folder / "scrape_configs"
    command = [sys.executable, "-m", "exporter", "scrape-configs", "--config.file", str(fleet_file)]
    subprocess.run([*command, "--output-dir", str(output)], check=True, cwd=REPOSITORY)
    return (output / "jobs.yml").read_text()


def selector(name: str, source: Host, target: Host, probe: str, **more: str) -> str:
    labels = {"job": "latency", "source": source.name, "target": target.name, "probe": probe, **more}
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def echoes(source: Host, target: Host, path: Path3) -> list[Exchange]:
    """All echo requests from one host to another, and what came back."""
    return [
        exchange for exchange in pair_echoes(path.link.seen_from(source)) if exchange.requests[0].dst == target.address
    ]


def quiet_sample(samples: Samples, exchanges: list[Exchange]) -> float:
    """Return the time of the latest sample at which nothing was being decided."""
    decided = [
        exchange.answers[0].time if exchange.answers else exchange.requests[0].time + TIMEOUT for exchange in exchanges
    ]
    for when, _ in reversed(samples):
        if all(not -QUIET < when - moment < QUIET for moment in decided):
            return when
    pytest.fail(f"no quiet moment among {len(samples)} samples")


def before(exchanges: list[Exchange], when: float) -> tuple[list[float], int]:
    """Return the round trips that were answered before a time, and how many probes were given up by then."""
    trips = [exchange.round_trip or 0 for exchange in exchanges if exchange.answers and exchange.answers[0].time < when]
    lost = sum(not exchange.answers and exchange.requests[0].time + TIMEOUT < when for exchange in exchanges)
    return trips, lost


def test_every_round_trip_is_the_true_one_and_every_counter_the_packets(world: World) -> None:
    for source, target, path in world.directions():
        exchanges = echoes(source, target, path)
        for engine in world.engines:
            count = selector("network_latency_probes_total", source, target, "icmp")
            samples = engine.samples(count, world.now, 20)
            when = quiet_sample(samples, exchanges)
            trips, lost = before(exchanges, when)
            assert dict(samples)[when] == len(trips) + lost
            parts = {
                part: dict(engine.samples(selector(name, source, target, "icmp", **labels), world.now, 20))[when]
                for part, name, labels in (
                    ("failures", "network_latency_probe_failures_total", {"reason": "timeout"}),
                    ("sum", "network_latency_rtt_distribution_seconds_sum", {}),
                    ("count", "network_latency_rtt_distribution_seconds_count", {}),
                )
            }
            assert parts["failures"] == lost
            assert parts["count"] == len(trips)
            assert parts["sum"] / parts["count"] == pytest.approx(statistics.mean(trips), abs=0.0005)


def test_the_jitter_is_that_of_the_round_trips_that_were_answered(world: World) -> None:
    name = "network_latency_rtt_variation_seconds"
    for source, target, path in world.directions():
        exchanges = echoes(source, target, path)
        for engine in world.engines:
            counts = engine.samples(selector(f"{name}_count", source, target, "icmp"), world.now, 20)
            sums = engine.samples(selector(f"{name}_sum", source, target, "icmp"), world.now, 20)
            when = quiet_sample(counts, exchanges)
            trips, _ = before(exchanges, when)
            differences = [abs(later - earlier) for earlier, later in itertools.pairwise(trips)]
            assert dict(counts)[when] == len(differences)
            mean = dict(sums)[when] / dict(counts)[when]
            assert mean == pytest.approx(statistics.mean(differences), abs=0.0005)


def test_each_latest_round_trip_is_one_that_the_wire_has_seen(world: World) -> None:
    for source, target, path in world.directions():
        shaken = pair_handshakes(path.link.seen_from(source))
        trips = {
            "icmp": [echo.round_trip for echo in echoes(source, target, path) if echo.round_trip],
            "tcp": [hand.round_trip for hand in shaken if hand.round_trip and hand.requests[0].dst == target.address],
        }
        trips["ping"] = trips["tcp"]
        for engine, probe in itertools.product(world.engines, trips):
            latest = selector("network_latency_rtt_seconds", source, target, probe)
            samples = [value for _, value in engine.samples(latest, world.now, 30)]
            errors = sorted(min(abs(value - trip) for trip in trips[probe]) for value in samples)
            assert statistics.median(errors) < 0.0002
            # A busy machine may stand still between a packet's capture and its stamp; several scrapes show that one.
            assert errors[-len(errors) // 5] < 0.005


def test_quantiles_from_the_histogram_are_near_the_true_ones(world: World) -> None:
    for source, target, path in world.directions():
        answered, _ = before(echoes(source, target, path), world.now)
        trips = sorted(filter(None, answered))
        for engine, quantile in itertools.product(world.engines, (0.5, 0.9, 0.99)):
            buckets = selector("network_latency_rtt_distribution_seconds_bucket", source, target, "icmp")
            asked = engine.number(f"histogram_quantile({quantile}, {buckets})", world.now)
            rank = min(len(trips) - 1, int(quantile * len(trips)))
            least, *_, most = trips[rank - 2 : rank + 2]  # the last scrape may lack the latest of some 40
            assert 0.85 * least <= asked <= 1.15 * most


def test_every_tcp_probe_is_one_handshake_on_the_wire(world: World) -> None:
    for source, target, path in world.directions():
        if path.jitter:
            continue
        asked = time.time()
        page = world.exporters[source.name].page()
        answered = time.time()
        probes = sum(
            page.value("network_latency_probes_total", target=target.name, probe=probe) or 0
            for probe in ("tcp", "ping")
        )
        wire = pair_handshakes(path.link.seen_from(source))
        begun = [exchange.requests[0].time for exchange in wire if exchange.requests[0].dst == target.address]
        under_way = 2
        assert sum(at < asked for at in begun) - under_way <= probes <= sum(at < answered for at in begun)
        assert page.values("network_latency_retransmitted_handshakes_total", target=target.name) == [0, 0]


def test_https_over_the_longest_path_succeeds_within_the_default_timeout(world: World) -> None:
    page = world.exporters["wf001"].page()
    sites = [f"site{number}" for number in range(HTTPS_PROBES)]
    probes = sum(page.value("network_latency_probes_total", target=site) or 0 for site in sites)
    failures = sum(sum(page.failures(target=site).values()) for site in sites)
    assert probes >= 3 * HTTPS_PROBES
    assert failures <= 0.01 * probes
    responses = [page.value("network_latency_http_response_seconds", target=site) for site in sites]
    assert statistics.median(response for response in responses if response) == pytest.approx(0.365, abs=0.04)


def test_what_the_peer_says_of_itself_is_beside_what_the_network_took(world: World) -> None:
    usa, home = world.lab.hosts["wf001"], world.lab.hosts["wfdb01"]
    processing = selector("network_latency_peer_processing_seconds", usa, home, "ping")
    for engine in world.engines:
        values = [value for _, value in engine.samples(processing, world.now, 40)]
        assert 0 < statistics.median(values) < 0.01
    pings = (
        world.exporters["wfdb01"].page().value("network_latency_pings_received_total", peer="wf001", peer_country="US")
    )
    assert pings
    assert pings >= MEASURED / 3 - 3


def test_both_engines_know_the_same_series_with_the_sources_labels(world: World) -> None:
    names = "source, source_location, source_datacenter, source_country, host, instance, job, "
    names += "target, target_location, target_datacenter, target_country, probe, protocol, ip_family"
    question = f"count by ({names}) (network_latency_probes_total)"
    prom, victoria = (
        sorted(sorted(series["metric"].items()) for series in engine.query(question, world.now))
        for engine in world.engines
    )
    assert prom == victoria
    assert len(prom) == 3 * 2 * 3 + HTTPS_PROBES
    wanted = {
        "source": "wf008",
        "source_location": "wf008_brazil",
        "source_datacenter": "wf008",
        "source_country": "BR",
    }
    wanted |= {"host": "wf008", "instance": "wf008", "job": "latency", "target": "wf001", "target_country": "US"}
    assert any(wanted.items() <= dict(labels).items() for labels in prom)
    for engine in world.engines:
        assert engine.query('{__name__=~".+",exported_source=~".+"}', world.now) == []
        assert engine.number("count(up == 1)", world.now) == 3


def test_the_program_says_that_it_measured_by_the_kernels_clock(world: World) -> None:
    for exporter in world.exporters.values():
        page = exporter.page()
        kernel = sum(page.values("latency_exporter_measurements_total", clock="kernel"))
        user = sum(page.values("latency_exporter_measurements_total", clock="user"))
        assert user <= 0.01 * kernel
        assert page.values("latency_exporter_icmp_receive_overflows_total") == [0]
