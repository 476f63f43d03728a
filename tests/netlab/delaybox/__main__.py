"""Start the box: ``python -m delaybox SEED TUN TUN STAMPS STAMPS CONTROL [LOG]``.

All but the seed are descriptors; ``STAMPS`` are packet sockets on the TUN devices (``stamps.py``).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys

from .box import Box

_PR_SET_TIMERSLACK = 29
"""include/uapi/linux/prctl.h; the default slack of 50 microseconds would be added to every delay."""


def be_punctual() -> None:
    """Wake when due, whatever else the machine does: no collection pauses, no slack, ahead of all ordinary work."""
    gc.disable()
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def main(seed: int, *descriptors: int) -> None:
    """Serve until the lab closes its end; Ctrl-C is for the tests, and the lab ends us then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    be_punctual()
    first, second, *sockets = descriptors
    stamps_first, stamps_second, control = (socket.socket(fileno=descriptor) for descriptor in sockets[:3])
    log = os.fdopen(sockets[3], "wb", buffering=1 << 16) if sockets[3:] else None
    box = Box((first, second), (stamps_first, stamps_second), control, log)
    box.seed(seed)
    box.serve()


main(*map(int, sys.argv[1:]))
