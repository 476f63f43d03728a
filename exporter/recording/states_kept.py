"""Logs when what is counted of an n8n can't be kept in its file, and when it can again; once for each change."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)


class StatesKept:
    """Logs when the counts of an n8n cannot be kept, and when they can be again."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}

    def read(self, n8n: str, problem: str) -> None:
        """Accept what the latest read says of the file; empty: all is well."""
        before = self._problems.get(n8n, "")
        if problem == before:
            return
        self._problems[n8n] = problem
        if problem:
            _log.warning("the counts of %s would not survive a restart: %s", n8n, problem)
        else:
            _log.info("the counts of %s are kept again", n8n)
