"""What the log says once of a family's ICMP socket."""

from __future__ import annotations

import errno

import pytest

from collectors.contract import SocketOpened
from collectors.terms import IpFamily
from exporter.app.kernel_hints import SocketHints

NO_PERMISSION = SocketOpened(IpFamily.IPV4, "none", errno.EACCES)


def test_what_a_socket_lacks_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    hints = SocketHints()
    hints.hint({IpFamily.IPV4: None})  # no socket was opened yet
    assert caplog.messages == []
    hints.hint({IpFamily.IPV4: NO_PERMISSION})
    hints.hint({IpFamily.IPV4: NO_PERMISSION})
    (line,) = caplog.messages
    assert line.startswith("no permission for ipv4 echo requests: ICMP probes fail as 'local', the others go on.")


def test_a_socket_that_lacks_nothing_is_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    SocketHints().hint({IpFamily.IPV4: SocketOpened(IpFamily.IPV4, "datagram")})
    assert caplog.messages == []
