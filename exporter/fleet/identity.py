"""Which host of the fleet this machine is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from collectors import routes
from collectors.literals import is_loopback, literal_family
from exporter.config_files.hints import Hints
from exporter.config_files.problems import BadFile
from exporter.fleet.fleet import Fleet
from exporter.fleet.schema import Host
from exporter.wording import listed, quoted

VARIABLE = "LATENCY_EXPORTER_HOST"


class NotListed(BadFile):
    """This machine is none of the hosts; where hosts are found, it may be one soon."""


def who_am_i(fleet: Fleet, *, flag: str | None, environ: Mapping[str, str], hostname: str) -> Host:
    """Find this machine by ``--host``, the variable, its own name or, where hosts are found, its address.

    Raises NotListed.
    """
    if flag is not None:
        return _named(fleet, flag, "--host")
    if len(fleet.hosts) == 1 and not fleet.hosts_from:
        return fleet.hosts[0]
    if environ.get(VARIABLE):
        return _named(fleet, environ[VARIABLE], f"${VARIABLE}")
    full = hostname.casefold()
    for own in (full, full.partition(".")[0]):
        for host in fleet.hosts:
            if host.name.casefold() == own:
                return host
    if len(ours := [each.host for each in fleet.found if _is_ours(each.host.address)]) == 1:
        return ours[0]
    raise _no_such_host(fleet, f"this machine's own name is {quoted(hostname)}{_container(hostname)}", hostname)


def standing_by(*, flag: str | None, environ: Mapping[str, str], hostname: str) -> Host:
    """Return this machine while it is not listed: it bears the name by which it is looked for, and nothing else."""
    return Host.model_construct(name=flag or environ.get(VARIABLE) or hostname, address="")


def ensure_exporter(fleet: Fleet, host: Host) -> None:
    """Refuse to run on a host that the file says has no exporter; raises BadFile.

    ``check`` may look at the fleet from there.
    """
    if not host.exporter:
        message = f"this machine is {quoted(host.name)}, which is to run no exporter; remove this line, or stop it here"
        raise BadFile([fleet.problem(("hosts", fleet.hosts.index(host), "exporter"), message)])


def _is_ours(address: str) -> bool:
    family = literal_family(address)
    return family is not None and not is_loopback(address) and routes.is_ours(family, address)


def _named(fleet: Fleet, name: str, given_by: str) -> Host:
    for host in fleet.hosts:
        if host.name == name:
            return host
    raise _no_such_host(fleet, f"{given_by} says {quoted(name)}", name)


def _no_such_host(fleet: Fleet, reason: str, name: str) -> NotListed:
    names = [host.name for host in fleet.hosts]
    hint = Hints().suggestion(name, names)
    has = f"has only: {listed(names)}" if names else "has no host yet"
    where = ", or to a list of hosts_from" if fleet.hosts_from else ""
    message = (
        f"which host is this? {reason}, but the fleet {has}{hint or ''}; "
        f"say which with --host NAME or ${VARIABLE}, or add it to hosts{where}"
    )
    return NotListed([fleet.problem((), message)])


def _container(hostname: str) -> str:
    if re.fullmatch("[0-9a-f]{12}", hostname):
        return ", which looks like a container's id (use network_mode: host, or set 'hostname:' in the compose file)"
    return ""
