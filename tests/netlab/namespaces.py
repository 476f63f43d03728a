"""Network namespaces: making, entering and removing them, and sweeping up after killed runs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.netlab.shell import CommandFailed, run

PREFIX = "lex-"
_RUN_NETNS = Path("/run/netns")
_ETC_NETNS = Path("/etc/netns")
_CLONE_NEWNET = 0x40000000
"""include/uapi/linux/sched.h; ``os.setns`` only exists from Python 3.12 on."""


class Namespace:
    """A network namespace with loopback up; ``/etc/netns/NAME`` holds files it sees instead of ``/etc``'s."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.etc = _ETC_NETNS / name

    def create(self) -> None:
        """Make it, with a silent IPv6: what crosses a link is what a test sent."""
        run(["ip", "netns", "add", self.name])
        self.etc.mkdir(parents=True)
        self.sysctl("net.ipv6.conf.default.addr_gen_mode", "1")
        self.sysctl("net.ipv6.conf.default.accept_dad", "0")
        self.sysctl("net.ipv6.conf.default.router_solicitations", "0")
        run(["ip", "-n", self.name, "link", "set", "lo", "up"])

    def remove(self) -> None:
        """Remove it with its files; parts may be missing."""
        remove(self.name)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Move the *current thread* in, and back at the end; what is made inside stays there.

        For sockets and ``/proc/sys/net``. Do not ``await`` inside: another task would run in here.
        A thread started inside stays inside. Names resolve as outside: this moves no mounts.
        """
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            inside = os.open(_RUN_NETNS / self.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _set_namespace(inside)
            finally:
                os.close(inside)
            try:
                yield
            finally:
                _set_namespace(back)
        finally:
            os.close(back)

    def sysctl(self, key: str, value: str | None = None) -> str:
        """Set a ``net.*`` kernel setting of this namespace, or only read it."""
        path = Path("/proc/sys", *key.split("."))
        with self.entered():
            if value is not None:
                path.write_text(value, encoding="ascii")
            return path.read_text(encoding="ascii").strip()

    def pids(self) -> list[int]:
        """Return the ids of all processes inside."""
        return [int(pid) for pid in run(["ip", "netns", "pids", self.name]).split()]


def remove(name: str) -> None:
    """Remove a namespace and its ``/etc/netns`` folder; the common parent goes with the last of them."""
    try:
        run(["ip", "netns", "delete", name])
    except CommandFailed:
        if (_RUN_NETNS / name).exists():  # else it was gone already, swept by a run beside this one
            raise
    shutil.rmtree(_ETC_NETNS / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty: somebody else's
        _ETC_NETNS.rmdir()


def sweep(prefix: str = PREFIX) -> list[str]:
    """Remove what killed runs left: only names with this prefix and a pid that no longer exists; return them.

    What still runs inside such a namespace is killed. Folders of output and data go, too.
    """
    swept = [name for name, owner in _owners(prefix, _RUN_NETNS, _ETC_NETNS) if not _is_alive(owner)]
    for name in swept:
        _kill_inside(name)
        remove(name)
    temporary = Path(tempfile.gettempdir())
    for name, owner in _owners(prefix, temporary):
        if not _is_alive(owner):
            shutil.rmtree(temporary / name, ignore_errors=True)
    return swept


def leftovers(pid: int | None = None, prefix: str = PREFIX) -> list[str]:
    """Return the names of the lab's namespaces and folders that exist now, of all processes or of one."""
    return [name for name, owner in _owners(prefix, _RUN_NETNS, _ETC_NETNS) if pid in (None, owner)]


def _owners(prefix: str, *folders: Path) -> list[tuple[str, int]]:
    """Return what has this prefix in any of the folders, and the pid in its name."""
    names = {entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()}
    ours = re.compile(rf"{re.escape(prefix)}(\d+)-")
    return [(name, int(match[1])) for name in sorted(names) if (match := ours.match(name))]


def _is_alive(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


def _kill_inside(name: str) -> None:
    """Kill what runs in a namespace, if there is one: its name makes all of it ours."""
    with contextlib.suppress(CommandFailed):  # its folder alone is left
        for pid in Namespace(name).pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
