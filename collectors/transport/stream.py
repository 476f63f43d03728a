"""A connected TCP socket whose every send and receipt bears the kernel's stamp.

How the kernel stamps a stream (net/ipv4/tcp.c, tcp_input.c), which bounds what can be known:

- a send's last byte is stamped when it is handed to the queueing discipline (SCHED), and again if it is
  sent again: the first stamp counts;
- recvmsg() gives the stamp of the last segment that it read from, so reading one byte gives the first's;
- segments that lie unread in the receive queue may be merged, and then bear the latest one's stamp
  (tcp_try_coalesce). So where we read late *and* the answer came in several segments apart, its
  first byte may seem to have come when a later one did; never later than its last, and never
  after we read it. The stamp of an answer of one segment is always true.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import NamedTuple, Protocol, Self

from collectors import failures, kernel
from collectors.contract import Facts, ProbeFailed
from collectors.terms import Clock, Reason, Seconds
from collectors.transport import connection, tcp_info

_ANCILLARY_ROOM = socket.CMSG_SPACE(3 * 16)
"""For struct scm_timestamping: three timespecs."""
READ_AT_ONCE = 4096
"""Bytes: what they cost to understand is what one turn of the loop may take."""


class Receipt(NamedTuple):
    """Some bytes, when the kernel had them, and when we did; no bytes: the peer has closed."""

    data: bytes
    stamp: int | None
    moment: kernel.Moment


class Channel(Protocol):
    """Plain (``Stream``) or encrypted (``Tls``)."""

    async def send(self, data: bytes) -> None: ...
    def send_at_once(self, data: bytes) -> None: ...
    async def first(self) -> tuple[Receipt, Receipt]: ...
    async def more(self) -> Receipt: ...


class Stream:
    """Sends and receives, remembers when, and returns the times between; after its first wait the loop reads for it."""

    def __init__(self, sock: socket.socket, room: int, facts: Facts) -> None:
        """Accept ``room`` bytes from the peer in all, whatever they are: more is ProbeFailed(PROTOCOL)."""
        self._facts = facts
        self.clock = Clock.KERNEL
        self.round_trips = 0
        """How often something was sent and an answer waited for."""
        self._awaits_answer = False
        self._sock, self._descriptor, self._room = sock, sock.fileno(), room
        self._loop = asyncio.get_running_loop()
        self._listening = False
        self._wanted = 0
        self._waiter: asyncio.Future[Receipt] | None = None
        self._sent = 0
        self._sending = kernel.now()
        """Just before the latest send."""
        self._scheduled: dict[int, int] = {}
        over_network = sock.family != socket.AF_UNIX
        if over_network:
            kernel.report_icmp(sock, wanted=False)
        self._stamped = over_network and kernel.stamp_packets(sock, kernel.BY_OFFSET)
        self.resets = True
        """A reset follows the connection's end, so that neither side keeps anything of it. False: the peer still has to
        answer what was sent, which it cannot after a reset."""
        self._broken: OSError | None = None
        """Why nothing more can be sent; what the peer said before can still be read."""

    def __enter__(self) -> Self:
        return self

    def is_quiet(self) -> bool:
        """Return whether nothing has come that was not read: neither bytes, nor the connection's end."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def renew(self, room: int, facts: Facts) -> None:
        """Accept so many bytes from now on, for another probe."""
        self._room, self._facts = room, facts

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Close the connection, whatever happened; an error of the socket or of TLS becomes ProbeFailed."""
        self._stop_listening()
        if isinstance(error, asyncio.CancelledError):  # the deadline's
            self.note_gap()
        if self.resets:
            connection.close_quietly(self._sock)
        else:
            self._sock.close()
        if isinstance(error, OSError):
            raise failures.from_os_error(error) from error

    def note_gap(self) -> None:
        """Note which packets are missing as the deadline comes."""
        if self._stamped:
            self._facts.gap = tcp_info.gap(self._sock)

    def peer(self) -> str | None:
        """Return the address that is connected; None for a Unix socket."""
        return None if self._sock.family == socket.AF_UNIX else str(self._sock.getpeername()[0])

    async def send(self, data: bytes) -> None:
        """Send all of it, as a rule at once: what is measured from now on begins with its last byte."""
        self._sending, self._awaits_answer = kernel.now(), True
        self._scheduled.clear()  # their times were taken: a kept connection sends for months
        while data:
            try:
                count = self._sock.send(data)
            except BlockingIOError:
                await self._writable()
            except ConnectionError as error:  # it may have answered before, without reading what we say
                self._broken = error
                return
            else:
                self._sent += count
                data = data[count:]
            self._read_transmit_stamps()

    def send_at_once(self, data: bytes) -> None:
        """Send what the kernel takes now, and forget the rest: nothing waits for its answer."""
        with contextlib.suppress(OSError):
            self._sock.send(data)

    def expect_greeting(self) -> None:
        """Count the first that comes as an answer: the peer speaks before anything is sent."""
        self._awaits_answer = True

    async def receive(self, room: int) -> Receipt:
        """Read once, after one turn of the loop: however fast a peer sends, others have theirs in between."""
        self._wanted = min(room, self._room + 1)
        self._waiter = self._loop.create_future()
        if not self._listening:
            self._listening = True
            self._loop.add_reader(self._descriptor, self._read)
        receipt = await self._waiter
        self.round_trips += self._awaits_answer
        self._awaits_answer = False
        self._room -= len(receipt.data)
        if self._room < 0:
            raise ProbeFailed(Reason.PROTOCOL, "far more bytes than an answer of the permitted size needs")
        return receipt

    async def exactly(self, count: int) -> Receipt:
        """Read so many bytes, fewer only at the end, stamped as the first of them."""
        first = receipt = await self.receive(count)
        data = first.data
        while receipt.data and len(data) < count:
            receipt = await self.receive(count - len(data))
            data += receipt.data
        return first._replace(data=data)

    async def first(self) -> tuple[Receipt, Receipt]:
        """Return when an answer began, and its first bytes: one byte alone, so that the stamp is its own."""
        receipt = await self.receive(1)
        return receipt, receipt

    async def more(self) -> Receipt:
        """Return further bytes; none: the peer has closed."""
        return await self.receive(READ_AT_ONCE)

    def since_send(self, receipt: Receipt) -> Seconds:
        """Return the time from the last byte of the latest send to a receipt."""
        if self._sent - 1 not in self._scheduled:
            self._read_transmit_stamps()
        stamp = self._scheduled.get(self._sent - 1)
        return self._between(stamp, receipt, since=self._sending, before=self._sending)

    def take_clock(self) -> Clock:
        """Return which clock has measured since the last time."""
        clock, self.clock = self.clock, Clock.KERNEL
        return clock

    def since(self, moment: kernel.Moment, receipt: Receipt) -> Seconds:
        """Return the time from a moment of ours, at which nothing was sent, to a receipt."""
        return self._between(round(moment.wall * kernel.SECOND), receipt, since=moment, before=moment)

    def between(self, first: Receipt, last: Receipt) -> Seconds:
        """Return the time from one receipt after the latest send to a later one."""
        return self._between(first.stamp, last, since=first.moment, before=self._sending)

    def _between(self, start: int | None, end: Receipt, *, since: kernel.Moment, before: kernel.Moment) -> Seconds:
        """Subtract by the kernel's clock where it can be believed; else by ours, from ``since``, and note that.

        ``before`` was taken before the stamp ``start``.
        """
        if start is not None and end.stamp is not None:
            measured = kernel.elapsed(start, end.stamp, before, end.moment)
            if measured is not None:
                return measured
        self.clock = Clock.USER
        return end.moment.monotonic - since.monotonic

    def _read_transmit_stamps(self) -> None:
        if not self._stamped:  # a Unix socket has no error queue, and would hand out data instead
            return
        for end, stamp in kernel.sent_stamps(self._sock):
            self._scheduled.setdefault(end, stamp)
            if end == self._sent - 1:  # nothing was sent after it
                break

    def _read(self) -> None:
        """Read for the task that waits; while none does, leave the loop alone, whatever the peer sends."""
        if self._waiter is None or self._waiter.done():
            self._stop_listening()
            return
        try:
            data, ancillary, _, _ = self._sock.recvmsg(self._wanted, _ANCILLARY_ROOM)
        except BlockingIOError:
            self._read_transmit_stamps()  # the loop was woken for them, or for nothing
        except OSError as error:
            self._waiter.set_exception(error)
        else:
            if not data and self._broken:
                self._waiter.set_exception(self._broken)
            else:
                self._waiter.set_result(Receipt(data, kernel.receive_stamp(ancillary), kernel.now()))

    def _stop_listening(self) -> None:
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._descriptor)

    async def _writable(self) -> None:
        """Wait until the kernel takes more: seldom, for requests are smaller than its buffer."""
        waiter = self._loop.create_future()
        self._loop.add_writer(self._descriptor, connection.wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._descriptor)
