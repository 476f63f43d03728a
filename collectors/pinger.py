"""One family's ICMP socket, and the probes that are under way through it.

Because the kernel stamps, it does not matter how late we look: packets go out in batches and replies
are read until there are none, without any loss of accuracy.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct

from collectors import echo, failures, kernel
from collectors.contract import (
    Clock,
    Context,
    DuplicateReply,
    Facts,
    IpFamily,
    LateReply,
    ProbeFailed,
    Reason,
    ReceiveOverflow,
    Reply,
    Seconds,
)
from collectors.icmp_socket import FAMILIES, EchoSocket
from collectors.targets import IcmpTarget

_REMEMBERED: Seconds = 15.0
"""How long an answered probe is known after its sending, and one that was given up after that was seen: so that late
and duplicate replies are told apart."""
_SEQUENCES = 1 << 16
_SENDS = 16
"""How often a send is tried: each failure may be the echo of one error about somebody else."""
_REPORTED = {
    errno.ECONNREFUSED,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENETUNREACH,
    errno.ENONET,
    errno.ENOPROTOOPT,
    errno.EOPNOTSUPP,
    errno.EPROTO,
    errno.EACCES,
    errno.EMSGSIZE,
    errno.EREMOTEIO,
}
"""What an ICMP error can leave behind on a socket (icmp_err_convert[], net/ipv4/icmp.c; net/ipv6/icmp.c)."""
_FORWARDED = {errno.EREMOTEIO}
"""Errors that are none: a redirect, which says that the packet went on (icmp_err_convert[], net/ipv4/icmp.c)."""
_AT_ONCE = 1024
"""Packets read before they are worked on; bounds memory, not what is read."""
_HEADERS = 128
"""Room for link and IP headers before a packet."""
_OVERHEAD = 1024
"""Bytes of the receive buffer that a packet takes beside its own (struct sk_buff and what it points to)."""
_ANCILLARY_ROOM = 256
_DSCP_SHIFT = 2


class Sent:
    """A probe under way, or one that was decided and may still be answered late or twice."""

    __slots__ = (
        "address",
        "before",
        "facts",
        "forget_at",
        "future",
        "replied",
        "scheduled",
        "target",
        "token",
        "transmitted",
    )

    def __init__(self, target: IcmpTarget, facts: Facts, future: asyncio.Future[Reply]) -> None:
        self.target, self.facts, self.future = target, facts, future
        self.token, self.address = b"", ""
        self.before = kernel.now()
        self.scheduled: int | None = None
        self.transmitted: int | None = None
        self.replied = False
        self.forget_at: Seconds | None = None


class _Received:
    """A packet as it was read."""

    __slots__ = ("address", "hop_limit", "packet", "stamp")

    def __init__(self, packet: bytes, address: str, stamp: int | None, hop_limit: int | None) -> None:
        self.packet, self.address, self.stamp, self.hop_limit = packet, address, stamp, hop_limit


class Pinger:
    """One family's socket, and the probes that were sent through it, by sequence and in the order of their sending."""

    def __init__(self, ip_family: IpFamily, opened: EchoSocket, context: Context) -> None:
        self._ip_family, self._opened, self._context = ip_family, opened, context
        self._sock = opened.sock
        self._loop = asyncio.get_running_loop()
        self._numbers = FAMILIES[ip_family]
        self._sent: dict[int, Sent] = {}
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self._room = _HEADERS
        self._drops = 0
        self._counts_forgeries = opened.kind == "raw" and ip_family is IpFamily.IPV6
        self._loop.add_reader(self._sock, self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._sock)
        self._sock.close()

    # Sending

    def send(self, sent: Sent, random: bytes) -> None:
        """Send an echo request; ProbeFailed or OSError if it cannot be sent."""
        target = sent.target
        sent.token = echo.token(random, self._next_sequence())
        sent.address, destination = self._destination(target)
        packet = echo.layout(self._ip_family, target.payload_bytes).request(self._opened.identifier, sent.token)
        self._room = max(self._room, target.payload_bytes + _HEADERS)
        self._sent[echo.sequence_of(sent.token)] = sent
        self._transmit(packet, self._options(target), destination)

    def forget_old(self, now: Seconds) -> None:
        """Drop decided probes that nobody will answer any more; the dict is in the order of sending.

        One that was given up is remembered from when that is first seen, since its timeout may be long.
        """
        old = []
        for sequence, sent in self._sent.items():
            if now - sent.before.monotonic < _REMEMBERED:
                break
            if sent.replied or (sent.forget_at is not None and sent.forget_at <= now):
                old.append(sequence)
            elif sent.future.done() and sent.forget_at is None:
                sent.forget_at = now + _REMEMBERED
        for sequence in old:
            del self._sent[sequence]

    def _next_sequence(self) -> int:
        for _ in range(_SEQUENCES):
            self._sequence = (self._sequence + 1) % _SEQUENCES
            known = self._sent.get(self._sequence)
            if known is None:
                return self._sequence
            if known.future.done():
                del self._sent[self._sequence]
                return self._sequence
        raise ProbeFailed(Reason.LOCAL, "65,536 echo requests are under way")

    def _destination(self, target: IcmpTarget) -> tuple[str, tuple[str | int, ...]]:
        """Return the address as the kernel writes it, and as it takes it."""
        address = self._context.address(target.address, self._ip_family)
        if self._ip_family is IpFamily.IPV4:
            return address, (address, 0)
        numeric, _, scope = address.partition("%")
        canonical = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, numeric))
        return canonical, (canonical, 0, 0, socket.if_nametoindex(scope) if scope else 0)

    def _options(self, target: IcmpTarget) -> list[tuple[int, int, bytes]]:
        """Return the traffic class as ancillary data, because targets of any class share the socket."""
        if not target.dscp:
            return []
        option = socket.IP_TOS if self._ip_family is IpFamily.IPV4 else socket.IPV6_TCLASS
        return [(self._numbers.level, option, struct.pack("@i", target.dscp << _DSCP_SHIFT))]

    def _transmit(
        self, packet: bytes, options: list[tuple[int, int, bytes]], destination: tuple[str | int, ...]
    ) -> None:
        """Send; again if it failed, because an ICMP error about another target is reported by the next call."""
        for attempt in range(1, _SENDS + 1):
            try:
                self._sock.sendmsg([packet], options, 0, destination)
            except OSError as error:
                if error.errno not in _REPORTED or attempt == _SENDS:
                    raise
            else:
                return

    # Receiving

    def read_stamps(self) -> None:
        """Take transmit stamps and ICMP errors from the error queue."""
        for report in kernel.error_queue(self._sock, self._room):
            if report.origin != kernel.ORIGIN_TIMESTAMPING:
                self._refused(report)
                continue
            sent = self._sent.get(echo.sequence_of(report.data))
            if sent is None or sent.token != echo.token_of(report.data):
                continue
            if report.info == kernel.STAMP_SCHED:
                sent.scheduled = report.stamp
            else:
                sent.transmitted = report.stamp

    def _refused(self, report: kernel.ErrorReport) -> None:
        quoted = echo.quoted(report.data)
        sent = self._sent.get(quoted[1]) if quoted else None
        if sent is None or sent.future.done() or quoted is None or quoted[0] != self._opened.identifier:
            return
        if report.address is None or report.address[0].partition("%")[0] != sent.address:
            return
        if report.errno not in _FORWARDED:
            sent.future.set_exception(failures.from_icmp_error(report.errno))

    def _readable(self) -> None:
        while True:
            packets = self._packets()
            self.read_stamps()
            after = kernel.now()
            for received in packets:
                self._replied(received, after)
            self._count_drops(len(packets))
            if len(packets) < _AT_ONCE:
                return

    def _packets(self) -> list[_Received]:
        packets: list[_Received] = []
        room, is_hop_limit, with_ip_header = self._room, self._numbers.hop_limit, self._opened.with_ip_header
        while len(packets) < _AT_ONCE:
            try:
                data, ancillary, _, address = self._sock.recvmsg(room, _ANCILLARY_ROOM)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error, announced; the error queue has it in full
                continue
            header = (data[0] & 0x0F) * 4 if with_ip_header and data else 0
            hop_limit = None
            for level, kind, value in ancillary:
                if (level, kind) == is_hop_limit:
                    hop_limit = value[0]
            source = address[0].partition("%")[0]
            packets.append(_Received(data[header:], source, kernel.receive_stamp(ancillary), hop_limit))
        return packets

    def _replied(self, received: _Received, after: kernel.Moment) -> None:
        sent = self._sent.get(echo.sequence_of(received.packet))
        if sent is None or received.address != sent.address:
            return
        echoes = echo.layout(self._ip_family, sent.target.payload_bytes)
        if not echoes.answers(received.packet, self._opened.identifier, sent.token):
            sent.facts.silence = Reason.PROTOCOL
        elif sent.replied:
            self._context.notice(DuplicateReply(sent.target))
        elif sent.future.done():
            sent.replied = True
            self._context.notice(LateReply(sent.target))
        else:
            sent.replied = True
            sent.facts.hop_limit = received.hop_limit
            sent.future.set_result(_reply(sent, received.stamp, after))

    def _count_drops(self, read: int) -> None:
        drops = kernel.receive_drops(self._sock)
        new, self._drops = (drops - self._drops) % (1 << 32), drops
        if not new or (self._counts_forgeries and read < self._least_flood()):
            return
        self._context.notice(ReceiveOverflow(new))
        for sent in self._sent.values():
            sent.facts.silence = Reason.LOCAL

    def _least_flood(self) -> int:
        """Return how many packets a drain brings at least if the buffer was full: it holds them with their overhead."""
        buffer = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return min(_AT_ONCE // 2, buffer // (4 * (self._room + _OVERHEAD)))


def _reply(sent: Sent, received: int | None, after: kernel.Moment) -> Reply:
    rtt = queue = None
    if sent.scheduled is not None and received is not None:
        rtt = kernel.elapsed(sent.scheduled, received, sent.before, after)
    if rtt is None:
        return Reply(rtt=after.monotonic - sent.before.monotonic, clock=Clock.USER)
    if sent.scheduled is not None and sent.transmitted is not None:
        queue = kernel.elapsed(sent.scheduled, sent.transmitted, sent.before, after)
    return Reply(rtt=rtt, clock=Clock.KERNEL, egress_queue=queue)
