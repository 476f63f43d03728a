"""A name server on loopback, for tests: it answers what it is told to (RFC 1035)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Sequence

A, PTR, AAAA, NXDOMAIN = 1, 12, 28, 3


class NameServer(asyncio.DatagramProtocol):
    """Answers from ``names``; whom it does not hold does not exist, and None is met with silence.

    ``reverse`` are the names of addresses. ``careless`` are names whose every address is the answer, whichever family
    is asked for.
    """

    def __init__(self) -> None:
        self.names: dict[str, Sequence[str] | None] = {}
        self.reverse: dict[str, str] = {}
        self.careless: set[str] = set()
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as it is made here
        self._transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        end = data.index(0, 12) + 5
        name, (kind,) = self._name(data[12 : end - 5]), struct.unpack_from("!H", data, end - 4)
        self.asked.append(name)
        found = self._found(name)
        if found is None:
            return
        records = [(self._kind(one), self._written(one)) for one in found]
        if name not in self.careless:
            records = [record for record in records if record[0] == kind]
        flags = 0x8180 | (0 if found or name in self.names else NXDOMAIN)
        head = data[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + data[12:end]
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", of, 1, 60, len(one)) + one for of, one in records)
        self._transport.sendto(head + body, address)

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


@contextlib.asynccontextmanager
async def name_server(bound: socket.socket | None = None) -> AsyncIterator[NameServer]:
    """Run one, with a socket that is bound elsewhere, such as in another namespace, or with one on loopback."""
    where = {"sock": bound} if bound else {"local_addr": ("127.0.0.1", 0)}
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, **where)
    try:
        yield server
    finally:
        transport.close()
