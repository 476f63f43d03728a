"""What the log says once of a family's ICMP socket."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from collectors.contract import SocketOpened
from collectors.terms import IpFamily
from exporter.app.kernel_hints import SocketHints
from tests.exporter.pages import Small

NO_PERMISSION = SocketOpened(IpFamily.IPV4, "none", errno.EACCES)


def test_what_a_socket_lacks_is_said_once_and_only_of_a_family_that_pairs_use(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    hints, pairs = SocketHints(), Small(tmp_path).pairs
    hints.hint(pairs)  # no socket was opened yet
    hints.opened(NO_PERMISSION)
    hints.opened(SocketOpened(IpFamily.IPV6, "none", errno.EACCES))
    hints.hint([])
    assert caplog.messages == []
    hints.hint(pairs)
    hints.hint(pairs)
    (line,) = caplog.messages
    assert line.startswith("no permission for ipv4 echo requests: ICMP probes fail as 'local', the others go on.")


def test_a_socket_that_lacks_nothing_is_not_mentioned(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    hints = SocketHints()
    hints.opened(SocketOpened(IpFamily.IPV4, "datagram"))
    hints.hint(Small(tmp_path).pairs)
    assert caplog.messages == []
