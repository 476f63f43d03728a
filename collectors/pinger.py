"""One family's ICMP sockets, and the probes that are under way through them.

Because the kernel stamps, it does not matter how late we look: packets go out in batches and replies
are read in batches, without any loss of accuracy. This is the path that runs thousands of times a
second; what it does once per batch it need not do per probe.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from collectors import echo, failures, kernel
from collectors.batch import BATCH, CONTROL_ROOM, Inbox, Outbox, control_of, name_of
from collectors.contract import (
    Attempt,
    Context,
    DuplicateReply,
    IpFamily,
    LateReply,
    ProbeFailed,
    Reason,
    ReceiveOverflow,
    Seconds,
)
from collectors.icmp_socket import FAMILIES, EchoSocket
from collectors.icmp_target import IcmpTarget
from collectors.identifiers import Identifiers
from collectors.sent import Answered, Sent, reply

_REMEMBERED: Seconds = 15.0
"""How long a probe that was given up is known after that was seen, so that a late reply is told as one."""
_BETWEEN_SWEEPS: Seconds = 1.0
_SEQUENCES = 1 << 16
_TRIES = 16
"""How often a send or a receipt is tried: each failure may be the echo of one error about somebody else."""
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


class Pinger:
    """One family's sockets, and what was sent through them, by sequence and in the order of its sending."""

    def __init__(self, opened: EchoSocket, context: Context) -> None:
        self._opened, self._context = opened, context
        self._with_ip_header = opened.with_ip_header
        self._identifiers = Identifiers(opened)
        self._lost = self._identifiers.lost
        self._ip_family = ip_family = opened.ip_family
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
        self._drops: dict[socket.socket, int] = {}
        """Of each socket that is read, how many packets the kernel has dropped."""
        self._judge = echo.Judge(ip_family, summed=opened.kind == "datagram" or ip_family is IpFamily.IPV6)
        self._counts_forgeries = opened.kind == "raw" and ip_family is IpFamily.IPV6
        self._read_from(opened)

    def _read_from(self, opened: EchoSocket) -> None:
        """Take what comes by a socket; those that are one, with several identifiers, are read once."""
        if opened.sock not in self._drops:
            self._drops[opened.sock] = 0
            self._loop.add_reader(opened.sock, functools.partial(self.receive, opened.sock))

    def close(self) -> None:
        for sock in {opened.sock for opened in self._identifiers.sockets}:
            self._loop.remove_reader(sock)
            sock.close()

    # Sending

    def send(self, attempts: Sequence[Attempt[IcmpTarget]], payload_bytes: int, dscp: int) -> None:
        """Send an echo request of this size and class for each, and take what has come of it by then.

        Who cannot be sent one has ended.
        """
        self._forget_old()
        layout, outbox = echo.layout(self._ip_family, payload_bytes), self._outbox(payload_bytes, dscp)
        for opened, asked in self._by_socket(attempts):
            outbox.descriptor = opened.sock.fileno()
            for start in range(0, len(asked), BATCH):
                self._send_batch(asked[start : start + BATCH], layout, outbox, opened.identifier)
                self.receive(opened.sock)  # answers and stamps share the buffer with those to come

    def _by_socket(
        self, attempts: Sequence[Attempt[IcmpTarget]]
    ) -> Iterable[tuple[EchoSocket, Sequence[Attempt[IcmpTarget]]]]:
        """Tell which socket each is asked by; they are one as long as nobody is silent."""
        if not self._identifiers.moved:
            return [(self._opened, attempts)]
        found: dict[EchoSocket, list[Attempt[IcmpTarget]]] = {}
        for attempt in attempts:
            found.setdefault(self._identifiers.of(attempt.target.address), []).append(attempt)
        for opened in found:
            self._read_from(opened)
        return found.items()

    def _send_batch(
        self, attempts: Sequence[Attempt[IcmpTarget]], layout: echo.Layout, outbox: Outbox, identifier: int
    ) -> None:
        before = kernel.now()
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
                if error.errno not in _REPORTED or tries == _TRIES:
                    attempts[done].end(
                        failures.from_sending(error.errno or 0, self._ip_family, attempts[done].target.source_address)
                    )
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
                has_left = sent.scheduled or not self._opened.stamped  # as far as can be told
                if has_left and sent.attempt.silence is Reason.TIMEOUT:
                    self._identifiers.count_lost(sent.attempt.target.address, now)

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
            asks_both = kernel.asking_for(kernel.BOTH_TRANSMIT_STAMPS) if self._opened.stamped else b""
            outbox = Outbox(
                self._opened.sock, numbers.name_bytes, echo.HEADER_BYTES + payload_bytes, control, control + asks_both
            )
            self._outboxes[payload_bytes, dscp] = outbox
            if self._inbox.room < payload_bytes + _HEADERS:
                self._open_inboxes(payload_bytes + _HEADERS)
        return outbox

    def _open_inboxes(self, room: int) -> None:
        self._inbox = Inbox(self._opened.sock, room, kernel.REPLY)
        self._reports = Inbox(self._opened.sock, room, self._numbers.report, socket.MSG_ERRQUEUE)

    # Receiving

    def receive(self, sock: socket.socket) -> None:
        """Take what has come by a socket, until there is nothing more."""
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
        """Take transmit stamps and ICMP errors from the error queue."""
        memory, sent_by, is_error, more = self._reports.memory, self._sent, self._numbers.error, True
        while more:
            batch = _received(self._reports)
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
        error, sequence = kernel.icmp_error(ancillary), echo.sequence_of(request)
        if error is None or error in _FORWARDED or sequence is None:
            return
        sent = self._sent.get(sequence)
        if sent and request.startswith(sent.request[4:8], 4) and memory.startswith(sent.host, name + self._host_at):
            sent.attempt.end(failures.from_icmp_error(error, kernel.icmp_sender(ancillary)))

    def _replied(self, ancillary: tuple[Any, ...], name: int, start: int, end: int, after: kernel.Moment) -> None:
        memory = self._inbox.memory
        if self._with_ip_header:
            start += (memory[start] & 0x0F) * 4
        sequence = memory[end - 2] << 8 | memory[end - 1]
        sent = self._sent.get(sequence)
        if sent is None:
            self._replied_again(sequence, name, start, end)
            return
        attempt = sent.attempt
        if not (
            memory.startswith(sent.host, name + self._host_at) and self._judge.answers(memory, start, end, sent.request)
        ):
            self._replied_badly(name, start, end, sent)
            return
        del self._sent[sequence]
        self._answered.add(sequence, attempt.target, sent.token)
        if self._lost:
            self._lost.pop(attempt.target.address, None)
        if attempt.over:
            self._context.notice(LateReply(attempt.target))
            return
        _, first, seconds, nanoseconds, _, second, value = ancillary
        if second == self._numbers.hop_limit:
            attempt.hop_limit = value
        stamp = seconds * kernel.SECOND + nanoseconds if first == kernel.STAMP else 0
        attempt.end(reply(sent, stamp or None, after))

    def _replied_again(self, sequence: int, name: int, start: int, end: int) -> None:
        target = self._answered.get(sequence, self._inbox.memory[end - echo.TOKEN_BYTES : end])
        if target:
            self._context.notice(DuplicateReply(target))
        else:
            self._replied_badly(name, start, end)

    def _replied_badly(self, name: int, start: int, end: int, by_token: Sent | None = None) -> None:
        """Find whose a reply is that is none: by its header if it was cut, longer or altered, else by its token."""
        memory = self._inbox.memory
        sent = self._sent.get(memory[start + 6] << 8 | memory[start + 7])
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
        for sent in self._sent.values():
            sent.attempt.silence = Reason.LOCAL

    def _least_flood(self) -> int:
        """Return how many packets a drain brings at least if the buffer was full: it holds them with their overhead."""
        buffer = self._opened.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return buffer // (4 * (self._inbox.room + _OVERHEAD))


def _received(inbox: Inbox) -> list[tuple[tuple[Any, ...], int, int, int, int]]:
    """Take a batch; again where an ICMP error is announced instead, which the error queue has in full.

    Reading that queue too is told of one before Linux 5 (sock_error() in __sys_recvmmsg(), net/socket.c).
    """
    tries = 0
    while True:
        try:
            return inbox.receive()
        except OSError:
            tries += 1
            if tries == _TRIES:
                raise
