"""Cached addresses, in virtual time and with a resolver made of a dictionary."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from collectors.contract import ProbeFailed
from collectors.terms import IpFamily, Reason
from collectors.transport import resolver
from exporter.probing.addresses import Addresses, Lookup, Move
from exporter.probing.refresh_jobs import NameAndFamily, Refresh, refreshes
from exporter.probing.scheduler import Scheduler
from tests.exporter.pages import SMALL, Small
from tests.exporter.probing.virtual_time import VirtualLoop, run

V4, V6 = IpFamily.IPV4, IpFamily.IPV6
PEER = Refresh("wf008", NameAndFamily("wf008.example", V4), 60.0)


R = TypeVar("R", bound=Lookup)


class Resolver:
    """Answers from what ``names`` holds now; a name that is missing fails, an empty one never answers."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = {f"{name}.example": addresses for name, addresses in names.items()}
        self.asked: list[tuple[float, str]] = []

    async def __call__(self, name: str, ip_family: IpFamily) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        self.asked.append((loop.time(), name))
        if name not in self.names:
            raise ProbeFailed(Reason.DNS, f"{name}: no {ip_family} address")
        if not self.names[name]:
            await loop.create_future()
        return self.names[name]


class World(Generic[R]):
    """A cache that is refreshed by a scheduler, as in the program."""

    def __init__(self, resolver: R) -> None:
        self.resolver = resolver
        self.failures: list[str] = []
        self.moves: list[Move] = []
        self.addresses = Addresses(resolver, self.failures.append, self.moves.append)
        self.scheduler = Scheduler("", self.addresses, at_once=True)

    def reload(self, *wanted: Refresh) -> None:
        self.addresses.keep_fresh(wanted, 60.0, self.scheduler)

    def get(self, name: str = "wf008") -> str:
        return self.addresses.get(f"{name}.example", V4)

    def fails(self, name: str = "wf008") -> ProbeFailed:
        with pytest.raises(ProbeFailed) as failed:
            self.get(name)
        return failed.value


@contextlib.asynccontextmanager
async def world(resolver: Resolver, *wanted: Refresh) -> AsyncIterator[World[Resolver]]:
    """A world in which these are refreshed."""
    world = World(resolver)
    async with world.scheduler:
        world.reload(*wanted)
        yield world


def test_an_address_is_known_after_the_first_lookup_and_fails_with_dns_before() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"]), PEER) as w:
            failed = w.fails()
            assert (failed.reason, failed.detail) == (Reason.DNS, "wf008.example has no known ipv4 address")
            await w.addresses.answered(within=0.5)
            assert w.get() == "192.0.2.8"

    run(main())


def test_a_family_that_is_not_looked_up_fails_with_dns() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"]), PEER) as w:
            await w.addresses.answered(within=0.5)
            with pytest.raises(ProbeFailed, match="no known ipv6 address"):
                w.addresses.get("wf008.example", V6)

    run(main())


def test_a_failed_refresh_keeps_the_last_good_address_and_is_counted() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"]), PEER) as w:
            await asyncio.sleep(1)
            del w.resolver.names["wf008.example"]
            await asyncio.sleep(10 * 60)
            assert w.get() == "192.0.2.8"
            assert w.failures == ["wf008"] * (len(w.resolver.asked) - 1)
            assert len(w.failures) in {9, 10}

    run(main())


def test_a_resolver_that_never_answers_keeps_the_last_good_address_and_is_counted() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"]), PEER) as w:
            await asyncio.sleep(1)
            w.resolver.names["wf008.example"] = []
            await asyncio.sleep(10 * 60)
            assert w.get() == "192.0.2.8"
            assert len(w.failures) in {9, 10}

    run(main())


def test_a_name_that_appears_later_is_known_within_one_interval() -> None:
    async def main() -> None:
        async with world(Resolver(), PEER) as w:
            await asyncio.sleep(150)
            w.fails()
            w.resolver.names["wf008.example"] = ["192.0.2.8"]
            await asyncio.sleep(60)
            assert w.get() == "192.0.2.8"

    run(main())


def test_an_address_that_changes_is_followed_within_one_interval() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"]), PEER) as w:
            await asyncio.sleep(150)
            w.resolver.names["wf008.example"] = ["192.0.2.9"]
            await asyncio.sleep(60)
            assert w.get() == "192.0.2.9"

    run(main())


def test_an_address_stays_while_it_is_among_the_answers_whatever_their_order() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8", "192.0.2.9"]), PEER) as w:
            await asyncio.sleep(1)
            w.resolver.names["wf008.example"] = ["192.0.2.7", "192.0.2.8"]
            await asyncio.sleep(60)
            assert w.get() == "192.0.2.8"

    run(main())


def test_names_are_looked_up_on_their_interval_and_not_when_they_are_used() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"]), PEER) as w:
            for _ in range(3600):
                await asyncio.sleep(1)
                w.get()
            assert len(w.resolver.asked) in {59, 60}

    run(main())


def test_the_first_probes_wait_for_the_first_addresses_but_not_for_a_dead_resolver() -> None:
    async def waited(resolver: Resolver) -> float:
        async with world(resolver, PEER) as w:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            began = loop.time()
            await w.addresses.answered(within=0.5)
            return loop.time() - began

    assert run(waited(Resolver(wf008=["192.0.2.8"]))) <= 0.05
    assert run(waited(Resolver())) <= 0.05
    assert run(waited(Resolver(wf008=[]))) == pytest.approx(0.5)


def test_without_names_nobody_waits() -> None:
    async def main() -> None:
        async with world(Resolver()) as w:
            await asyncio.wait_for(w.addresses.answered(within=60), timeout=0.001)

    run(main())


def test_a_reload_keeps_known_addresses_and_waits_for_the_new_names_alone() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"], new=["192.0.2.10"]), PEER) as w:
            await asyncio.sleep(1)
            w.resolver.names["wf008.example"] = []
            w.reload(PEER, Refresh("new", NameAndFamily("new.example", V4), 60.0))
            await w.addresses.answered(within=0.5)
            assert (w.get(), w.get("new")) == ("192.0.2.8", "192.0.2.10")

    run(main())


def test_while_a_reload_looks_up_new_names_the_old_ones_still_serve_the_old_pairs() -> None:
    async def main() -> None:
        moved = Refresh("wf008", NameAndFamily("moved.example", V4), 60.0)
        async with world(Resolver(wf008=["192.0.2.8"], moved=["192.0.2.9"]), PEER) as w:
            await asyncio.sleep(1)
            w.reload(moved)
            assert w.get() == "192.0.2.8"
            await w.addresses.answered(within=0.5)
            assert w.get("moved") == "192.0.2.9"
            w.reload(moved)
            w.fails()

    run(main())


def test_a_fresh_address_is_not_looked_up_again_but_a_missing_one_at_every_turn() -> None:
    often = Refresh("wf008", PEER.aim, 5.0)

    async def main() -> None:
        async with world(Resolver(), often) as w:
            await asyncio.sleep(30)
            assert len(w.resolver.asked) in {6, 7}
            w.resolver.names["wf008.example"] = ["192.0.2.8"]
            await asyncio.sleep(5.1)
            assert w.get() == "192.0.2.8"
            before = len(w.resolver.asked)
            await asyncio.sleep(600)
            assert len(w.resolver.asked) - before in {9, 10, 11}

    run(main())


@pytest.mark.parametrize("interval", [1.6, 2.0, 2.5, 15.0, 40.0, 50.0, 55.0, 60.0, 300.0])
def test_whatever_the_pairs_interval_a_name_is_looked_up_about_every_resolve_interval(
    tmp_path: Path, interval: float
) -> None:
    text = SMALL.replace("interval: 5s", f"interval: {interval}s").replace("timeout: 4s", "timeout: 1s")
    (peer,) = [r for r in refreshes(Small(tmp_path, text).pairs, keep=60.0) if r.aim.ip_family is V4]

    async def main() -> list[float]:
        async with world(Resolver(wf008=["192.0.2.8"]), peer) as w:
            await asyncio.sleep(3600)
            return [when for when, _ in w.resolver.asked]

    asked = run(main())
    gaps = [after - before for before, after in itertools.pairwise(asked[1:])]
    assert min(gaps) >= 54.0 - 0.1
    assert max(gaps) <= 60.0 + 0.1


def test_a_literal_address_is_known_without_a_lookup() -> None:
    async def main() -> str:
        return Addresses(Resolver(), lambda _: None).get("192.0.2.1", V4)

    assert run(main()) == "192.0.2.1"


def test_a_change_of_the_resolvers_answer_is_reported_once() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.8"]), PEER) as w:
            await asyncio.sleep(150)
            w.resolver.names["wf008.example"] = ["192.0.2.9"]
            await asyncio.sleep(300)
            assert w.moves == [Move(PEER.aim, "192.0.2.8", "192.0.2.9")]

    run(main())


def test_a_change_that_a_probe_finds_which_looks_up_itself_is_reported_as_well() -> None:
    async def main() -> None:
        async with world(Resolver(wf001=["192.0.2.1", "192.0.2.2"])) as w:
            await w.addresses.look_up("wf001.example", V4)
            w.resolver.names["wf001.example"] = ["192.0.2.0", "192.0.2.1"]
            await w.addresses.look_up("wf001.example", V4)
            assert w.moves == []
            w.resolver.names["wf001.example"] = ["192.0.2.3"]
            assert await w.addresses.look_up("wf001.example", V4) == ["192.0.2.3"]
            assert w.moves == [Move(NameAndFamily("wf001.example", V4), "192.0.2.1", "192.0.2.3")]

    run(main())


def test_a_name_that_nobody_measures_any_more_is_forgotten_and_no_change_when_it_comes_back() -> None:
    async def main() -> None:
        async with world(Resolver(wf001=["192.0.2.1"], wf008=["192.0.2.8"])) as w:
            for name in ("wf001.example", "wf008.example"):
                await w.addresses.look_up(name, V4)
            w.addresses.forget_others(["wf008.example"])
            assert (w.addresses.of("wf001.example"), w.addresses.of("wf008.example")) == ([], [(V4, "192.0.2.8")])
            w.resolver.names = {"wf001.example": ["192.0.2.2"], "wf008.example": ["192.0.2.9"]}
            for name in ("wf001.example", "wf008.example"):
                await w.addresses.look_up(name, V4)
            assert w.moves == [Move(NameAndFamily("wf008.example", V4), "192.0.2.8", "192.0.2.9")]

    run(main())


def test_where_nobody_answers_the_next_address_is_asked_and_reported_when_somebody_answers_there() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.7", "192.0.2.8"]), PEER) as w:
            await asyncio.sleep(1)
            w.addresses.unreached(PEER.aim, "192.0.2.7")
            w.addresses.unreached(PEER.aim, "192.0.2.7")  # the end of another probe, that began before
            assert w.get() == "192.0.2.8"
            await asyncio.sleep(600)
            assert w.get() == "192.0.2.8"
            assert w.moves == []
            w.addresses.reached(PEER.aim, "192.0.2.8")
            w.addresses.reached(PEER.aim, "192.0.2.8")
            assert w.moves == [Move(PEER.aim, "192.0.2.7", "192.0.2.8", "the former does not answer")]

    run(main())


def test_the_other_addresses_of_a_name_are_known() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.7", "192.0.2.8", "192.0.2.9"]), PEER) as w:
            await asyncio.sleep(1)
            w.addresses.unreached(PEER.aim, "192.0.2.7")
            assert w.get() == "192.0.2.8"
            assert w.addresses.others(*PEER.aim) == ["192.0.2.7", "192.0.2.9"]
            assert w.addresses.others("192.0.2.1", V4) == []

    run(main())


def test_when_every_address_is_silent_the_first_one_gets_its_turn_again() -> None:
    async def main() -> None:
        async with world(Resolver(wf008=["192.0.2.7", "192.0.2.8"]), PEER) as w:
            await asyncio.sleep(1)
            for address in ("192.0.2.7", "192.0.2.8"):
                w.addresses.unreached(PEER.aim, address)
            assert w.get() == "192.0.2.7"
            w.addresses.reached(PEER.aim, "192.0.2.7")
            assert w.moves == []

    run(main())


def test_an_answer_that_is_nobodys_address_keeps_the_last_good_one_and_counts_as_failed() -> None:
    async def look_up(name: str, ip_family: IpFamily) -> Sequence[str]:
        return await resolver.addresses(name, ip_family)

    answers = {"first": ["192.0.2.8"], "then": ["0.0.0.0"]}
    turn = "first"

    async def ask(_name: str, _family: IpFamily, _servers: Sequence[str]) -> Sequence[str]:
        return answers[turn]

    async def main() -> None:
        nonlocal turn
        w = World(look_up)
        async with w.scheduler:
            w.reload(PEER)
            await asyncio.sleep(1)
            turn = "then"
            await asyncio.sleep(600)
            assert w.get() == "192.0.2.8"
            assert len(w.failures) in {9, 10}
            assert w.moves == []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolver, "_ask", ask)
        run(main())
