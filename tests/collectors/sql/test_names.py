"""Which address of a database's name is reached: by the families in their order, and never by chance."""

from __future__ import annotations

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.sql import postgresql
from collectors.terms import IpFamily, Phase, Reason
from tests.collectors.asking import failure
from tests.collectors.peers import Peer, silent
from tests.collectors.targets import context, database_target

V4, V6 = IpFamily.IPV4, IpFamily.IPV6
Answers = dict[IpFamily, tuple[str, ...] | ProbeFailed]
NONE = ProbeFailed(Reason.DNS, "db.example: no such name", misconfigured=True)
SILENT = ProbeFailed(Reason.DNS, "no name server answered in time")


def bouncing(connection) -> None:
    connection.recv(100)
    connection.sendall(b"E\0\0\0\x1bSFATAL\0C28P01\0Mnobody\0\0")


async def reached(port: int, families: tuple[IpFamily, ...], answers: Answers) -> tuple[Reason, list[IpFamily]]:
    asked: list[IpFamily] = []

    async def lookup(_name: str, ip_family: IpFamily) -> tuple[str, ...]:
        asked.append(ip_family)
        answer = answers[ip_family]
        if isinstance(answer, ProbeFailed):
            raise answer
        return answer

    async with postgresql.collector(context(lookup)) as probe:
        facts = Facts()
        reason, _ = await failure(probe, database_target(port, address="db.example", ip_families=families), facts)
    assert reason is not Reason.AUTH or facts.phase is Phase.AUTH
    return reason, asked


@pytest.mark.parametrize(
    ("families", "answers", "reason", "asked"),
    [
        ((V4, V6), {V4: NONE, V6: ("::1",)}, Reason.AUTH, [V4, V6]),
        ((V6, V4), {V6: ("::1",)}, Reason.AUTH, [V6]),
        ((V6,), {V6: ("::1",)}, Reason.AUTH, [V6]),
        ((V4,), {V4: NONE}, Reason.DNS, [V4]),
        ((V4, V6), {V4: NONE, V6: NONE}, Reason.DNS, [V4, V6]),
        ((V4, V6), {V4: SILENT}, Reason.DNS, [V4]),
        ((V4, V6), {V4: ("127.0.0.1",)}, Reason.REFUSED, [V4]),
    ],
)
async def test_the_first_family_that_the_name_has_an_address_of_is_asked(
    families: tuple[IpFamily, ...], answers: Answers, reason: Reason, asked: list[IpFamily]
) -> None:
    """Only the listener at ::1 is there; a family whose address refuses is not left for another."""
    with Peer(bouncing, host="::1") as peer:
        assert await reached(peer.port, families, answers) == (reason, asked)


async def test_a_literal_address_is_not_looked_up() -> None:
    with Peer(silent) as gone:
        pass
    async with postgresql.collector(context(NotImplemented)) as probe:
        assert (await failure(probe, database_target(gone.port)))[0] is Reason.REFUSED
