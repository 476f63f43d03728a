"""A probe that is a sample: who probes whom by the fleet file, and how little changes when the file does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import pytest

from exporter.doctor.expected import expected
from exporter.fleet import Fleet, Host, pairs_of, pinging, sampled_datacenters, survey
from exporter.recording.metrics import cost

Load = Callable[[str], Fleet]
ICMP = "icmp: {protocol: icmp, sample: {within: 3, across: 2}}"
PING = 'ping: {protocol: http, url: "http://{address}:9102/ping", sample: {within: 3, across: 2}}'


def rows(datacenter: str, count: int, more: str = "") -> list[str]:
    place = f", datacenter: {datacenter}" if datacenter else ""
    return [
        f"  - {{name: {datacenter or 'x'}{number}, address: {datacenter or 'x'}{number}.example{place}{more}}}\n"
        for number in range(1, count + 1)
    ]


def text(hosts: Iterable[str], *probes: str) -> str:
    return f"hosts:\n{''.join(hosts)}probes:\n" + "".join(f"  {probe}\n" for probe in probes)


def host(fleet: Fleet, name: str) -> Host:
    return next(host for host in fleet.hosts if host.name == name)


def targets(fleet: Fleet, name: str, probe: str = "icmp") -> list[str]:
    return [pair.target for pair in pairs_of(fleet, host(fleet, name), {}) if pair.probe == probe]


def everybodys(fleet: Fleet, probe: str = "icmp") -> dict[str, set[str]]:
    return {each.name: {*targets(fleet, each.name, probe)} for each in fleet.hosts if each.exporter}


def in_degrees(fleet: Fleet, picks: Mapping[str, set[str]]) -> dict[str, Counter[int]]:
    """By datacenter of the sources and of the targets: how many hosts are probed by how many."""
    place = {each.name: each.datacenter for each in fleet.hosts}
    asked = Counter((place[source], target) for source, names in picks.items() for target in names)
    degrees: dict[str, Counter[int]] = {}
    for source in dict.fromkeys(place.values()):
        for each in fleet.hosts:
            degrees.setdefault(f"{source} {each.datacenter}", Counter())[asked[source, each.name]] += 1
    return degrees


def test_each_host_probes_so_many_of_its_own_datacenter_and_of_each_other_and_is_probed_by_as_many(fleet: Load) -> None:
    loaded = fleet(text([*rows("a", 10), *rows("b", 10), *rows("c", 10)], ICMP))
    picks = everybodys(loaded)
    for source, names in picks.items():
        assert source not in names
        assert Counter(name[0] for name in names) == {name: 3 if name == source[0] else 2 for name in "abc"}
    degrees = in_degrees(loaded, picks)
    assert degrees == {f"{one} {other}": {3 if one == other else 2: 10} for one in "abc" for other in "abc"}


def test_of_datacenters_unlike_in_size_the_sum_is_shared_evenly(fleet: Load) -> None:
    loaded = fleet(text([*rows("a", 10), *rows("b", 4), *rows("c", 1)], ICMP))
    assert in_degrees(loaded, everybodys(loaded)) == {
        "a a": {3: 10}, "a b": {5: 4}, "a c": {10: 1},
        "b a": {0: 2, 1: 8}, "b b": {3: 4}, "b c": {4: 1},
        "c a": {0: 8, 1: 2}, "c b": {0: 2, 1: 2}, "c c": {0: 1},
    }  # fmt: skip


def test_where_there_are_fewer_all_are_probed(fleet: Load) -> None:
    loaded = fleet(text([*rows("a", 2), *rows("b", 2)], ICMP))
    assert {len(names) for names in everybodys(loaded).values()} == {3}


@pytest.mark.parametrize(("sample", "number"), [("{within: 2}", 2 + 8), ("{across: 2}", 7 + 2)])
def test_a_key_that_is_left_out_is_all(fleet: Load, sample: str, number: int) -> None:
    loaded = fleet(text([*rows("a", 8), *rows("b", 8)], f"icmp: {{protocol: icmp, sample: {sample}}}"))
    assert len(targets(loaded, "a1")) == number


def test_hosts_without_a_datacenter_are_of_one(fleet: Load) -> None:
    loaded = fleet(text(rows("", 9), ICMP))
    assert in_degrees(loaded, everybodys(loaded)) == {" ": {3: 9}}


def test_hosts_without_an_exporter_are_probed_by_as_many_as_others(fleet: Load) -> None:
    silent = [row.replace("b", "s") for row in rows("b", 4, ", exporter: false")]
    silent = [row.replace("datacenter: s", "datacenter: a") for row in silent]
    loaded = fleet(text([*rows("a", 8), *silent], ICMP))
    assert in_degrees(loaded, everybodys(loaded)) == {"a a": {2: 12}}


def test_from_and_to_come_first(fleet: Load) -> None:
    probe = "icmp: {protocol: icmp, from: [a1, a2, a3, a4], to: [b1, b2, b3, b4, a1], sample: {within: 3, across: 2}}"
    loaded = fleet(text([*rows("a", 6), *rows("b", 6)], probe))
    picks = everybodys(loaded)
    assert {name for name, names in picks.items() if names} == {"a1", "a2", "a3", "a4"}
    assert Counter(name for names in picks.values() for name in names) == {"b1": 2, "b2": 2, "b3": 2, "b4": 2, "a1": 3}


def test_probes_with_the_same_hosts_take_the_same_paths(fleet: Load) -> None:
    loaded = fleet(text([*rows("a", 10), *rows("b", 10)], ICMP, PING))
    assert everybodys(loaded) == everybodys(loaded, "ping")


def test_an_endpoint_that_names_a_sampled_probe_is_probed_by_all(fleet: Load) -> None:
    loaded = fleet(text(rows("a", 9), ICMP) + "endpoints: [{name: site, address: site.example, probe: icmp}]\n")
    assert all("site" in names for names in everybodys(loaded).values())


def test_a_fleet_of_one_probes_itself_whatever_the_sample(fleet: Load) -> None:
    assert targets(fleet(text(rows("a", 1), ICMP)), "a1") == ["a1"]


def test_a_target_that_somebody_names_is_probed_though_it_is_in_no_sample(fleet: Load) -> None:
    loaded = fleet(text(rows("a", 9), ICMP))
    other = next(each.name for each in loaded.hosts[1:] if each.name not in targets(loaded, "a1"))
    pairs, _ = survey(loaded, host(loaded, "a1"), target=other)
    assert [pair.target for pair in pairs] == [other]


def test_the_order_of_the_file_makes_no_difference(fleet: Load) -> None:
    hosts = [*rows("a", 9), *rows("b", 9)]
    assert everybodys(fleet(text(hosts, ICMP))) == everybodys(fleet(text(random.Random(1).sample(hosts, 18), ICMP)))


@pytest.mark.parametrize("joins", ["a", "b", "new"])
def test_a_host_that_joins_takes_few_pairs_of_others(fleet: Load, joins: str) -> None:
    hosts = [*rows("a", 60), *rows("b", 60)]
    before = everybodys(fleet(text(hosts, ICMP)))
    after = everybodys(fleet(text([*hosts, f"  - {{name: joins, address: j.example, datacenter: {joins}}}\n"], ICMP)))
    gone = {(source, target) for source in before for target in before[source] - after[source]}
    assert sum(source[0] == target[0] for source, target in gone) == (0 if joins == "new" else 3)
    assert len(gone) <= (0 if joins == "new" else 45)  # of 600


def test_hosts_of_a_sample_are_counted_together_where_each_costs_the_same(fleet: Load) -> None:
    mixed = [row.replace(".example", "") for row in rows("b", 5)]
    mixed = [row.replace(f"address: b{number}", f"address: 192.0.2.{number}") for number, row in enumerate(mixed, 1)]
    for hosts in ([*rows("a", 7), *rows("b", 5)], [*rows("a", 7), *mixed]):
        loaded = fleet(text(hosts, ICMP.replace("icmp,", "icmp, ip_families: [ipv4, ipv6],"), PING))
        exact = [cost.series(loaded, survey(loaded, each)[0]) for each in loaded.hosts]
        assert cost.of_each_exporter(loaded) == exact


def test_of_a_sample_those_are_counted_by_name_that_ask_this_host(fleet: Load) -> None:
    hosts = [*rows("a", 9), *rows("b", 9)]
    loaded = fleet(text(hosts, ICMP, PING))
    asking = {source for source, names in everybodys(loaded, "ping").items() if "a1" in names}
    assert {each.name for each in pinging(loaded, host(loaded, "a1"))} == asking
    assert len(asking) == 5
    assert pinging(fleet(text(hosts, ICMP)), loaded.hosts[0]) == []
    whole = fleet(text(hosts, ICMP, PING.replace(", sample: {within: 3, across: 2}", "")))
    assert [each.name for each in pinging(whole, host(whole, "a1"))] == [each.name for each in whole.hosts[1:]]
    assert len(pinging(fleet(text(hosts, "icmp: {protocol: icmp}")), loaded.hosts[0])) == 18


def test_the_doctor_expects_the_pairs_of_the_sample_and_no_others(fleet: Load) -> None:
    loaded = fleet(text([*rows("a", 9), *rows("b", 9)], ICMP, PING))
    assert {host.name: {series.target for series in host.series} for host in expected(loaded)} == everybodys(loaded)


def test_a_datacenter_of_which_hosts_are_left_out_is_known(fleet: Load) -> None:
    hosts = [*rows("a", 4), *rows("b", 3), *rows("c", 2)]
    sampled = fleet(text(hosts, ICMP))
    assert sampled_datacenters(sampled, host(sampled, "a1")) == {"b"}
    reached = fleet(text(hosts, ICMP, "tcp: {protocol: tcp, port: 9102}"))
    assert sampled_datacenters(reached, host(reached, "a1")) == frozenset()
