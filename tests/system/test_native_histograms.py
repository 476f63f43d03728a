"""Real servers, of which some ask for native histograms, on one exporter over paths of known delays."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netlab import Host, Lab, Link, pair_echoes, requires_root, wait_until
from tests.system.running import REPOSITORY, Exporter
from tests.system.servers import Server

NEWEST = REPOSITORY / ".cache/newer/usr/bin/prometheus"
pytestmark = [
    requires_root,
    pytest.mark.servers,
    pytest.mark.skipif(not NEWEST.exists(), reason="sid's Prometheus could not be had"),
]

MEASURED = 30
FLEET = """\
defaults: {interval: 250ms, timeout: 240ms}
hosts:
  - {name: wf001, address: WF001, location: wf001_usa, datacenter: wf001, country: US}
  - {name: wfdb01, address: WFDB01, location: wfdb01_usa, datacenter: wfdb01, country: US}
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping", interval: 1s, timeout: 900ms}
"""
RTT = "network_latency_rtt_distribution_seconds"
HISTOGRAMS = {"icmp": 1, "tcp": 1, "ping": 3}
CLASSIC_SERIES = 26
"""Of a histogram with the default buckets: 23 and the one above them, sum, count."""


@dataclasses.dataclass
class World:
    """The link that is measured, and the servers that scrape."""

    source: Host
    link: Link
    native: Server
    both: Server
    old_native: Server
    on_text: tuple[Server, ...]
    now: float = 0.0

    def trips(self) -> list[float]:
        """Return the true round trips of all echoes so far."""
        return sorted(trip for echo in pair_echoes(self.link.seen_from(self.source)) if (trip := echo.round_trip))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("native")
    with Lab() as lab:
        usa, home, watcher = (lab.host(name) for name in ("wf001", "wfdb01", "watcher"))
        # The longest are 134 ms, near the end of a native bucket (136): what is taken for spread over all of it is so.
        link = lab.link(usa, home, delay=0.094, jitter=0.020, log=True)
        lab.attach(watcher)
        (folder / "fleet.yml").write_text(FLEET.replace("WF001", usa.address).replace("WFDB01", home.address))
        for host in (usa, home):
            Exporter(host, folder / "fleet.yml").ready()
        feature = "--enable-feature=native-histograms"

        def server(program: str, port: int, job: str, *flags: str) -> Server:
            return _prometheus(
                watcher, folder, program, port, f"{job}static_configs: [{{targets: [{usa.address}:9102]}}]", flags
            )

        keep = "always_scrape_classic_histograms: true, "
        world = World(
            usa,
            link,
            native=server(str(NEWEST), 9090, "", feature),
            both=server(str(NEWEST), 9091, keep, feature),
            old_native=server("prometheus", 9092, "", feature),
            on_text=(
                server("prometheus", 9093, ""),
                server(str(NEWEST), 9094, ""),
                _victoria_metrics(watcher, folder, usa),
            ),
        )
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > MEASURED, "measured", MEASURED + 5)
        world.now = time.time()
        yield world


def _prometheus(host: Host, folder: Path, program: str, port: int, job: str, flags: tuple[str, ...]) -> Server:
    file = folder / f"{port}.yml"
    file.write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: latency, {job}}}]\n")
    where = (f"--storage.tsdb.path={folder}/{port}", f"--web.listen-address=127.0.0.1:{port}")
    return Server(host, port, [program, f"--config.file={file}", *where, "--log.level=warn", *flags])


def _victoria_metrics(host: Host, folder: Path, usa: Host) -> Server:
    file = folder / "victoria-metrics.yml"
    job = f"{{job_name: latency, scrape_interval: 1s, static_configs: [{{targets: [{usa.address}:9102]}}]}}"
    file.write_text(f"scrape_configs: [{job}]\n")
    flags = (f"-promscrape.config={file}", f"-storageDataPath={folder}/victoria", "-httpListenAddr=127.0.0.1:8428")
    return Server(host, 8428, ["victoria-metrics", *flags, "-search.latencyOffset=0s", "-loggerLevel=WARN"])


def series(server: Server, probe: str, at: float) -> int:
    return round(server.number(f'count({{target="wfdb01", probe="{probe}"}})', at))


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9, 0.99])
def test_quantiles_of_native_histograms_are_within_five_percent_of_the_truth(world: World, quantile: float) -> None:
    trips = world.trips()
    rank = min(len(trips) - 1, int(quantile * len(trips)))
    least, *_, most = trips[rank - 1 : rank + 2]  # of some 120, so that one more or less is a hundredth
    for server in (world.native, world.both, world.old_native):
        asked = server.number(f'histogram_quantile({quantile}, {RTT}{{probe="icmp"}})', world.now)
        assert 0.95 * least <= asked <= 1.05 * most


def test_a_native_histogram_is_one_series_in_the_place_of_its_buckets_sum_and_count(world: World) -> None:
    classic = world.on_text[0]
    for probe, histograms in HISTOGRAMS.items():
        for server in (world.native, world.old_native):
            saved = series(classic, probe, world.now) - series(server, probe, world.now)
            assert saved == histograms * (CLASSIC_SERIES - 1)
            assert server.query(f'{RTT}_bucket{{probe="{probe}"}}', world.now) == []


def test_where_both_are_asked_for_the_buckets_are_there_and_count_the_same(world: World) -> None:
    for probe in HISTOGRAMS:
        native = world.both.number(f'histogram_count({RTT}{{probe="{probe}"}})', world.now)
        count = world.both.number(f'{RTT}_count{{probe="{probe}"}}', world.now)
        highest = world.both.number(f'{RTT}_bucket{{probe="{probe}", le="+Inf"}}', world.now)
        assert native == count == highest > MEASURED / 2


def test_servers_that_do_not_ask_for_it_have_the_same_series_as_ever(world: World) -> None:
    for server in world.on_text:
        assert server.query(f'{RTT}{{probe="icmp"}}', world.now) == []
        assert len(server.query(f'{RTT}_bucket{{probe="icmp"}}', world.now)) == CLASSIC_SERIES - 2
        for probe in HISTOGRAMS:
            assert series(server, probe, world.now) == series(world.on_text[0], probe, world.now)


def test_labels_and_values_are_those_of_the_text(world: World) -> None:
    for name in (
        "network_latency_probes_total",
        "network_latency_probe_success",
        "network_latency_phase_seconds_count",
    ):
        text, native = (
            {tuple(sorted(row["metric"].items())) for row in server.query(name, world.now)}
            for server in (world.on_text[0], world.native)
        )
        assert text == native
    own = 'latency_exporter_probe_lateness_seconds_bucket{le="0.001"}'
    assert world.native.query(own, world.now)[0]["metric"] == world.on_text[0].query(own, world.now)[0]["metric"]
