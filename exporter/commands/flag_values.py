"""The values of flags: what each may be, and the message for what it may not."""

from __future__ import annotations

import argparse
import re

from pydantic import TypeAdapter, ValidationError

from collectors.terms import Seconds
from exporter.commands import examples
from exporter.config_files.values import Duration
from exporter.web import ROUTES, listen
from exporter.wording import did_you_mean


def listen_address(text: str) -> tuple[str, int]:
    """Read ``[HOST]:PORT``."""
    try:
        return listen.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def example(text: str) -> str:
    """Read the name of an example."""
    if text not in examples.NAMES:
        hint = did_you_mean(text, examples.NAMES, f"there are {', '.join(examples.NAMES)}")
        raise argparse.ArgumentTypeError(f"no example is called {text!r}; {hint}")
    return text


def duration(text: str) -> Seconds:
    """Read a duration as the fleet file has it."""
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None


_URL = r"https?://[^\s/?#%{}\"\\<>]+(/[A-Za-z0-9/._~-]*)?"


def url(text: str) -> str:
    """Read the URL of an exporter, without a slash at its end."""
    if not re.fullmatch(_URL, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no URL such as http://wf001:9102")
    return text.rstrip("/")


def exporter_url(text: str) -> str:
    """Read the URL of every exporter, in which ``{source}`` is the name of its host."""
    if not re.fullmatch(_URL, text.replace("{source}", "source")):
        raise argparse.ArgumentTypeError(f"{text!r} is no URL such as http://{{source}}:9102")
    return text.rstrip("/")


def path(text: str) -> str:
    """Read a path that this program does not serve otherwise."""
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is no path; it has to begin with /")
    if not re.fullmatch("[A-Za-z0-9/._~-]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no path; it may hold letters, digits and any of /._~-")
    if text != "/" and text in ROUTES:
        raise argparse.ArgumentTypeError(f"{text!r} is what this program answers otherwise; choose another path")
    return text
