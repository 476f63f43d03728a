"""A name server for tests: it answers what it is told to, by UDP and, beyond 512 bytes, by TCP (RFC 1035)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Sequence

A, PTR, AAAA = 1, 12, 28
SERVFAIL, NXDOMAIN = 2, 3
TRUNCATED = 0x0200
_LONGEST_DATAGRAM = 512


class NameServer(asyncio.DatagramProtocol):
    """Answers from ``names``; whom it does not hold does not exist, and None is met with silence.

    ``reverse`` are the names of addresses. ``careless`` are names whose every address is the answer, whichever family
    is asked for. Of ``failing`` names it says that it cannot tell.
    """

    def __init__(self) -> None:
        self.names: dict[str, Sequence[str] | None] = {}
        self.reverse: dict[str, str] = {}
        self.careless: set[str] = set()
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self.by_tcp = 0
        """Questions that came by TCP."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as it is made here
        self._transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if (answer := self._answer(data)) is not None:
            self._transport.sendto(answer if len(answer) <= _LONGEST_DATAGRAM else self._truncated(answer), address)

    async def answer_by_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question, and close the connection."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            self.by_tcp += 1
            if (answer := self._answer(await reader.readexactly(length))) is not None:
                writer.write(struct.pack("!H", len(answer)) + answer)
        writer.close()

    @staticmethod
    def _truncated(answer: bytes) -> bytes:
        flags, questions = struct.unpack_from("!HH", answer, 2)
        return answer[:2] + struct.pack("!HHHHH", flags | TRUNCATED, questions, 0, 0, 0) + answer[12 : _end(answer)]

    def _answer(self, data: bytes) -> bytes | None:
        """Return the answer to a question; None is silence."""
        end = _end(data)
        name, (kind,) = self._name(data[12 : end - 5]), struct.unpack_from("!H", data, end - 4)
        self.asked.append(name)
        found = self._found(name)
        if found is None:
            return None
        records = [(self._kind(one), self._written(one)) for one in found]
        if name not in self.careless:
            records = [record for record in records if record[0] == kind]
        flags = 0x8180 | (SERVFAIL if name in self.failing else 0 if found or name in self.names else NXDOMAIN)
        head = data[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + data[12:end]
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", of, 1, 60, len(one)) + one for of, one in records)
        return head + body

    def _found(self, name: str) -> Sequence[str] | None:
        known = {ipaddress.ip_address(address).reverse_pointer: (of,) for address, of in self.reverse.items()}
        return known.get(name) or self.names.get(name, ())

    @staticmethod
    def _kind(record: str) -> int:
        return AAAA if ":" in record else A if record[:1].isdigit() else PTR

    def _written(self, record: str) -> bytes:
        kind = self._kind(record)
        if kind == PTR:
            return b"".join(bytes([len(label)]) + label.encode() for label in record.split(".")) + b"\0"
        return socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, record)

    @staticmethod
    def _name(data: bytes) -> str:
        labels = []
        while data:
            labels.append(data[1 : 1 + data[0]].decode().lower())
            data = data[1 + data[0] :]
        return ".".join(labels)


def _end(data: bytes) -> int:
    """Return where the question of a message ends."""
    return data.index(0, 12) + 5


@contextlib.asynccontextmanager
async def name_server(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[NameServer]:
    """Run one; port 0 is a free one."""
    udp, tcp = bound_by_both(host, port)
    with tcp:
        async with name_server_on(udp) as server, await asyncio.start_server(server.answer_by_tcp, sock=tcp):
            yield server


def bound_by_both(host: str, port: int = 0) -> tuple[socket.socket, socket.socket]:
    """Bind sockets of UDP and TCP to one port; port 0 is one that is free in both: it may be taken in one alone."""
    while True:
        udp = socket.socket(type=socket.SOCK_DGRAM)
        try:
            udp.bind((host, port))
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()
            if port:
                raise


@contextlib.asynccontextmanager
async def name_server_on(bound: socket.socket) -> AsyncIterator[NameServer]:
    """Run one with a socket that may be bound in another namespace, by UDP alone."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, sock=bound)
    try:
        yield server
    finally:
        transport.close()
