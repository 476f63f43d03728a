"""A list that cannot be had."""

from __future__ import annotations


class NoList(Exception):
    """A list of hosts cannot be had or used; the text says why, and what to do."""
