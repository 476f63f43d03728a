"""Listening sockets from --web.listen-address, and which program holds a port that is taken."""

from __future__ import annotations

import contextlib
import errno
import http.client
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from collectors.terms import Seconds
from exporter.wording import host_and_port

DEFAULT = ":9102"
"""Where the program listens unless a flag names another address."""
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_ON_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not listened on
"""What listens on every address is reached there."""
_LISTENING = "0A"
"""TCP_LISTEN in the state column of /proc/net/tcp (proc(5))."""
_BACKLOG = 512
_ANSWER: Seconds = 0.5
_ANSWER_BYTES = 1 << 20
_BUILD_INFO = re.compile(r"^(\w{1,60})_build_info[ {]", re.MULTILINE)
"""A metric by which almost every exporter names itself."""
_LIBRARIES = ("go", "python")
_PLAIN = re.compile(r"[A-Za-z][\w .()/+-]{0,60}")


class CannotListen(Exception):  # noqa: N818 - a fault of the moment, printed as it is
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
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CannotListen(_explain(error, host, port)) from error


def _explain(error: OSError, host: str, port: int) -> str:
    where = host_and_port(host, port)
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen on {where}: {error.strerror or error}"
    holders = ", ".join(holders_of(port)) or "a process that can't be seen from here (try: ss -tlnp as root)"
    if answering := name_of_listener(host, port):
        holders += f", which answers as {answering}"
    elif port == 9102:  # noqa: PLR2004 - named beside it
        holders += "; :9102 is statsd_exporter's customary port too"
    return f"cannot listen on {where}: the port is taken by {holders}; choose another with --web.listen-address"


def name_of_listener(host: str, port: int) -> str | None:
    """Ask the program that listens there for its metrics; return its name by them, or by its header; None without."""
    connection = http.client.HTTPConnection(from_here(host), port, timeout=_ANSWER)
    try:
        connection.request("GET", "/metrics", headers={"Connection": "close"})
        response = connection.getresponse()
        text = response.read(_ANSWER_BYTES).decode("latin-1")
        server = response.headers.get("Server", "")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    names = [name for name in _BUILD_INFO.findall(text) if name not in _LIBRARIES]
    if names:
        return str(names[0]).replace("latency_exporter", "latency-exporter")
    return server if _PLAIN.fullmatch(server) else None


def holders_of(port: int, proc: Path = Path("/proc")) -> list[str]:
    """Return ``NAME (pid N)`` of the processes that listen on a TCP port, as far as we may see them."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    holders = []
    for process in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's process, or one that just ended
            if not inodes.isdisjoint(_descriptors(process)):
                holders.append(f"{(process / 'comm').read_text().strip()} (pid {process.name})")
    return sorted(holders)


def _descriptors(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):  # one that was just closed
            yield str(descriptor.readlink())


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]
