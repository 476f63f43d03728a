"""The running program: a process of its own, asked and told from outside."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.exporter.samples import Samples

DEADLINE = 60.0
"""How long a test waits for what should take a moment: the machine may be busy."""


class Program:
    """A started program; its log is read line by line."""

    def __init__(self, fleet_file: Path, *flags: str, code: str = "") -> None:
        how = ["-c", code] if code else ["-m", "exporter"]
        words = [sys.executable, *how, f"--config.file={fleet_file}", "--log.format=json", *flags]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LATENCY_")}
        self.process = subprocess.Popen(
            words, cwd=Path(__file__).parents[3], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.log: list[dict[str, str]] = []
        self._unread = b""

    def logged(self, pattern: str) -> dict[str, str]:
        """Wait for a line of the log; return it."""
        until = time.monotonic() + DEADLINE
        seen = 0
        while True:
            for line in self.log[seen:]:
                seen += 1
                if re.search(pattern, line["msg"]):
                    return line
            assert self._read(until - time.monotonic()), f"never logged: {pattern}; but: {self.log} {self._unread!r}"

    def port(self) -> int:
        return int(self.logged("^listening on ")["msg"].rpartition(":")[2])

    def samples(self) -> Samples:
        return Samples(self.get("/metrics"))

    def get(self, path: str, data: bytes | None = None) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port()}{path}", data, timeout=DEADLINE) as response:
            return str(response.read().decode())

    def wait_for(self, condition: Callable[[Samples], object]) -> Samples:
        """Scrape until the condition holds; return the page on which it did."""
        until = time.monotonic() + DEADLINE
        while not condition(samples := self.samples()):
            assert time.monotonic() < until, "did not come to pass"
            time.sleep(0.02)
        return samples

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal; return how long the end took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(DEADLINE)
        return time.monotonic() - began

    def _read(self, timeout: float) -> bool:
        """Take what was logged meanwhile; False at the end or when nothing came in time."""
        stream = self.process.stderr
        assert stream
        if timeout <= 0 or not select.select([stream], [], [], timeout)[0]:
            return False
        data = os.read(stream.fileno(), 1 << 16)
        *lines, self._unread = (self._unread + data).split(b"\n")
        self.log += [json.loads(line) for line in lines]
        return bool(data)
