"""Sends the echo requests of one family, in batches, through one socket, or another one where a target is silent.

This path runs thousands of times a second; what it does once per batch it need not do per probe.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterable, Sequence

from collectors import ancillary, failures, kernel
from collectors.contract import Attempt, Context, ProbeFailed
from collectors.icmp import echo
from collectors.icmp.batch import BATCH, Outbox, name_of
from collectors.icmp.echo_socket import FAMILIES, EchoSocket
from collectors.icmp.identifiers import Identifiers
from collectors.icmp.receiver import TRIES, Receiver
from collectors.icmp.requests import SentRequest, SentRequests
from collectors.icmp.target import IcmpTarget
from collectors.terms import Reason

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
_DSCP_SHIFT = 2
_SECRET = struct.Struct(f"{echo.RANDOM_BYTES}s")
_MANY_NAMES = 1 << 16


class Pinger:
    """Sends through one family's sockets; its receiver reads them."""

    def __init__(self, opened: EchoSocket, context: Context) -> None:
        self._opened, self._context = opened, context
        self._ip_family, self._numbers = opened.ip_family, FAMILIES[opened.ip_family]
        self._loop = asyncio.get_running_loop()
        self._requests = SentRequests()
        self._identifiers = Identifiers(opened)
        self._receiver = Receiver(opened, self._requests, self._identifiers.lost, context)
        self._outboxes: dict[tuple[int, int], Outbox] = {}
        """By payload size and traffic class."""
        self._names: dict[str, tuple[bytes, bytes]] = {}

    def close(self) -> None:
        self._receiver.close()
        for sock in {opened.sock for opened in self._identifiers.sockets}:
            sock.close()

    def send(self, attempts: Sequence[Attempt[IcmpTarget]], payload_bytes: int, dscp: int) -> None:
        """Send an echo request of this size and class for each, and read what has come of it by then.

        An attempt whose request cannot be sent has ended.
        """
        self._sweep()
        layout, outbox = echo.layout(self._ip_family, payload_bytes), self._outbox(payload_bytes, dscp)
        for opened, asked in self._by_socket(attempts):
            outbox.descriptor = opened.sock.fileno()
            for start in range(0, len(asked), BATCH):
                self._send_batch(asked[start : start + BATCH], layout, outbox, opened.identifier)
                self._receiver.receive(opened.sock)  # answers and stamps share the buffer with those to come

    def _by_socket(
        self, attempts: Sequence[Attempt[IcmpTarget]]
    ) -> Iterable[tuple[EchoSocket, Sequence[Attempt[IcmpTarget]]]]:
        """Return the attempts by the socket they are sent through: a single one, as long as no target is silent."""
        if not self._identifiers.moved:
            return [(self._opened, attempts)]
        by_socket: dict[EchoSocket, list[Attempt[IcmpTarget]]] = {}
        for attempt in attempts:
            by_socket.setdefault(self._identifiers.of(attempt.target.address), []).append(attempt)
        for opened in by_socket:
            self._receiver.read_from(opened)
        return by_socket.items()

    def _send_batch(
        self, attempts: Sequence[Attempt[IcmpTarget]], layout: echo.RequestLayout, outbox: Outbox, identifier: int
    ) -> None:
        before = kernel.now()
        random = os.urandom(echo.RANDOM_BYTES * len(attempts))
        packets, names, started = [], [], []
        for attempt, (secret,) in zip(attempts, _SECRET.iter_unpack(random), strict=True):
            try:
                name, host = self._name(attempt)
                sequence = self._requests.next_sequence()
            except ProbeFailed as failed:
                attempt.end(failed)
                continue
            except OSError as error:  # an interface that a scope names and that is gone
                attempt.end(failures.from_os_error(error))
                continue
            token = echo.token(secret, sequence)
            packet = layout.request(identifier, token)
            self._requests.unanswered[sequence] = SentRequest(attempt, token, packet, host, before)
            packets.append(packet)
            names.append(name)
            started.append(attempt)
        self._transmit(outbox, packets, names, started)

    def _transmit(
        self, outbox: Outbox, packets: Sequence[bytes], names: Sequence[bytes], attempts: Sequence[Attempt[IcmpTarget]]
    ) -> None:
        """Send them all; again where it failed, since a call reports also an ICMP error about another target."""
        done = tries = 0
        while done < len(packets):
            try:
                done += outbox.send(packets, names, done)
                tries = 0
            except OSError as error:
                tries += 1
                if error.errno not in _REPORTED or tries == TRIES:
                    attempts[done].end(
                        failures.from_sending(error.errno or 0, self._ip_family, attempts[done].target.source_address)
                    )
                    done += 1
                    tries = 0

    def _sweep(self) -> None:
        """Forget old requests, and count those that left and that their target owes a reply to."""
        now = self._loop.time()
        for sent in self._requests.sweep(now):
            has_left = sent.scheduled or not self._opened.stamped  # without stamps that is not known
            if has_left and sent.attempt.silence is Reason.TIMEOUT:
                self._identifiers.count_lost(sent.attempt.target.address, now)

    def _name(self, attempt: Attempt[IcmpTarget]) -> tuple[bytes, bytes]:
        """Return the target's address as the kernel takes it, and its bytes alone."""
        written = attempt.target.address
        address = self._context.address(written, self._ip_family)
        if address != written:
            attempt.address = address
        name = self._names.get(address)
        if name is None:
            numeric, _, scope = address.partition("%")
            packed = name_of(self._ip_family.address_family, numeric, socket.if_nametoindex(scope) if scope else 0)
            name = packed, socket.inet_pton(self._ip_family.address_family, numeric)
            if len(self._names) >= _MANY_NAMES:
                self._names.clear()
            self._names[address] = name
        return name

    def _outbox(self, payload_bytes: int, dscp: int) -> Outbox:
        """Return the outbox of a size and a class; the class is ancillary data, because all share the socket."""
        outbox = self._outboxes.get((payload_bytes, dscp))
        if outbox is None:
            numbers, control = self._numbers, b""
            if dscp:
                traffic_class = struct.pack("@i", dscp << _DSCP_SHIFT)
                control = ancillary.packed(numbers.level, numbers.traffic_class, traffic_class)
            asks_both = kernel.asking_for(kernel.BOTH_TRANSMIT_STAMPS) if self._opened.stamped else b""
            outbox = Outbox(
                self._opened.sock, numbers.name_bytes, echo.HEADER_BYTES + payload_bytes, control, control + asks_both
            )
            self._outboxes[payload_bytes, dscp] = outbox
            self._receiver.make_room(payload_bytes)
        return outbox
