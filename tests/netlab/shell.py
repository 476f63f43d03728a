"""Running commands, and waiting for conditions instead of for time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Seconds = float
T = TypeVar("T")
_BETWEEN_LOOKS: Seconds = 0.005


class CommandFailed(Exception):
    """A command of the lab's own failed; the message is the command and its output."""


def run(argv: Sequence[str], *, stdin: str = "", timeout: Seconds = 20.0) -> str:
    """Run a command and return its output; CommandFailed when it does not exit with 0."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        message = (done.stderr or done.stdout).strip()
        raise CommandFailed(f"{' '.join(argv)}: exit {done.returncode}: {message}" + (f"\n{stdin}" if stdin else ""))
    return done.stdout


def ip_batch(namespace: str, lines: Iterable[str]) -> None:
    """Run several ``ip`` commands inside one namespace, by one process."""
    script = "\n".join(lines)
    if script:
        run(["ip", "-n", namespace, "-batch", "-"], stdin=script + "\n")


def wait_until(condition: Callable[[], T | None], what: str, timeout: Seconds = 10.0) -> T:
    """Look again and again until the condition holds; return its value. TimeoutError names what never came."""
    deadline = time.monotonic() + timeout
    while not (seen := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        time.sleep(_BETWEEN_LOOKS)
    return seen
