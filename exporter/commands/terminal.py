"""What the commands print: data for pipes on stdout, text for people on stderr; and their exit codes.

Exit 0: fine; 1: a fault of the moment; 2: bad configuration or command line.
"""

from __future__ import annotations

import io
import signal
import sys

FINE, FAULT, BAD_CONFIGURATION = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT
"""As shells have it."""


def print_data(text: str) -> int:
    """Write data to stdout; return FAULT if that fails, as where the reader of a pipe has ended."""
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may know less than Unicode
        print(text, end="", flush=True)
    except OSError as error:
        sys.stdout = None  # else Python complains once more when it ends
        return complain(f"latency-exporter: cannot write to stdout: {error.strerror}", FAULT)
    return FINE


def tell(line: str) -> None:
    """Write a line to stderr."""
    print(line, file=sys.stderr)


def complain(lines: str, code: int) -> int:
    """Write lines to stderr and return the exit code."""
    tell(lines)
    return code
