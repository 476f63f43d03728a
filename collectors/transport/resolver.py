"""Names to addresses, by c-ares (aiodns): hosts file, resolv.conf, search domains, and ``localhost`` (RFC 6761).

Each lookup has a resolver of its own, made and closed with it. A kept one would cost half (90 instead
of 165 microseconds), but since c-ares 1.31 it answers from a cache of its own, so that a probe's ``dns``
phase would say nothing of the resolver; it cannot cancel one query; and it would have to notice a
changed resolv.conf. This way each lookup is fresh, and cancelling it leaves nothing behind but the
one thread that pycares keeps for its whole life.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiodns
import pycares

from collectors import failures, kernel
from collectors.contract import Context, Facts, ProbeFailed
from collectors.literals import is_loopback, is_of_some_link, literal_family, never_a_host, travels_by
from collectors.terms import IpFamily, Phase, Reason, Seconds

TIMEOUT: Seconds = 2.0
"""For the first answer of each name server; the second and last try waits twice as long (resolv.conf(5) says 5 s)."""
TRIES = 2

_NO_SUCH_NAME = (pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA, pycares.errno.ARES_EBADNAME)
_NO_SORT = 1 << 7
"""ARES_AI_NOSORT (ares.h): do not try a UDP socket toward each address; ours are sorted by value."""


async def addresses(name: str, ip_family: IpFamily, nameservers: Sequence[str] = ()) -> tuple[str, ...]:
    """Return all addresses of a name, sorted, at least one; ``nameservers`` (``HOST:PORT``) replace the system's.

    Those that no other host can have are left out: filtering resolvers answer so for a name that they block.
    Loopback is, too, where there are others: it may be this very host, by its own name.
    """
    if (address := literal(name, ip_family)) is not None:
        return (address,)
    try:
        answers = await _ask(name, ip_family, nameservers)
    except (aiodns.error.DNSError, pycares.AresError) as error:
        raise _failed(name, error) from error
    except (ValueError, RuntimeError) as error:  # what pycares and idna say of a name that can be none
        raise ProbeFailed(Reason.DNS, f"{name!r} is not a domain name", misconfigured=True) from error
    if not answers:
        raise ProbeFailed(Reason.DNS, f"{name}: no {ip_family} address", misconfigured=True)
    usable = _usable(name, ip_family, answers)
    return tuple(address for address in usable if not is_loopback(address)) or usable


def _usable(name: str, ip_family: IpFamily, answers: Sequence[str]) -> tuple[str, ...]:
    """Return those of the addresses that something can be sent to over a family, at least one."""
    said = f"the resolver answers {{}} for {name}"
    hosts = [address for address in answers if never_a_host(address) is None]
    if not hosts:
        raise ProbeFailed(Reason.DNS, f"{said.format(answers[0])}: no host has this address; a filter?")
    of_family = [address for address in hosts if travels_by(address) is ip_family]
    if not of_family:
        raise ProbeFailed(Reason.DNS, f"{said.format(hosts[0])}, which is no {ip_family} address", misconfigured=True)
    usable = tuple(address for address in of_family if not is_of_some_link(address))
    if not usable:
        why = "which is valid on one link alone, and nothing says on which"
        raise ProbeFailed(Reason.DNS, f"{said.format(of_family[0])}, {why}", misconfigured=True)
    return usable


async def name_of(address: str, nameservers: Sequence[str] = ()) -> str:
    """Return the name of a literal address, by the hosts file or its PTR record, without a dot at its end."""
    resolver = _Resolver(nameservers, timeout=TIMEOUT, tries=TRIES)
    try:
        answer = await resolver.gethostbyaddr(address)
    except (aiodns.error.DNSError, pycares.AresError) as error:
        raise _failed(address, error) from error
    finally:
        await resolver.close()
    return str(answer.name).rstrip(".")


def literal(name: str, ip_family: IpFamily) -> str | None:
    """Return a literal address, None for a name; ProbeFailed(DNS) if it is the other family's, or no host's."""
    family = literal_family(name)
    if family not in (None, ip_family):
        raise ProbeFailed(Reason.DNS, f"{name} is no {ip_family} address", misconfigured=True)
    if kind := never_a_host(name):
        raise ProbeFailed(Reason.DNS, f"{name} is the address of no single host ({kind})", misconfigured=True)
    return name if family else None


async def resolve(
    context: Context, host: str, ip_family: IpFamily, facts: Facts, phases: dict[Phase, Seconds]
) -> Sequence[str]:
    """Look a name up inside a probe, as its phase, for all of its addresses; a literal one has no phase."""
    if (address := literal(host, ip_family)) is not None:
        return (address,)
    started, facts.phase = kernel.now(), Phase.DNS
    facts.silence = Reason.DNS  # if the deadline comes now, it is not the peer that is silent
    addresses = await context.lookup(host, ip_family)
    facts.silence = Reason.TIMEOUT
    phases[Phase.DNS] = kernel.now().monotonic - started.monotonic
    return addresses


async def resolve_first(
    context: Context, host: str, ip_families: Sequence[IpFamily], facts: Facts, phases: dict[Phase, Seconds]
) -> tuple[IpFamily, Sequence[str]]:
    """Look a name up likewise, in the first family that it has any address of; a resolver's silence tries no other."""
    began = kernel.now().monotonic
    for ip_family in ip_families:
        try:
            addresses = await resolve(context, host, ip_family, facts, phases)
        except ProbeFailed as failed:
            if not failed.misconfigured or ip_family is ip_families[-1]:
                raise
        else:
            break
    if Phase.DNS in phases:  # all lookups, not only the last one
        phases[Phase.DNS] = kernel.now().monotonic - began
    return ip_family, addresses


def _failed(asked: str, error: Exception) -> ProbeFailed:
    unknown = error.args[0] in _NO_SUCH_NAME
    return ProbeFailed(Reason.DNS, f"{asked}: {failures.of_resolver(error)}", misconfigured=unknown)


async def _ask(name: str, ip_family: IpFamily, nameservers: Sequence[str]) -> tuple[str, ...]:
    resolver = _Resolver(nameservers, timeout=TIMEOUT, tries=TRIES)
    try:
        answer = await resolver.getaddrinfo(name, family=ip_family.address_family, flags=_NO_SORT)
    finally:
        await resolver.close()
    return tuple(sorted({node.addr[0].decode() for node in answer.nodes}))


class _Resolver(aiodns.DNSResolver):
    """aiodns on the event loop's own readers: by default it starts a thread per resolver."""

    def _make_channel(self, **options: Any) -> tuple[bool, pycares.Channel]:  # noqa: ANN401 - as it is there
        return False, pycares.Channel(sock_state_cb=self._sock_state_cb, timeout=self._timeout, **options)
