"""Where the program begins, also as ``python -m exporter``: with its signals, before the half second of imports.

A hangup means "read the files again", whenever it comes. One that comes before the loop runs is kept by the kernel:
the signal is blocked, and ``exporter.app.signals`` unblocks it. A stop ends it at once, without a traceback of what was
being imported; for process 1 of a container that takes a handler.
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
        _set_name(b"latency-exporter")  # as deploy/launcher starts it, the kernel calls it by its interpreter
    signal.signal(signal.SIGINT, _leave)
    from exporter import cli  # noqa: PLC0415 - see above

    return cli.main()


def _is_run(words: list[str]) -> bool:
    """Return whether this is the command that runs until a signal; all others end by a hangup."""
    return not words or words[0] == "run" or words[0].startswith("-")


def _set_name(name: bytes) -> None:
    try:
        with open("/proc/self/comm", "wb", buffering=0) as comm:  # noqa: PTH123 - pathlib is 10 ms of imports
            comm.write(name)
    except OSError:  # no /proc
        return


def _leave(number: int, _frame: object) -> None:
    """End: nothing is open yet. A stop that was ordered is no failure; an interrupt has the exit code of shells."""
    os._exit(0 if number == signal.SIGTERM else 128 + number)


if __name__ == "__main__":
    sys.exit(main())
