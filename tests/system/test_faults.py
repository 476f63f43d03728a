"""Two hosts and every fault between them: each shows as its reason, and is gone within one interval of its end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.netlab import Lab, Link, requires_root, wait_until
from tests.system.fleets import TWO_HOSTS
from tests.system.running import Exporter, Page

pytestmark = requires_root

INTERVAL, TIMEOUT = 1.0, 0.8
SLACK = 2.0
"""For the machine, on top of an interval and a timeout."""

FLEET = "defaults: {interval: 1s, timeout: 800ms, resolve_interval: 1s}" + TWO_HOSTS


class Stage:
    """Two hosts, one of which is watched measuring the other."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.here, self.there = lab.host("wf001"), lab.host("wf008")
        self.link: Link = lab.link(self.here, self.there, delay=0.020)
        self.fleet_file = folder / "fleet.yml"
        self.fleet_file.write_text(FLEET)
        self.measuring = Exporter(self.here, self.fleet_file).ready()
        self.peer = Exporter(self.there, self.fleet_file).ready()
        self.there.sysctl("net.ipv4.icmp_ratelimit", "0")

    def page(self) -> Page:
        return self.measuring.page()

    def well(self) -> Page:
        """Wait until every pair succeeds, an interval and a timeout at most."""

        def all_well() -> Page | None:
            page = self.page()
            return page if page.values("network_latency_probe_success", target="wf008") == [1, 1, 1] else None

        return wait_until(all_well, f"all is well: {self.page().failures()}", INTERVAL + TIMEOUT + SLACK)

    def after_those_under_way(self) -> Page:
        """Wait for the end of each probe that has begun: a fault in its middle has a reason of its own."""
        time.sleep(TIMEOUT)
        return self.page()

    def fails(self, before: Page, **reasons: str) -> Page:
        """Wait until each probe has failed for its reason at least once more than before, and for no other."""

        def failed() -> Page | None:
            page = self.page()
            new = {probe: _new_failures(before, page, probe) for probe in reasons}
            return page if all(new.values()) else None

        page = wait_until(failed, f"failures of {', '.join(reasons)}", 2 * INTERVAL + TIMEOUT + SLACK)
        seen = {probe: set(_new_failures(before, page, probe)) for probe in reasons}
        assert seen == {probe: {reason} for probe, reason in reasons.items()}
        return page


def _new_failures(before: Page, after: Page, probe: str) -> dict[str, float]:
    old, new = before.failures(probe=probe), after.failures(probe=probe)
    return {reason: count for reason, count in new.items() if count > old.get(reason, 0)}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Lab() as lab:
        yield Stage(lab, tmp_path_factory.mktemp("faults"))


def _drop(stage: Stage) -> Callable[[], object]:
    return stage.there.drop().remove


def _reject(stage: Stage) -> Callable[[], object]:
    return stage.there.reject().remove


def _reset(stage: Stage) -> Callable[[], object]:
    return stage.there.reject("-p", "tcp", reject_with="tcp-reset").remove


def _prohibited(stage: Stage) -> Callable[[], object]:
    return stage.there.reject(reject_with="icmp-host-prohibited").remove


def _no_route(stage: Stage) -> Callable[[], object]:
    stage.here.forbid_route(stage.there, "unreachable")
    return lambda: stage.here.allow_route(stage.there)


def _black_route(stage: Stage) -> Callable[[], object]:
    stage.here.forbid_route(stage.there, "blackhole")
    return lambda: stage.here.allow_route(stage.there)


def _cut(stage: Stage) -> Callable[[], object]:
    stage.link.blackhole()
    return stage.link.restore


def _own_firewall(stage: Stage) -> Callable[[], object]:
    return stage.here.drop("-d", stage.there.address, chain="OUTPUT").remove


ALL_TIMEOUT = {"icmp": "timeout", "tcp": "timeout", "ping": "timeout"}
ALL_UNREACHABLE = {"icmp": "unreachable", "tcp": "unreachable", "ping": "unreachable"}
FAULTS: dict[str, tuple[Callable[[Stage], Callable[[], object]], dict[str, str]]] = {
    "DROP": (_drop, ALL_TIMEOUT),
    "REJECT": (_reject, {"icmp": "unreachable", "tcp": "refused", "ping": "refused"}),
    "REJECT with a reset": (_reset, {"tcp": "refused", "ping": "refused"}),
    "REJECT as prohibited": (_prohibited, ALL_UNREACHABLE),
    "no route": (_no_route, ALL_UNREACHABLE),
    "blackhole route": (_black_route, ALL_UNREACHABLE),
    "a cut cable": (_cut, ALL_TIMEOUT),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_network_shows_as_its_reason_and_lifts(stage: Stage, fault: str) -> None:
    inject, reasons = FAULTS[fault]
    stage.well()
    lift = inject(stage)
    try:
        stage.fails(stage.after_those_under_way(), **reasons)
    finally:
        lift()
    stage.well()


def test_a_frozen_peer_still_connects_but_does_not_answer(stage: Stage) -> None:
    before = stage.well()
    os.kill(stage.peer.program.pid, signal.SIGSTOP)
    try:
        page = stage.fails(before, ping="timeout")
        assert page.value("network_latency_probe_success", probe="tcp") == 1
        assert page.value("network_latency_probe_success", probe="icmp") == 1
    finally:
        os.kill(stage.peer.program.pid, signal.SIGCONT)
    stage.well()


def test_a_stopped_peer_refuses_and_the_counters_survive_its_return(stage: Stage) -> None:
    before = stage.well()
    stage.peer.program.stop()
    stage.fails(stage.after_those_under_way(), tcp="refused", ping="refused")
    stage.peer = Exporter(stage.there, stage.fleet_file).ready()
    after = stage.well()
    for probe in ("icmp", "tcp", "ping"):
        name = "network_latency_probes_total"
        assert (after.value(name, probe=probe) or 0) > (before.value(name, probe=probe) or 0)


def test_a_name_that_is_not_there_is_dns_and_one_that_appears_is_found(stage: Stage, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yml"
    fleet.write_text(FLEET.replace("address: wf008", "address: later.example"))
    stranger = Exporter(stage.here, fleet, "--web.listen-address=:9103", port=9103).ready()
    probes = ("icmp", "tcp", "ping")
    wait_until(lambda: all(stranger.page().failures(probe=probe) for probe in probes), "failures", 5)
    page = stranger.page()
    assert {probe: set(page.failures(probe=probe)) for probe in probes} == {probe: {"dns"} for probe in probes}
    assert page.value("latency_exporter_dns_refresh_failures_total", target="wf008")
    stage.lab.name("later.example", stage.there)
    wait_until(
        lambda: stranger.page().values("network_latency_probe_success") == [1, 1, 1],
        "all succeed",
        2 * INTERVAL + SLACK,
    )
    stage.lab.name("later.example")
    wait_until(lambda: set(stranger.page().failures(probe="ping")) == {"dns"}, "HTTP notices", 5)
    again = stranger.page()
    assert again.value("network_latency_probe_success", probe="icmp") == 1, "the last good address is kept"
    stranger.program.stop()


def test_a_resolver_that_hangs_is_dns_and_delays_nobody(stage: Stage, tmp_path: Path) -> None:
    stage.lab.name_server(stage.here, stage.there.address)
    silent = stage.there.drop("-p", "udp")
    stranger = None
    try:
        fleet = tmp_path / "fleet.yml"
        dead = "endpoints: [{name: dead, probe: {protocol: http, url: 'http://dead.example/'}}]\n"
        fleet.write_text(FLEET.replace("800ms", "500ms") + dead)  # half an interval of air, on a busy machine
        stranger = Exporter(stage.here, fleet, "--web.listen-address=:9103", port=9103)
        stranger.ready()
        wait_until(lambda: stranger.page().failures(target="dead"), "a failure", 5)
        wait_until(lambda: (stranger.page().value("network_latency_probes_total", target="dead") or 0) >= 4, "more", 6)
        page = stranger.page()
        assert set(page.failures(target="dead")) == {"dns"}
        assert page.failures(target="wf008") == {}
        begun = page.value("latency_exporter_probe_lateness_seconds_count") or 0
        in_time = page.value("latency_exporter_probe_lateness_seconds_bucket", le="0.25") or 0
        assert in_time > 0.9 * begun  # of four rounds: what a look-up delays is each of them
        assert (page.value("latency_exporter_probes_skipped_total") or 0) < 0.1 * begun
        began = time.monotonic()
        stranger.program.stop()
        assert time.monotonic() - began < 4
    finally:
        silent.remove()
        if stranger is not None:  # it has the port that later tests use
            stranger.program.stop()


def test_an_address_that_changes_is_followed(stage: Stage) -> None:
    stage.well()
    old = stage.there.address
    stage.lab.readdress(stage.there)
    before = stage.page()
    counts = "network_latency_rtt_distribution_seconds_count"

    def all_answered_again() -> bool:
        return all(
            (stage.page().value(counts, probe=probe) or 0) >= (before.value(counts, probe=probe) or 0) + 2
            for probe in ("icmp", "tcp", "ping")
        )

    wait_until(all_answered_again, "answers from the new address", 2 * INTERVAL + INTERVAL + TIMEOUT + SLACK)
    assert f"address of wf008: {old} -> {stage.there.address}" in stage.measuring.program.error_output()


@pytest.mark.parametrize("dead", ["10.66.0.1", "10.99.0.1"], ids=["the first", "the last"])
def test_a_name_with_a_dead_address_is_measured_at_the_living_one(stage: Stage, tmp_path: Path, dead: str) -> None:
    living, device = "10.88.0.1", stage.link.device_of(stage.here)
    stage.there.ip("address", "add", living, "dev", "lo")
    for address in (dead, living):
        stage.here.ip("route", "add", address, "dev", device)
    stage.lab.name("two.example", dead, living)
    fleet = tmp_path / "fleet.yml"
    fleet.write_text(FLEET.replace("address: wf008", "address: two.example"))
    exporter = Exporter(stage.here, fleet, "--web.listen-address=:9103", port=9103)
    try:
        exporter.ready()
        success = "network_latency_probe_success"
        wait_until(lambda: exporter.page().values(success) == [1, 1, 1], "all succeed", 8 * INTERVAL)
        assert f"address {living}" in exporter.get("/probe?target=wf008")
        assert not exporter.page().failures(probe="ping")
        moved = f"address of wf008: {dead} -> {living} (the former does not answer)"
        assert (moved in exporter.program.error_output()) is (dead < living)
    finally:
        exporter.program.stop()
        stage.there.ip("address", "del", living, "dev", "lo")
        for address in (dead, living):
            stage.here.ip("route", "del", address)
        stage.lab.name("two.example")


def test_a_name_that_is_blocked_by_an_address_of_nobody_is_dns(stage: Stage, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yml"
    fleet.write_text(FLEET.replace("address: wf008", "address: blocked.example"))
    stage.lab.name("blocked.example", "0.0.0.0", "::")
    exporter = Exporter(stage.here, fleet, "--web.listen-address=:9103", port=9103)
    try:
        exporter.ready()
        wait_until(lambda: all(exporter.page().failures(probe=probe) for probe in ALL_TIMEOUT), "failures", 5)
        assert set(exporter.page().failures()) == {"dns"}
        assert "the resolver answers 0.0.0.0 for blocked.example" in exporter.get("/probe?target=wf008")
    finally:
        exporter.program.stop()
        stage.lab.name("blocked.example")


def test_this_process_stopped_for_three_seconds_catches_nothing_up_and_blames_nobody(stage: Stage) -> None:
    stage.link.change(delay=0.250)  # so that some probe is under way whenever it is stopped
    try:
        before = stage.well()
        for _ in range(3):
            _stop_for_three_seconds(stage)
        after = stage.page()
    finally:
        stage.link.change(delay=0.020)
    assert (after.value("latency_exporter_probes_skipped_total") or 0) >= 12
    for probe in ("icmp", "tcp", "ping"):
        assert after.failures(probe=probe) == before.failures(probe=probe)
    for rtt in after.values("network_latency_rtt_seconds", target="wf008"):
        assert rtt == pytest.approx(0.250, abs=0.05)  # and not the three seconds


def _stop_for_three_seconds(stage: Stage) -> None:
    """Stop the measuring program, let it go on, and wait for two more rounds."""
    probes, pid = _probes(stage.page()), stage.measuring.program.pid
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    wait_until(lambda: time.monotonic() - stopped > 3, "three seconds", 5)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: _probes(stage.page()) >= probes + 6, "probing goes on", 8)


def _probes(page: Page) -> float:
    return sum(page.values("network_latency_probes_total"))


def test_a_lost_syn_gives_a_success_without_a_round_trip(stage: Stage, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yml"
    slow = FLEET.replace("1s, timeout: 800ms", "4s, timeout: 3s").replace("9102", "9202")
    fleet.write_text(slow.replace("9202/ping", "9302/ping"))
    listens = ("--web.listen-address=:9202", "--web.listen-address=:9302")
    other_peer = Exporter(stage.there, fleet, *listens, port=9202).ready()
    patient = Exporter(stage.here, fleet, "--web.listen-address=:9103", port=9103).ready()
    wait_until(lambda: _probes(patient.page()) >= 3, "the first round")
    losses = [stage.there.drop("-p", "tcp", "--dport", port, "--syn") for port in ("9202", "9302")]
    retransmitted = "network_latency_retransmitted_handshakes_total"
    pages: dict[str, Page] = {}

    def both_decided() -> bool:
        for lost in [rule for rule in losses if rule.packets()]:
            lost.remove()
            losses.remove(lost)
        page = patient.page()
        for probe in ("tcp", "ping"):
            if page.value(retransmitted, probe=probe):
                pages.setdefault(probe, page)  # the next probe is well
        return len(pages) == 2

    wait_until(both_decided, "two handshakes that needed two SYNs", 15)
    for probe, page in pages.items():
        assert page.value("network_latency_probe_success", probe=probe) == 1
        assert page.value("network_latency_rtt_seconds", probe=probe) is None
        assert page.value("network_latency_rtt_distribution_seconds_count", probe=probe) == 1
        assert page.value("network_latency_phase_seconds_count", probe=probe, phase="connect") == 1
    page = pages["ping"]
    assert page.value("network_latency_http_server_seconds", probe="ping") is None
    assert page.value("network_latency_http_response_seconds", probe="ping") == pytest.approx(0.020, abs=0.1)
    for exporter in (patient, other_peer):
        exporter.program.stop()


def test_our_own_firewall_is_our_own_fault(stage: Stage) -> None:
    before = stage.well()
    rule = stage.here.drop("-d", stage.there.address, "-p", "icmp", chain="OUTPUT")
    try:
        stage.fails(before, icmp="local")
    finally:
        rule.remove()
    stage.well()
