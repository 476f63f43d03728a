"""One family's ICMP socket, and the probes that are under way through it.

Because the kernel stamps, it does not matter how late we look: packets go out in batches and replies
are read in batches, without any loss of accuracy. This is the path that runs thousands of times a
second; what it does once per batch it need not do per probe.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

from collectors import echo, failures, kernel
from collectors.batch import BATCH, CONTROL_ROOM, Inbox, Outbox, control_of, name_of
from collectors.contract import (
    Attempt,
    Clock,
    Context,
    DuplicateReply,
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
"""How long a probe that was given up is known after that was seen, so that a late reply is told as one."""
_BETWEEN_SWEEPS: Seconds = 5.0
_REMEMBERED_ANSWERS = 1 << 14
"""How many answered requests are known, so that a second reply is told as a duplicate: 16 s at 1,000 a second."""
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
_HEADERS = 192
"""Room for link and IP headers before a packet."""
_OVERHEAD = 1024
"""Bytes of the receive buffer that a packet takes beside its own (struct sk_buff and what it points to)."""
_DSCP_SHIFT = 2
_SECRET = struct.Struct(f"{echo.RANDOM_BYTES}s")
_MANY_NAMES = 1 << 16


class Sent:
    """A request that has no reply yet: its probe is under way, or was given up and may still be answered late."""

    __slots__ = ("attempt", "before", "forget_at", "host", "request", "scheduled", "token", "transmitted")

    def __init__(
        self, attempt: Attempt[IcmpTarget], token: bytes, request: bytes, host: bytes, before: kernel.Moment
    ) -> None:
        self.attempt, self.token, self.request, self.host, self.before = attempt, token, request, host, before
        self.scheduled: int | None = None
        self.transmitted: int | None = None
        self.forget_at: Seconds | None = None


class Answered:
    """Whose were the latest requests that were answered: another reply to one of them is a duplicate.

    Flat tables, because an object each would be many to keep and to look through for the garbage collector.
    """

    def __init__(self) -> None:
        self._targets: list[IcmpTarget | None] = [None] * _REMEMBERED_ANSWERS
        self._tokens = bytearray(_REMEMBERED_ANSWERS * echo.TOKEN_BYTES)

    def add(self, sequence: int, target: IcmpTarget, token: bytes) -> None:
        """Remember an answered request."""
        at = sequence % _REMEMBERED_ANSWERS
        self._targets[at] = target
        self._tokens[at * echo.TOKEN_BYTES : (at + 1) * echo.TOKEN_BYTES] = token

    def get(self, sequence: int, token: bytes | bytearray) -> IcmpTarget | None:
        """Return whose request with this token was answered."""
        at = sequence % _REMEMBERED_ANSWERS
        return self._targets[at] if self._tokens.startswith(token, at * echo.TOKEN_BYTES) else None


class Pinger:
    """One family's socket, and what was sent through it, by sequence and in the order of its sending."""

    def __init__(self, ip_family: IpFamily, opened: EchoSocket, context: Context) -> None:
        self._ip_family, self._opened, self._context = ip_family, opened, context
        self._sock = opened.sock
        self._loop = asyncio.get_running_loop()
        self._numbers = FAMILIES[ip_family]
        self._sent: dict[int, Sent] = {}
        self._answered = Answered()
        self._swept_at: Seconds = 0.0
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self._open_inboxes(_HEADERS)
        self._outboxes: dict[tuple[int, int], Outbox] = {}
        self._names: dict[str, tuple[bytes, bytes]] = {}
        self._host_at = self._numbers.host_at
        self._drops = 0
        self._judge = echo.Judge(ip_family, summed=opened.kind == "datagram" or ip_family is IpFamily.IPV6)
        self._counts_forgeries = opened.kind == "raw" and ip_family is IpFamily.IPV6
        self._loop.add_reader(self._sock, self.receive)

    def close(self) -> None:
        self._loop.remove_reader(self._sock)
        self._sock.close()

    # Sending

    def send(self, attempts: Sequence[Attempt[IcmpTarget]], payload_bytes: int, dscp: int) -> None:
        """Send an echo request of this size and class for each; who cannot be sent one has ended."""
        layout, outbox = echo.layout(self._ip_family, payload_bytes), self._outbox(payload_bytes, dscp)
        for start in range(0, len(attempts), BATCH):
            if start:  # answers and stamps of the batch before share the buffer with those to come
                self.receive()
            self._send_batch(attempts[start : start + BATCH], layout, outbox)
        self._forget_old()

    def _send_batch(self, attempts: Sequence[Attempt[IcmpTarget]], layout: echo.Layout, outbox: Outbox) -> None:
        identifier, before = self._opened.identifier, kernel.now()
        random = os.urandom(echo.RANDOM_BYTES * len(attempts))
        packets, names, started = [], [], []
        for attempt, (secret,) in zip(attempts, _SECRET.iter_unpack(random), strict=True):
            try:
                name, host = self._name(attempt)
                sequence = self._next_sequence()
            except ProbeFailed as failed:
                attempt.end(failed)
                continue
            except OSError as error:  # an interface that a scope names and that is gone
                attempt.end(failures.from_os_error(error))
                continue
            token = echo.token(secret, sequence)
            packet = layout.request(identifier, token)
            self._sent[sequence] = Sent(attempt, token, packet, host, before)
            packets.append(packet)
            names.append(name)
            started.append(attempt)
        self._transmit(outbox, packets, names, started)

    def _transmit(
        self, outbox: Outbox, packets: Sequence[bytes], names: Sequence[bytes], attempts: Sequence[Attempt[IcmpTarget]]
    ) -> None:
        """Send them all; again where it failed, since the next call reports an ICMP error about another target."""
        done = tries = 0
        while done < len(packets):
            try:
                done += outbox.send(packets, names, done)
                tries = 0
            except OSError as error:
                tries += 1
                if error.errno not in _REPORTED or tries == _SENDS:
                    attempts[done].end(failures.from_os_error(error))
                    done += 1
                    tries = 0

    def _forget_old(self) -> None:
        """Drop what was given up and nobody will answer any more; what was answered is not here."""
        now = self._loop.time()
        if now - self._swept_at < _BETWEEN_SWEEPS:
            return
        self._swept_at = now
        for sequence, sent in list(self._sent.items()):
            if sent.forget_at is not None and sent.forget_at <= now:
                del self._sent[sequence]
            elif sent.forget_at is None and sent.attempt.over:
                sent.forget_at = now + _REMEMBERED

    def _next_sequence(self) -> int:
        for _ in range(_SEQUENCES):
            self._sequence = (self._sequence + 1) % _SEQUENCES
            known = self._sent.get(self._sequence)
            if known is None or known.attempt.over:
                return self._sequence
        raise ProbeFailed(Reason.LOCAL, "65,536 echo requests are under way")

    def _name(self, attempt: Attempt[IcmpTarget]) -> tuple[bytes, bytes]:
        """Return the target's address as the kernel takes it, and its bytes alone."""
        written = attempt.target.address
        address = self._context.address(written, self._ip_family)
        if address != written:
            attempt.address = address
        name = self._names.get(address)
        if name is None:
            numeric, _, scope = address.partition("%")
            packed = name_of(self._numbers.af, numeric, socket.if_nametoindex(scope) if scope else 0)
            name = packed, socket.inet_pton(self._numbers.af, numeric)
            if len(self._names) >= _MANY_NAMES:
                self._names.clear()
            self._names[address] = name
        return name

    def _outbox(self, payload_bytes: int, dscp: int) -> Outbox:
        """Return where packets of a size and a class go out; the class is ancillary, for all share the socket."""
        outbox = self._outboxes.get((payload_bytes, dscp))
        if outbox is None:
            numbers, control = self._numbers, b""
            if dscp:
                control = control_of(numbers.level, numbers.traffic_class, struct.pack("@i", dscp << _DSCP_SHIFT))
            asks_both = kernel.asking_for(kernel.BOTH_TRANSMIT_STAMPS)
            outbox = Outbox(
                self._sock, numbers.name_bytes, echo.HEADER_BYTES + payload_bytes, control, control + asks_both
            )
            self._outboxes[payload_bytes, dscp] = outbox
            if self._inbox.room < payload_bytes + _HEADERS:
                self._open_inboxes(payload_bytes + _HEADERS)
        return outbox

    def _open_inboxes(self, room: int) -> None:
        self._inbox = Inbox(self._sock, room, kernel.REPLY)
        self._reports = Inbox(self._sock, room, self._numbers.report, socket.MSG_ERRQUEUE)

    # Receiving

    def receive(self) -> None:
        """Take what has come, until there is nothing more."""
        count, more = 0, True
        while more:
            try:
                batch = self._inbox.receive()
            except OSError:  # an ICMP error, announced; the error queue has it in full
                continue
            more = len(batch) == BATCH
            self._read_reports()  # the stamps of what these replies answer are there by now
            after = kernel.now()
            for ancillary, _, name, data, length in batch:
                self._replied(ancillary, name, data, data + length, after)
            count += len(batch)
        self._count_drops(count)

    def _read_reports(self) -> None:
        """Take transmit stamps and ICMP errors from the error queue."""
        memory, sent_by, is_error, more = self._reports.memory, self._sent, self._numbers.error, True
        while more:
            batch = self._reports.receive()
            more = len(batch) == BATCH
            for (_, first, seconds, nanoseconds, _, second, origin, info), control, name, data, length in batch:
                end = data + length
                if first == kernel.STAMP and second == is_error and origin == kernel.ORIGIN_TIMESTAMPING:
                    which, stamp = info, seconds * kernel.SECOND + nanoseconds
                elif (transmitted := kernel.transmitted(memory, control)) is not None:
                    which, stamp = transmitted
                else:
                    self._refused(control, name, memory[data:end])
                    continue
                sent = sent_by.get(memory[end - 2] << 8 | memory[end - 1])
                if sent is None or not memory.startswith(sent.token, end - echo.TOKEN_BYTES):
                    continue
                if which == kernel.STAMP_SCHED:
                    sent.scheduled = stamp
                else:
                    sent.transmitted = stamp

    def _refused(self, control: int, name: int, request: bytes | bytearray) -> None:
        memory = self._reports.memory
        ancillary = memory[control : control + CONTROL_ROOM]
        error, quoted = kernel.icmp_error(ancillary), echo.quoted(request)
        if error is None or error in _FORWARDED or quoted is None or quoted[0] != self._opened.identifier:
            return
        sent = self._sent.get(quoted[1])
        if sent and memory.startswith(sent.host, name + self._host_at):
            sent.attempt.end(failures.from_icmp_error(error, kernel.icmp_sender(ancillary)))

    def _replied(self, ancillary: tuple[Any, ...], name: int, start: int, end: int, after: kernel.Moment) -> None:
        memory = self._inbox.memory
        if self._opened.with_ip_header:
            start += (memory[start] & 0x0F) * 4
        sequence = memory[end - 2] << 8 | memory[end - 1]
        sent = self._sent.get(sequence)
        if sent is None:
            self._replied_again(sequence, memory[end - echo.TOKEN_BYTES : end])
            return
        if not memory.startswith(sent.host, name + self._host_at):
            return
        attempt = sent.attempt
        if not self._judge.answers(memory, start, end, sent.request):
            attempt.silence = Reason.PROTOCOL
            return
        del self._sent[sequence]
        self._answered.add(sequence, attempt.target, sent.token)
        if attempt.over:
            self._context.notice(LateReply(attempt.target))
            return
        _, first, seconds, nanoseconds, _, second, value = ancillary
        if second == self._numbers.hop_limit:
            attempt.hop_limit = value
        stamp = seconds * kernel.SECOND + nanoseconds if first == kernel.STAMP else 0
        attempt.end(_reply(sent, stamp or None, after))

    def _replied_again(self, sequence: int, token: bytes | bytearray) -> None:
        target = self._answered.get(sequence, token)
        if target:
            self._context.notice(DuplicateReply(target))

    def _count_drops(self, read: int) -> None:
        drops = kernel.receive_drops(self._sock)
        new, self._drops = (drops - self._drops) % (1 << 32), drops
        if not new or (self._counts_forgeries and read < self._least_flood()):
            return
        self._context.notice(ReceiveOverflow(new))
        for sent in self._sent.values():
            sent.attempt.silence = Reason.LOCAL

    def _least_flood(self) -> int:
        """Return how many packets a drain brings at least if the buffer was full: it holds them with their overhead."""
        buffer = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return buffer // (4 * (self._inbox.room + _OVERHEAD))


def _reply(sent: Sent, received: int | None, after: kernel.Moment) -> Reply:
    scheduled, transmitted = sent.scheduled, sent.transmitted
    if scheduled is not None and received is not None:
        rtt = kernel.elapsed(scheduled, received, sent.before, after)
        if rtt is not None:
            queue = None if transmitted is None else kernel.elapsed(scheduled, transmitted, sent.before, after)
            return Reply(rtt, Clock.KERNEL, queue)
    return Reply(after.monotonic - sent.before.monotonic, Clock.USER)
