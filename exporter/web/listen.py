"""Listening sockets from --web.listen-address, and why one cannot be had."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
from collections.abc import Iterable

from exporter.web.port_holders import holders_of, name_of_listener
from exporter.wording import host_and_port

DEFAULT = ":9102"
"""Where the program listens unless a flag names another address."""
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_ON_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not listened on
"""What listens on every address is reached there."""
BACKLOG = 512
"""Connections that wait in the kernel until this program accepts them."""


class CannotListen(Exception):
    """The address can't be listened on now; the message says why and what to do."""


def parse(address: str) -> tuple[str, int]:
    """Return host (empty: every address) and port of ``HOST:PORT``, ``[IPV6]:PORT`` or ``:PORT``; ValueError."""
    match = _ADDRESS.fullmatch(address)
    if not match or not address.isascii() or int(match["port"]) > 65535:  # noqa: PLR2004 - the largest port
        message = f"{address!r} is no listen address; write :9102, 127.0.0.1:9102 or [::1]:9102"
        raise ValueError(message)
    return match["ipv6"] or match["host"] or "", int(match["port"])


def from_here(host: str) -> str:
    """Return the address at which this machine itself reaches what listens on ``host``."""
    return _ON_LOOPBACK.get(host, host)


def open_sockets(addresses: Iterable[tuple[str, int]]) -> list[socket.socket]:
    """Listen on all of them, or on none and raise CannotListen."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(_listen(host, port)) for host, port in addresses]
        opened.pop_all()
        return sockets


def _listen(host: str, port: int) -> socket.socket:
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(_explain(error, host, port)) from error


def _explain(error: OSError, host: str, port: int) -> str:
    where = host_and_port(host, port)
    if error.errno != errno.EADDRINUSE:
        why = (error.strerror or str(error)).partition(" (while attempting")[0]  # which Python adds
        remedy = "; it is no address of this host, name one that is" if error.errno == errno.EADDRNOTAVAIL else ""
        return f"cannot listen on {where}: {why}{remedy}"
    holders = ", ".join(holders_of(port)) or "a process that can't be seen from here (try: ss -tlnp as root)"
    if answering := name_of_listener(from_here(host), port):
        holders += f", which answers as {answering}"
    elif port == 9102:  # noqa: PLR2004 - named beside it
        holders += "; :9102 is statsd_exporter's customary port too"
    return f"cannot listen on {where}: the port is taken by {holders}; choose another with --web.listen-address"
