"""What an ICMP socket lacks, in words, and of which families that counts."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from collectors.contract import SocketOpened
from collectors.terms import IpFamily
from exporter.recording import icmp_sockets
from tests.exporter.pages import SMALL, read

V4, V6 = IpFamily.IPV4, IpFamily.IPV6


@pytest.mark.parametrize("opened", [SocketOpened(V4, "raw"), SocketOpened(V6, "datagram")])
def test_of_a_socket_that_can_all_there_is_nothing_to_say(opened: SocketOpened) -> None:
    assert (icmp_sockets.warning(opened), icmp_sockets.why_no_echo(opened)) == ("", "")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES])
def test_a_permission_that_lacks_is_told_with_both_ways_to_grant_it(number: int) -> None:
    opened = SocketOpened(V4, "none", error=number)
    assert icmp_sockets.warning(opened).startswith("no permission for ipv4 echo requests: ")
    assert "CAP_NET_RAW" in icmp_sockets.warning(opened)
    assert "ping_group_range" in icmp_sockets.warning(opened)
    assert icmp_sockets.why_no_echo(opened).startswith("no permission for ICMP: grant CAP_NET_RAW")


def test_a_kernel_without_ipv6_is_not_told_as_a_lack_of_permission() -> None:
    opened = SocketOpened(V6, "none", error=errno.EAFNOSUPPORT)
    assert icmp_sockets.warning(opened) == (
        "this host's kernel has no ipv6: all probes over it fail as 'local'. Take it out of 'ip_families' of what this "
        "host measures, or start the kernel with it (without ipv6.disable=1)"
    )
    assert icmp_sockets.why_no_echo(opened) == (
        "its kernel has no ipv6: take that out of ip_families, or start the kernel with it"
    )


def test_any_other_lack_is_told_by_its_name() -> None:
    opened = SocketOpened(V4, "none", error=errno.EMFILE)
    assert "Too many open files" in icmp_sockets.warning(opened)
    assert "Too many open files" in icmp_sockets.why_no_echo(opened)


def test_one_line_says_that_the_clock_and_the_class_are_not_those_that_were_asked_for() -> None:
    opened = SocketOpened(V6, "datagram", stamped=False, reads_ancillary=False)
    assert "own clock" in icmp_sockets.warning(opened)
    assert "dscp" in icmp_sockets.warning(opened)
    assert icmp_sockets.why_no_echo(opened) == ""


def test_only_the_families_of_configured_pairs_count(tmp_path: Path) -> None:
    sockets = icmp_sockets.IcmpSockets()
    sockets.opened(SocketOpened(V6, "none", error=errno.EAFNOSUPPORT))
    *_, pairs = read(tmp_path / "fleet.yml", SMALL, "wf001")
    sockets.configure(pairs)
    assert (sockets.used(), sockets.why_no_echo()) == ({V4: None}, "")
    sockets.opened(missing := SocketOpened(V4, "none", error=errno.EPERM))
    assert sockets.used() == {V4: missing}
    assert sockets.why_no_echo() == icmp_sockets.why_no_echo(missing)
    sockets.opened(granted := SocketOpened(V4, "datagram"))
    assert (sockets.used(), sockets.why_no_echo()) == ({V4: granted}, "")
    sockets.configure(())
    assert not sockets.used()
