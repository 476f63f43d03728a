"""Programs that run inside a namespace, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.netlab.shell import Seconds

MARK = "NETLAB"
"""The environment variable that marks a lab's processes and their children."""


class Program(subprocess.Popen[bytes]):
    """A ``Popen`` whose output is in files, so that nothing blocks and everything can be read later."""

    def __init__(
        self, argv: Sequence[str], *, mark: str, output: Path, env: Mapping[str, str] | None, cwd: Path | None
    ) -> None:
        self.stdout_path = output.with_suffix(".out")
        self.stderr_path = output.with_suffix(".err")
        environment = {**(os.environ if env is None else env), MARK: mark}
        with self.stdout_path.open("wb") as out, self.stderr_path.open("wb") as err:
            super().__init__(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                cwd=cwd,
                start_new_session=True,
            )

    def output(self) -> str:
        """Return what it has written to stdout so far."""
        return self.stdout_path.read_text(encoding="utf-8", errors="replace")

    def error_output(self) -> str:
        """Return what it has written to stderr so far."""
        return self.stderr_path.read_text(encoding="utf-8", errors="replace")

    def stop(self, grace: Seconds = 2.0) -> int:
        """End it by SIGTERM, then by SIGKILL, if it has not ended; return its exit status."""
        self.terminate()
        try:
            return self.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()


def kill_marked(pids: Sequence[int], mark: str) -> None:
    """Kill the processes that descend from a program of this lab, and no others."""
    for pid in pids:
        if pid != os.getpid() and _bears(pid, mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _bears(pid: int, mark: str) -> bool:
    try:
        environment = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:  # it has ended meanwhile
        return False
    return f"{MARK}={mark}".encode() in environment.split(b"\0")
