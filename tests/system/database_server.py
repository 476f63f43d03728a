"""A real database server's process, with its data in a folder of its own."""

from __future__ import annotations

import abc
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE = 60.0


def program(name: str) -> str:
    """Return where a program is, or its name if it is nowhere."""
    for folder in ("/usr/lib/postgresql/15/bin", "/usr/sbin", "/usr/bin"):
        if (path := Path(folder) / name).exists():
            return str(path)
    return name


class Server(abc.ABC):
    """One server process with its data; ``stop`` and ``start`` keep the data."""

    kind = ""
    user = "nobody"

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        address: str,
        tls: tuple[Path, Path] | None,
        through: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        """``through`` is a command that runs the server, such as ip netns exec."""
        self.folder, self.port, self.address, self.tls, self.through = folder, port, address, tls, through
        self.options = options
        self.data, self.sockets, self.log = folder / "data", folder / "run", folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        folder.chmod(0o755)
        for made in (self.data, self.sockets):
            made.mkdir()
            shutil.chown(made, self.user)
        self.log.touch()
        shutil.chown(self.log, self.user)

    def program(self, name: str) -> str:
        """Where one of the server's programs is."""
        return program(name)

    def as_user(self, *words: str) -> list[str]:
        return ["setpriv", f"--reuid={self.user}", "--clear-groups", *words]

    @abc.abstractmethod
    def command(self) -> list[str]:
        """Return the command that starts it in the foreground."""

    @abc.abstractmethod
    def admin(self, statement: str) -> str:
        """Run a statement as administrator over its Unix socket; return what was printed."""

    @property
    @abc.abstractmethod
    def socket_path(self) -> Path:
        """What a fleet file calls its `socket`."""

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.through, *self.as_user(*self.command())], stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        until = time.monotonic() + PATIENCE
        while not self.is_up():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < until, self.log.read_text()[-2000:]
            time.sleep(0.05)

    def is_up(self) -> bool:
        try:
            self.admin("SELECT 1")
        except CommandFailedError:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait for its children too, which outlive a killed parent for a moment and still answer."""
        if self.process is not None:
            children = self._pids()[1:]
            with contextlib.suppress(ProcessLookupError):
                self.thaw()
                self.process.send_signal(number)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None
            _wait_until_all(_has_ended, children)

    def freeze(self) -> None:
        """Stop it and its children, which are sessions of their own."""
        self._signal_all(signal.SIGSTOP)
        _wait_until_all(_is_stopped, self._pids())

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _pids(self) -> list[int]:
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class CommandFailedError(Exception):
    """A command of a server ended with another status than 0; what it wrote is in the message."""


def run(words: Sequence[str], **more: str) -> str:
    """The output of a command that succeeds; one that fails says in the test's report what it wrote."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=PATIENCE, cwd="/", input=more.get("input")
    )
    if done.returncode:
        raise CommandFailedError(f"{words}: exit status {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def _is_stopped(pid: int) -> bool:
    """Tell whether every thread of a process has stopped, or has ended and waits for its parent, which has stopped."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(") ")[2].startswith(("T", "Z")) for stat in threads)


def _has_ended(pid: int) -> bool:
    """Tell whether a process has ended, or only waits for its parent to ask for its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def _wait_until_all(condition: Callable[[int], bool], pids: Sequence[int]) -> None:
    until = time.monotonic() + PATIENCE
    while not all(map(condition, pids)):
        assert time.monotonic() < until
        time.sleep(0.01)
