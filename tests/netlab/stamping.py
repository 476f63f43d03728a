"""Making sure that the kernel stamps packets before anything relies on it."""

from __future__ import annotations

import socket

from tests.netlab.delaybox.stamps import RX_SOFTWARE_AND_REPORT, SO_TIMESTAMPING, stamp_of
from tests.netlab.shell import wait_until


def wait_for_stamps() -> None:
    """Wait until the kernel stamps: it begins a while after the first socket asks (net_enable_timestamp).

    That holds for all namespaces at once, so it is seen on the caller's loopback, where no test has
    put a firewall. The socket that asked must be open already, else the kernel may stop again.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(1.0)
        probe.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE_AND_REPORT)

        def stamped() -> bool:
            probe.sendto(b"stamped?", probe.getsockname())
            return stamp_of(probe.recvmsg(16, 128)[1]) is not None

        wait_until(stamped, "the kernel stamps packets")
