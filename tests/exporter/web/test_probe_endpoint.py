"""/probe: what is refused, and how often a pair may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.contract import Facts
from exporter.fleet import Pair, outside_sample
from exporter.probing.single import ProbeResult
from exporter.recording.own_health import OwnHealth
from exporter.web.probe_endpoint import ProbeEndpoint
from exporter.web.server import Refused
from tests.exporter.pages import ANSWERS, DATABASE, SMALL, Small, Time
from tests.exporter.readings import N8N


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr("exporter.web.probe_endpoint.time", time)
    return time


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


@pytest.fixture
def endpoint(small: Small, time: Time) -> ProbeEndpoint:
    async def ask(pairs: Sequence[Pair]) -> list[ProbeResult]:
        return [ProbeResult(pair, Facts(), ANSWERS[pair.protocol], 0.1) for pair in pairs]

    return ProbeEndpoint(small.recorder.states, ask, lambda _: OwnHealth())


async def test_what_a_wrong_name_meant_is_looked_for_once_a_second_at_most(endpoint: ProbeEndpoint, time: Time) -> None:
    async def hint(target: str) -> str:
        with pytest.raises(Refused) as refused:
            await endpoint.explain(target, None)
        assert refused.value.status == 404
        return str(refused.value).partition("; ")[2]

    assert await hint("wf080") == "did you mean 'wf008'?"
    assert {await hint("wf080") for _ in range(9)} == {"the page / shows what it measures"}
    time.passed += 1.01
    assert await hint("wf080") == "did you mean 'wf008'?"


async def test_a_host_that_a_sample_leaves_out_is_not_taken_for_a_wrong_name(
    tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    hosts = "".join(f"  - {{name: a{number}, address: a{number}.example}}\n" for number in range(1, 6))
    small = Small(tmp_path, f"hosts:\n{hosts}probes: {{icmp: {{protocol: icmp, sample: {{within: 1}}}}}}\n", "a1")

    async def ask(_pairs: Sequence[Pair]) -> list[ProbeResult]:
        return []

    names = {host.name for host in outside_sample(small.fleet, small.host)}
    assert len(names) == 3
    endpoint = ProbeEndpoint(small.recorder.states, ask, lambda _: OwnHealth(host="a1"), lambda: names)

    def search(name: str, *_: object) -> str:
        searched.append(name)
        return "look there"

    monkeypatch.setattr("exporter.probing.single.did_you_mean", search)
    for left_out in sorted(names):  # at one moment: no search for what a wrong name meant is spent on them
        expected = (
            f"{left_out} is not in this host's sample; `latency-exporter probe {left_out}` probes it all the same"
        )
        with pytest.raises(Refused, match=expected):
            await endpoint.explain(left_out, None)
    assert not searched
    with pytest.raises(Refused, match="this host measures no target 'a9'; look there"):
        await endpoint.explain("a9", None)
    with pytest.raises(Refused, match="a1 is this host itself"):
        await endpoint.explain("a1", None)


async def test_the_same_pair_is_probed_once_a_second_at_most(endpoint: ProbeEndpoint, time: Time) -> None:
    assert (await endpoint.explain("wf008", "icmp")).endswith("verdict: fine\n")
    assert (await endpoint.explain("wf008", "tcp")).endswith("verdict: fine\n")
    for probe in ("icmp", None):
        with pytest.raises(Refused, match="at most once in 1 s") as refused:
            await endpoint.explain("wf008", probe)
        assert refused.value.status == 429
    time.passed += 1.01
    assert (await endpoint.explain("wf008", None)).count("verdict") == 3


async def test_what_is_read_is_asked_for_less_often(tmp_path: Path, time: Time) -> None:
    small = Small(tmp_path, SMALL + DATABASE + N8N)

    async def ask(pairs: Sequence[Pair]) -> list[ProbeResult]:
        return [ProbeResult(pair, Facts(), ANSWERS[pair.protocol], 0.1) for pair in pairs]

    endpoint = ProbeEndpoint(small.recorder.states, ask, lambda _: OwnHealth())
    assert (await endpoint.explain("orders", None)).splitlines()[1:] == [
        "  read in 12.5 ms: 2 executions open, the oldest for 30 s",
        "  verdict: fine",
    ]
    time.passed += 14
    with pytest.raises(Refused, match="at most once in 15 s"):
        await endpoint.explain("orders", None)
    time.passed += 1.01
    assert (await endpoint.explain("orders", "read")).endswith("verdict: fine\n")
