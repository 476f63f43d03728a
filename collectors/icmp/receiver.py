"""Reads what comes by one family's ICMP sockets: replies, and on the error queues transmit stamps and ICMP errors.

Because the kernel stamps, it does not matter how late we look: all is read in batches, without any loss of accuracy.
This path runs thousands of times a second.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import struct
from typing import Any, NamedTuple

from collectors import failures, kernel
from collectors.ancillary import pieces
from collectors.contract import Context, DuplicateReply, LateReply, ReceiveOverflow
from collectors.icmp import echo
from collectors.icmp.batch import BATCH, CONTROL_ROOM, Datagram, Inbox
from collectors.icmp.burst import OVERHEAD
from collectors.icmp.echo_socket import FAMILIES, EchoSocket
from collectors.icmp.requests import SentRequest, SentRequests, reply
from collectors.terms import IpFamily, Reason

TRIES = 16
"""How often a send or a receipt is tried: each failure may be the echo of one error about another target."""
_FORWARDED = {errno.EREMOTEIO}
"""Errors that are none: a redirect, which says that the packet went on (icmp_err_convert[], net/ipv4/icmp.c)."""
_HEADERS_ROOM = 192
"""For link and IP headers before a packet, and its own."""

_CMSGHDR = f"{struct.calcsize('@N')}x8s"
"""A struct cmsghdr: its level and type as bytes, without its length."""
_STAMPED = f"@{_CMSGHDR}ll{4 * struct.calcsize('@l')}x"
"""One with a struct scm_timestamping: three timespecs, of which the first is the software stamp."""
_ERROR = f"{_CMSGHDR}4xB3xI"
"""One with a struct sock_extended_err: its origin and its info."""
REPLY = f"{_STAMPED}{_CMSGHDR}i"
"""The ancillary data of a reply: the stamp, then the hop limit, as all of net/ipv4 and net/ipv6 write them."""
STAMP = struct.pack("@ii", socket.SOL_SOCKET, kernel.SO_TIMESTAMPING)
"""Level and type of a stamp."""


class _Ancillary(NamedTuple):
    """What differs in the two families' ancillary data."""

    report: str
    """The shape of a message of the error queue with a transmit stamp."""
    error: bytes
    hop_limit: bytes
    """Level and type of these pieces."""


_ANCILLARY = {
    IpFamily.IPV4: _Ancillary(
        report=f"{_STAMPED}{_ERROR}",
        error=struct.pack("@ii", socket.IPPROTO_IP, kernel.IP_RECVERR),
        hop_limit=struct.pack("@ii", socket.IPPROTO_IP, socket.IP_TTL),
    ),
    IpFamily.IPV6: _Ancillary(
        # The hop limit stands between (ipv6_recv_error(), net/ipv6/datagram.c).
        report=f"{_STAMPED}{socket.CMSG_SPACE(4)}x{_ERROR}",
        error=struct.pack("@ii", socket.IPPROTO_IPV6, kernel.IPV6_RECVERR),
        hop_limit=struct.pack("@ii", socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT),
    ),
}


class Receiver:
    """Ends the attempts whose replies or errors come in, and notices what belongs to none that is under way."""

    def __init__(self, opened: EchoSocket, requests: SentRequests, lost: dict[str, int], context: Context) -> None:
        self._opened, self._lost, self._context = opened, lost, context
        self._unanswered, self._answered = requests.unanswered, requests.answered
        self._with_ip_header = opened.with_ip_header
        self._host_at, self._ancillary = FAMILIES[opened.ip_family].host_at, _ANCILLARY[opened.ip_family]
        is_ipv6 = opened.ip_family is IpFamily.IPV6
        self._judge = echo.Judge(opened.ip_family, summed=opened.kind == "datagram" or is_ipv6)
        self._counts_forgeries = opened.kind == "raw" and is_ipv6
        self._loop = asyncio.get_running_loop()
        self._drops: dict[socket.socket, int] = {}
        """Of each socket that is read, how many packets the kernel has dropped."""
        self._open_inboxes(_HEADERS_ROOM)
        self.read_from(opened)

    def read_from(self, opened: EchoSocket) -> None:
        """Read a socket whenever something comes; one socket with several identifiers is read once."""
        if opened.sock not in self._drops:
            self._drops[opened.sock] = 0
            self._loop.add_reader(opened.sock, functools.partial(self.receive, opened.sock))

    def make_room(self, payload_bytes: int) -> None:
        """Prepare for replies of this size."""
        if self._inbox.room < payload_bytes + _HEADERS_ROOM:
            self._open_inboxes(payload_bytes + _HEADERS_ROOM)

    def _open_inboxes(self, room: int) -> None:
        self._inbox = Inbox(self._opened.sock, room, REPLY)
        self._reports = Inbox(self._opened.sock, room, self._ancillary.report, socket.MSG_ERRQUEUE)

    def close(self) -> None:
        """Read no more; the sockets stay open."""
        for sock in self._drops:
            self._loop.remove_reader(sock)

    def receive(self, sock: socket.socket) -> None:
        """Read what has come by a socket, until there is nothing more."""
        self._inbox.descriptor = self._reports.descriptor = sock.fileno()
        count, more = 0, True
        while more:
            batch = _received(self._inbox)
            more = len(batch) == BATCH
            self._read_reports()  # the stamps of what these replies answer are there by now
            after = kernel.now()
            for ancillary, _, name, data, length in batch:
                self._replied(ancillary, name, data, data + length, after)
            count += len(batch)
        self._count_drops(sock, count)

    def _read_reports(self) -> None:
        """Read transmit stamps and ICMP errors from the error queue."""
        memory, unanswered, is_error, more = self._reports.memory, self._unanswered, self._ancillary.error, True
        while more:
            batch = _received(self._reports)
            more = len(batch) == BATCH
            for (first, seconds, nanoseconds, second, origin, info), control, name, data, length in batch:
                end = data + length
                if first == STAMP and second == is_error and origin == kernel.ORIGIN_TIMESTAMPING:
                    which, stamp = info, seconds * kernel.SECOND + nanoseconds
                elif (transmitted := kernel.transmit_stamp(memory[control : control + CONTROL_ROOM])) is not None:
                    which, stamp = transmitted
                else:
                    self._refused(control, name, memory[data:end])
                    continue
                sent = unanswered.get(memory[end - 2] << 8 | memory[end - 1])
                if sent is None or not memory.startswith(sent.token, end - echo.TOKEN_BYTES):
                    continue
                if which == kernel.STAMP_SCHED:
                    sent.scheduled = stamp
                else:
                    sent.transmitted = stamp

    def _refused(self, control: int, name: int, request: bytes | bytearray) -> None:
        memory = self._reports.memory
        error, sequence = kernel.icmp_error(pieces(memory[control : control + CONTROL_ROOM])), echo.sequence_of(request)
        if error is None or error[0] in _FORWARDED or sequence is None:
            return
        sent = self._unanswered.get(sequence)
        if sent and request.startswith(sent.request[4:8], 4) and memory.startswith(sent.host, name + self._host_at):
            sent.attempt.end(failures.from_icmp_error(*error))

    def _replied(self, ancillary: tuple[Any, ...], name: int, start: int, end: int, after: kernel.Moment) -> None:
        memory = self._inbox.memory
        if self._with_ip_header:
            start += (memory[start] & 0x0F) * 4
        sequence = memory[end - 2] << 8 | memory[end - 1]
        sent = self._unanswered.get(sequence)
        if sent is None:
            self._replied_again(sequence, name, start, end)
            return
        attempt = sent.attempt
        if not (
            memory.startswith(sent.host, name + self._host_at) and self._judge.answers(memory, start, end, sent.request)
        ):
            self._replied_badly(name, start, end, sent)
            return
        del self._unanswered[sequence]
        self._answered.add(sequence, attempt.target, sent.token)
        if self._lost:
            self._lost.pop(attempt.target.address, None)
        if attempt.over:
            self._context.notice(LateReply(attempt.target))
            return
        first, seconds, nanoseconds, second, value = ancillary
        if second == self._ancillary.hop_limit:
            attempt.hop_limit = value
        stamp = seconds * kernel.SECOND + nanoseconds if first == STAMP else 0
        attempt.end(reply(sent, stamp or None, after))

    def _replied_again(self, sequence: int, name: int, start: int, end: int) -> None:
        target = self._answered.get(sequence, self._inbox.memory[end - echo.TOKEN_BYTES : end])
        if target:
            self._context.notice(DuplicateReply(target))
        else:
            self._replied_badly(name, start, end)

    def _replied_badly(self, name: int, start: int, end: int, by_token: SentRequest | None = None) -> None:
        """Note for a probe that what came is not its reply; the header says whose probe, or else the token."""
        memory = self._inbox.memory
        sent = self._unanswered.get(memory[start + 6] << 8 | memory[start + 7])
        if sent is None or not memory.startswith(sent.request[4:8], start + 4):
            sent = by_token
            if sent is None or not memory.startswith(sent.token, end - echo.TOKEN_BYTES):
                return
        if memory.startswith(sent.host, name + self._host_at):
            sent.attempt.silence = Reason.PROTOCOL

    def _count_drops(self, sock: socket.socket, read: int) -> None:
        drops = kernel.receive_drops(sock)
        new, self._drops[sock] = (drops - self._drops[sock]) % (1 << 32), drops
        if not new or (self._counts_forgeries and read < self._least_flood()):
            return
        self._context.notice(ReceiveOverflow(new))
        for sent in self._unanswered.values():
            sent.attempt.silence = Reason.LOCAL

    def _least_flood(self) -> int:
        """Return how many packets a drain brings at least if the buffer was full: it holds them with their overhead."""
        return self._opened.receive_buffer // (4 * (self._inbox.room + OVERHEAD))


def _received(inbox: Inbox) -> list[Datagram]:
    """Read a batch; again where an ICMP error is announced instead, which the error queue has in full.

    Before Linux 5 that happens to a read of the error queue too (sock_error() in __sys_recvmmsg(), net/socket.c).
    """
    tries = 0
    while True:
        try:
            return inbox.receive()
        except OSError:
            tries += 1
            if tries == TRIES:
                raise
