"""Hosts dealt to hosts: everybody's number is right, everybody is probed alike, and one that joins moves few."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import pytest

from exporter.fleet.ring import dealt, place

SEEDS = range(6)


def names(datacenter: str, count: int) -> list[str]:
    return [f"{datacenter}{number:03}.example.net" for number in range(count)]


def in_degrees(targets: Collection[str], picks: Mapping[str, Sequence[str]]) -> list[int]:
    counts = Counter(target for of_one in picks.values() for target in of_one)
    return [counts[target] for target in targets]


def lost(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> int:
    """Count the old pairs that are gone."""
    return sum(len({*before[source]} - {*after[source]}) for source in before if source in after)


def test_a_place_is_the_first_64_bits_of_the_sha_256_of_the_name() -> None:
    assert place("wf001") == 0x77AF539BAB898986  # printf wf001 | sha256sum | cut -c 1-16


@pytest.mark.parametrize("seed", SEEDS)
def test_of_any_hosts_each_probes_its_number_and_is_probed_by_as_many_as_any_other_or_one_more(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(400):
        everybody = [f"host{chance.random()}" for _ in range(chance.randint(1, 16))]
        sources, targets = (
            [name for name in everybody if chance.random() < share] for share in chance.choices((0.3, 0.6, 1.0), k=2)
        )
        each = chance.randint(1, 18)
        if not targets:
            continue
        picks = dealt(sources, targets, each, within=chance.random() < 0.5)
        assert picks.keys() == {*sources}
        for source, of_one in picks.items():
            assert source not in of_one
            assert len({*of_one} & {*targets}) == len(of_one) == min(each, len({*targets} - {source}))
        degrees = in_degrees(targets, picks)
        assert max(degrees) - min(degrees) <= 1


@pytest.mark.parametrize("count", [11, 12, 50, 200])
def test_within_a_datacenter_each_probes_those_that_follow_it_on_the_ring(count: int) -> None:
    hosts = names("a", count)
    ring = sorted(hosts, key=place)
    picks = dealt(hosts, hosts, 10, within=True)
    for number, source in enumerate(ring):
        assert {*picks[source]} == {(ring + ring)[number + step] for step in range(1, 11)}
    assert set(in_degrees(hosts, picks)) == {10}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_host_that_joins_its_datacenter_takes_one_pair_of_each_that_it_follows(seed: int) -> None:
    hosts = [*names("a", 100), f"joins{seed}"]
    before, after = dealt(hosts[:-1], hosts[:-1], 10, within=True), dealt(hosts, hosts, 10, within=True)
    assert lost(before, after) == 10
    assert lost(after, before) == 10  # and as many are back when it leaves


@pytest.mark.parametrize(("sources", "targets"), [(200, 200), (7, 200), (200, 7), (200, 201), (1, 1), (3, 2)])
def test_across_the_sum_is_shared_by_all(sources: int, targets: int) -> None:
    there = names("b", targets)
    degrees = in_degrees(there, dealt(names("a", sources), there, 2, within=False))
    share, over = divmod(sources * min(2, targets), targets)
    assert Counter(degrees) == Counter({share: targets - over, share + 1: over} if over else {share: targets})


@pytest.mark.parametrize("seed", SEEDS)
def test_a_host_that_joins_one_of_two_datacenters_moves_few_of_their_pairs(seed: int) -> None:
    here, there, joins = names(f"a{seed}", 200), names(f"b{seed}", 200), f"joins{seed}"
    before = dealt(here, there, 2, within=False)
    assert lost(before, dealt([*here, joins], there, 2, within=False)) <= 40
    assert lost(before, dealt(here, [*there, joins], 2, within=False)) <= 40


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_in_the_file_makes_no_difference(seed: int) -> None:
    here, there = names("a", 40), names("b", 30)
    shuffled_here, shuffled_there = (random.Random(seed).sample(some, len(some)) for some in (here, there))
    for within, targets, shuffled in ((True, here, shuffled_here), (False, there, shuffled_there)):
        one, other = dealt(here, targets, 3, within=within), dealt(shuffled_here, shuffled, 3, within=within)
        assert {name: {*one[name]} for name in here} == {name: {*other[name]} for name in here}


def test_hosts_that_only_are_probed_are_as_others() -> None:
    hosts = names("a", 30)
    picks = dealt(hosts[:20], hosts, 6, within=True)
    assert Counter(in_degrees(hosts, picks)) == {4: 30}


def test_what_is_dealt_is_the_same_in_every_version() -> None:
    assert dealt(["a1", "a2"], ["b1", "b2", "b3", "b4"], 2, within=False) == {
        "a1": ["b3", "b4"],
        "a2": ["b2", "b1"],
    }
