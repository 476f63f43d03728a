"""Reading the files again, on SIGHUP or for a request: files with faults change nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from exporter.configuration import Configuration
from exporter.fleet import BadFile, reload_summary
from exporter.web import Refused

_log = logging.getLogger(__name__)


class Reloads:
    """Reads configurations with ``read``, in a thread, and hands them to ``apply``, one at a time.

    ``current`` returns the configuration in force; ``failed`` is called with the reason of a reload that failed.
    """

    def __init__(
        self,
        read: Callable[[], Configuration],
        apply: Callable[[Configuration], Awaitable[None]],
        current: Callable[[], Configuration],
        failed: Callable[[str], None],
    ) -> None:
        self._read, self._apply, self._current, self._failed = read, apply, current, failed
        self._lock = asyncio.Lock()

    async def apply_first(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Let the first configuration take effect, once it is prepared; a reload that is asked for meanwhile waits."""
        async with self._lock:
            await prepare()
            await self._apply(self._current())

    async def on_each(self, hangup: asyncio.Event) -> None:
        """Reload on SIGHUP; on many at once, once more than the reload under way."""
        while await hangup.wait():
            hangup.clear()
            with contextlib.suppress(Refused):
                await self.reload_or_refuse()

    async def reload_or_refuse(self) -> str:
        """Reload and return what changed; where that fails, log why and raise Refused(500) with the same text."""
        try:
            return f"reloaded: {await self._reload()}\n"
        except BadFile as bad:
            for problem in bad.problems:
                _log.error("not reloaded: %s", problem)
            raise Refused(500, "\n".join(map(str, bad.problems))) from bad
        except Exception as bug:
            _log.exception("not reloaded, by a bug")
            raise Refused(500, f"not reloaded, by a bug: {type(bug).__name__}") from bug

    async def take(self, make: Callable[[], Configuration]) -> None:
        """Apply what ``make`` makes, in a thread, of the files as they were read; raises BadFile."""
        async with self._lock:
            before = self._current()
            await self._apply(await asyncio.to_thread(make))
            now = self._current()
            _log.info("other hosts: %s", reload_summary(before.fleet, now.fleet, before.pairs, now.pairs))

    async def _reload(self) -> str:
        async with self._lock:
            before = self._current()
            try:
                await self._apply(await asyncio.to_thread(self._read))
            except Exception as error:  # the program goes on with the configuration that it has
                problems = error.problems if isinstance(error, BadFile) else [f"a bug: {type(error).__name__}"]
                more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
                self._failed(f"{problems[0]}{more}")
                raise
            now = self._current()
            summary = reload_summary(before.fleet, now.fleet, before.pairs, now.pairs)
            _log.info("reloaded: %s", summary)
            return summary
