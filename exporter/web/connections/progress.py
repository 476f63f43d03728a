"""The deadline of an answer on its way: its client has to take some of it in every period."""

from __future__ import annotations

import asyncio

from exporter.web.connections.limits import Limits


class AnswerProgress:
    """Cuts a connection whose client takes too little of what waits to be sent."""

    def __init__(self, transport: asyncio.Transport, limits: Limits) -> None:
        self._transport, self._limits = transport, limits
        self._unsent = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_watched(self) -> bool:
        """Whether something still waits to be taken by the client."""
        return self._timer is not None

    def watch(self) -> None:
        """Begin with the first byte that was not taken."""
        self._unsent = self._transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(self._limits.send, self._check)

    def stop(self) -> None:
        """End with the last byte that was taken, or with the connection."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        """Cut a client that has taken too little, also while the connection is being closed."""
        if self._unsent - self._transport.get_write_buffer_size() < self._limits.send_bytes:
            self._transport.abort()
        else:
            self.watch()
