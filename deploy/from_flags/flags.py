"""The commands and their flags, as the program's own parsers know them."""

from __future__ import annotations

import argparse
import dataclasses

from exporter import cli
from exporter.commands import examples


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag of one command."""

    name: str
    value: str
    """What stands for its value in a usage line, such as ``FILE``; empty where it has none."""
    choices: tuple[str, ...]
    text: str


@dataclasses.dataclass(frozen=True)
class Command:
    """A command with its flags."""

    name: str
    text: str
    argument: str
    """What stands for its argument, such as ``TARGET``; empty where it has none."""
    words: tuple[str, ...]
    """What the argument can be, where that is a closed set."""
    flags: tuple[Flag, ...]


def commands() -> tuple[Command, ...]:
    """Return all commands, in the order of the program."""
    return tuple(_command(name, make_parser()) for name, (make_parser, _) in cli.COMMANDS.items())


def _command(name: str, parser: argparse.ArgumentParser) -> Command:
    actions = parser._actions  # noqa: SLF001 - argparse has no other list of what it was given
    argument = next((str(action.metavar) for action in actions if not action.option_strings), "")
    flags = tuple(_flag(action) for action in actions if action.option_strings)
    words = examples.NAMES if argument == "NAME" else ()
    return Command(name, parser.description or "", argument, words, flags)


def _flag(action: argparse.Action) -> Flag:
    choices = tuple(map(str, action.choices or ()))
    value = "" if action.nargs == 0 else str(action.metavar or "|".join(choices))
    text = (action.help or "") % {"default": action.default}
    return Flag(action.option_strings[-1], value, choices, text)


def is_path(value: str) -> bool:
    """Return whether a shell completes this value by the names of files."""
    return value in {"FILE", "DIR"}
