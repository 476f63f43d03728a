"""Which program listens on a port."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Iterator
from pathlib import Path

from collectors.terms import Seconds

_LISTENING = "0A"
"""TCP_LISTEN in the state column of /proc/net/tcp (proc(5))."""
_ANSWER: Seconds = 0.5
_ANSWER_BYTES = 1 << 20
_BUILD_INFO = re.compile(r"^(\w{1,60})_build_info[ {]", re.MULTILINE)
"""A metric by which almost every exporter names itself."""
_LIBRARIES = ("go", "python")
_PLAIN = re.compile(r"[A-Za-z][\w .()/+-]{0,60}")


def name_of_listener(address: str, port: int) -> str | None:
    """Ask the program that listens there for its metrics; return its name by them, or by its header; None without."""
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER)
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
