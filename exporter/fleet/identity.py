"""Which host of the fleet this machine is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from exporter.config_files.hints import Hints
from exporter.config_files.problems import BadFile
from exporter.fleet.fleet import Fleet
from exporter.fleet.schema import Host
from exporter.wording import listed, quoted

VARIABLE = "LATENCY_EXPORTER_HOST"


def who_am_i(fleet: Fleet, *, flag: str | None, environ: Mapping[str, str], hostname: str) -> Host:
    """Find this machine by ``--host``, the variable or its own name; raises BadFile."""
    if flag is not None:
        return _named(fleet, flag, "--host")
    if len(fleet.hosts) == 1:
        return fleet.hosts[0]
    if environ.get(VARIABLE):
        return _named(fleet, environ[VARIABLE], f"${VARIABLE}")
    full = hostname.casefold()
    for own in (full, full.partition(".")[0]):
        for host in fleet.hosts:
            if host.name.casefold() == own:
                return host
    raise _no_such_host(fleet, f"this machine's own name is {quoted(hostname)}{_container(hostname)}", hostname)


def ensure_exporter(fleet: Fleet, host: Host) -> None:
    """Refuse to run on a host that the file says has no exporter; raises BadFile.

    ``check`` may look at the fleet from there.
    """
    if not host.exporter:
        message = f"this machine is {quoted(host.name)}, which is to run no exporter; remove this line, or stop it here"
        raise BadFile([fleet.problem(("hosts", fleet.hosts.index(host), "exporter"), message)])


def _named(fleet: Fleet, name: str, given_by: str) -> Host:
    for host in fleet.hosts:
        if host.name == name:
            return host
    raise _no_such_host(fleet, f"{given_by} says {quoted(name)}", name)


def _no_such_host(fleet: Fleet, reason: str, name: str) -> BadFile:
    names = [host.name for host in fleet.hosts]
    hint = Hints().suggestion(name, names)
    message = (
        f"which host is this? {reason}, but the fleet has only: {listed(names)}{hint or ''}; "
        f"say which with --host NAME or ${VARIABLE}, or add it to hosts"
    )
    return BadFile([fleet.problem((), message)])


def _container(hostname: str) -> str:
    if re.fullmatch("[0-9a-f]{12}", hostname):
        return ", which looks like a container's id (use network_mode: host, or set 'hostname:' in the compose file)"
    return ""
