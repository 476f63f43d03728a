"""What this machine must offer, and the marker that skips tests and names what is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_ADMIN": 21}
"""Bits of CapEff (include/uapi/linux/capability.h): a container's root may well lack them."""
_COMMANDS = ("ip", "iptables", "ip6tables")
_TUN = Path("/dev/net/tun")


def missing() -> list[str]:
    """Return what the lab needs and this machine does not offer, for people."""
    return list(_missing())


def _missing() -> Iterator[str]:
    if os.geteuid() != 0:
        yield "not root"
    held = _effective_capabilities()
    yield from (f"no {name}" for name, bit in _CAPABILITIES.items() if not held >> bit & 1)
    if not os.access(_TUN, os.R_OK | os.W_OK):
        yield f"{_TUN} cannot be opened"
    yield from (f"no command `{name}`" for name in _COMMANDS if shutil.which(name) is None)


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


requires_root = pytest.mark.skipif(
    bool(missing()), reason=f"NOT TESTED, the network lab cannot be built here: {', '.join(missing())}"
)
"""On every test that makes a ``Lab``."""
