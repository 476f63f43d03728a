"""libpq's own step of a login, taken while other threads run.

psycopg2's ``poll`` takes it with the interpreter's lock held, and in it libpq does what a server asks for: as many
iterations of SCRAM as it names, which may last an hour, or a ticket from a key server that is silent. By ctypes the
same function of the same library is called without the lock.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

from collectors.contract import ProbeFailed
from collectors.terms import Reason

READING, WRITING = 1, 2
"""What the login waits for (``PGRES_POLLING_READING``, ``_WRITING``); whatever else: it has ended, well or not."""


@functools.cache
def step(module: str, version: int) -> Callable[[int], int]:
    """Return ``PQconnectPoll`` of the library that a module of C is linked to, which is of this version; ProbeFailed.

    It takes the address of a PGconn. A symbol is looked for in a module and in what that was linked to.
    """
    try:
        libraries = ctypes.CDLL(module)
        same = libraries.PQlibVersion() == version
        poll = libraries.PQconnectPoll
    except (OSError, AttributeError):
        same = False
    if not same:
        raise ProbeFailed(Reason.LOCAL, "psycopg2 does not show its libpq; install psycopg2-binary", misconfigured=True)
    poll.argtypes, poll.restype = [ctypes.c_void_p], ctypes.c_int
    return poll
