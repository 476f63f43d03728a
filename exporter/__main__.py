"""Where the program begins, also as ``python -m exporter``: with its signals, before the half second of imports.

A hangup means "read the files again", whenever it comes. What comes before the loop can take it is kept by the kernel:
the signal is blocked, and ``exporter.app`` lets it through. A stop is obeyed at once, without a traceback of whatever
was being imported; as process 1 of a container that takes a handler.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Run the command that the command line names; return its exit code."""
    if _is_run(sys.argv[1:]):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        signal.signal(signal.SIGTERM, _leave)
        _be_called(b"latency-exporter")  # as deploy/launcher starts it, the kernel calls it by its interpreter
    signal.signal(signal.SIGINT, _leave)
    from exporter import cli  # noqa: PLC0415 - see above

    return cli.main()


def _is_run(words: list[str]) -> bool:
    """Tell whether this is the command that goes on until a signal; of all others a hangup is the end."""
    return not words or words[0] == "run" or words[0].startswith("-")


def _be_called(name: bytes) -> None:
    try:
        with open("/proc/self/comm", "wb", buffering=0) as comm:  # noqa: PTH123 - pathlib is 10 ms of imports
            comm.write(name)
    except OSError:  # no /proc
        return


def _leave(number: int, _frame: object) -> None:
    """End: there is nothing yet to put in order. An ordered stop is no failure, an interrupt is told as shells do."""
    os._exit(0 if number == signal.SIGTERM else 128 + number)


if __name__ == "__main__":
    sys.exit(main())
