"""MySQL's packets in a dialogue: numbered from 0 within each exchange, by both sides in turn."""

from __future__ import annotations

import struct

from collectors import kernel
from collectors.sql.dialogue import Dialogue, bounded

_HEAD = struct.Struct("<I")
"""A length of three bytes, and the number."""


class Packets:
    """Sends and receives whole packets."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._number = 0
        """Of the next packet, whoever sends it."""
        self._awaits = True
        """It is the server's turn, which speaks first."""

    def begin(self) -> None:
        """Begin an exchange: a query, or a last word."""
        self._number = 0

    async def greeting(self, connected: kernel.Moment) -> bytes:
        """Receive a server's first packet; it could speak since ``connected``."""
        (head,) = _HEAD.unpack(await self._dialogue.greeting(_HEAD.size, connected))
        packet = await self._dialogue.exactly(bounded(_length(head)))
        self._dialogue.discard()
        self._number, self._awaits = 1, False
        return packet

    async def send(self, payload: bytes) -> None:
        """Send one packet."""
        await self._dialogue.send(self._framed(payload))

    def send_at_once(self, payload: bytes) -> None:
        """Send one without waiting: the answer to the server's latest packet, or to one that is still to come."""
        self._number += self._awaits
        self._dialogue.channel.send_at_once(self._framed(payload))

    def last_word(self, payload: bytes) -> None:
        """Send one without waiting, and expect no answer."""
        self.begin()
        self._dialogue.channel.send_at_once(self._framed(payload))

    async def receive(self) -> bytes:
        """Receive one packet."""
        (head,), payload = await self._dialogue.message(_HEAD, _length)
        self._number, self._awaits = ((head >> 24) + 1) % 256, False
        return payload

    def _framed(self, payload: bytes) -> bytes:
        framed = _HEAD.pack(len(payload) | self._number << 24) + payload
        self._number, self._awaits = (self._number + 1) % 256, True
        return framed


def _length(head: int) -> int:
    return head & 0xFFFFFF
