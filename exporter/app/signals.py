"""The signals of a running program: SIGTERM and SIGINT end it, SIGHUP makes it read its files again."""

from __future__ import annotations

import asyncio
import signal


class Signals:
    """The stop and reload requests that came as signals, from ``listen`` on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[signal.Signals] = self._loop.create_future()
        self.hangup = asyncio.Event()
        """Set by SIGHUP; its reader clears it."""

    def listen(self) -> None:
        """Install the handlers; a SIGHUP that came earlier, blocked by ``exporter.__main__``, is delivered now."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop, number)
        signal.signal(signal.SIGHUP, lambda *_: self._loop.call_soon_threadsafe(self.hangup.set))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    async def stopped(self) -> signal.Signals:
        """Wait for SIGTERM or SIGINT; return which came first."""
        return await self._stopped

    def _stop(self, number: signal.Signals) -> None:
        # To the end of the process, in all threads; so the loop has no handler, which it would put back to the default.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if not self._stopped.done():
            self._stopped.set_result(number)
