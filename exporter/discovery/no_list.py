"""A list that cannot be had."""

from __future__ import annotations


class NoList(Exception):  # noqa: N818 - it says what there is not
    """A list of hosts cannot be had or used; the text says why, and what to do."""
