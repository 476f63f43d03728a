"""Questions and answers among captured packets: the truth that measurements are held against.

All helpers take packets as seen at *one* host on *one* interface (``Capture`` of a link's device, or
``Link.seen_from``) and look at what that host asked: requests that went ``out``, answers that came
``in``. Times are seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.netlab.delaybox.packets import Packet
from tests.netlab.shell import Seconds

_Ends = tuple[str, str, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Something asked, and every answer that came to it (two are a duplicate, none is a loss)."""

    requests: tuple[Packet, ...]
    """More than one where TCP asked again: then no round trip is certain."""
    answers: tuple[Packet, ...]

    @property
    def round_trip(self) -> Seconds | None:
        """From the request to its first answer; None if there is none or it is not certain."""
        if not self.answers or len(self.requests) > 1:
            return None
        return self.answers[0].time - self.requests[0].time


def pair_echoes(packets: Iterable[Packet]) -> list[Exchange]:
    """Return every ICMP echo request with its replies, in the order they were sent."""
    asked: list[tuple[Packet, list[Packet]]] = []
    latest: dict[tuple[object, ...], list[Packet]] = {}
    for packet in packets:
        number = (packet.kind.split(" ")[0], packet.identifier, packet.sequence)
        if packet.kind.endswith("echo-request") and packet.direction == "out":
            answers = latest[(*number, packet.src, packet.dst)] = []
            asked.append((packet, answers))
        elif packet.kind.endswith("echo-reply") and packet.direction == "in":
            latest.get((*number, packet.dst, packet.src), []).append(packet)
    return [Exchange((request,), tuple(answers)) for request, answers in asked]


def pair_handshakes(packets: Iterable[Packet]) -> list[Exchange]:
    """Return every TCP connect that was tried: its SYNs, and the SYN/ACK or RST that answered."""
    begun: list[tuple[list[Packet], list[Packet]]] = []
    open_: dict[tuple[_Ends, int | None], tuple[list[Packet], list[Packet]]] = {}
    for packet in packets:
        if packet.kind == "tcp SYN" and packet.direction == "out":
            key = (_ends(packet), packet.tcp_sequence)
            if key not in open_:
                open_[key] = ([], [])
                begun.append(open_[key])
            open_[key][0].append(packet)
        elif packet.kind in ("tcp SYN+ACK", "tcp RST+ACK") and packet.direction == "in":
            before = None if packet.tcp_acknowledgement is None else (packet.tcp_acknowledgement - 1) % (1 << 32)
            open_.get((_turned(packet), before), ([], []))[1].append(packet)
    return [Exchange(tuple(syns), tuple(answers)) for syns, answers in begun]


def pair_requests(packets: Iterable[Packet], server_port: int) -> list[Exchange]:
    """Return every request over TCP to a port: its last packet out, and the first packet with data that came back.

    Retransmitted requests are told by their sequence number and make the round trip uncertain.
    """
    flows: dict[_Ends, list[Packet]] = defaultdict(list)
    for packet in packets:
        if packet.kind.startswith("tcp") and packet.payload_length:
            if packet.direction == "out" and packet.destination_port == server_port:
                flows[_ends(packet)].append(packet)
            elif packet.direction == "in" and packet.source_port == server_port:
                flows[_turned(packet)].append(packet)
    exchanges = [exchange for flow in flows.values() for exchange in _turns(flow)]
    return sorted(exchanges, key=lambda exchange: exchange.requests[0].time)


def round_trips(exchanges: Iterable[Exchange]) -> list[Seconds]:
    """Return the round trips of all exchanges that have a certain one."""
    return [trip for exchange in exchanges if (trip := exchange.round_trip) is not None]


def _turns(flow: Iterable[Packet]) -> list[Exchange]:
    """Cut a conversation at each change from asking to answering."""
    turns: list[Exchange] = []
    asking: list[Packet] = []
    for packet in flow:
        if packet.direction == "out":
            again = asking and asking[-1].tcp_sequence == packet.tcp_sequence
            asking = [*asking, packet] if again else [packet]
        elif asking:
            turns.append(Exchange(tuple(asking), (packet,)))
            asking = []
    return [*turns, Exchange(tuple(asking), ())] if asking else turns


def _ends(packet: Packet) -> _Ends:
    return packet.src, packet.dst, packet.source_port, packet.destination_port


def _turned(packet: Packet) -> _Ends:
    return packet.dst, packet.src, packet.destination_port, packet.source_port
