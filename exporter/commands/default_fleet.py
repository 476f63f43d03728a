"""Which commands fall back to the default fleet: ``run``, ``check`` and ``probe``, which are about this machine.

The others write or judge a whole fleet.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from exporter.commands import examples, parsers, terminal


def choose(flags: argparse.Namespace, say: Callable[[str], None] = terminal.tell) -> None:
    """Use the default fleet where no fleet file is named and none is at the default path, and say so."""
    if flags.config_file is parsers.DEFAULT_FLEET and not examples.is_there(flags.config_file):
        say(f"there is no {flags.config_file} here: this is the default fleet, {examples.DEFAULT_FLEET}")
        flags.config_file = examples.DEFAULT_FLEET
