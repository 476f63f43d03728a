"""``latency-exporter example``: print a file that comes with the program, or write it into a folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from exporter.commands import default_fleet, examples, shipped
from exporter.commands.alert_links import with_links
from exporter.commands.terminal import print_data
from exporter.fleet import load


def run(flags: argparse.Namespace) -> int:
    """Print an example, or write its files; raises CannotWrite, and BadFile where it depends on the fleet file."""
    texts = _rules(flags) if flags.name == "rules" else examples.files(flags.name)
    if flags.output_dir is None:
        return print_data(examples.text(flags.name, texts))
    return shipped.save(texts, flags.output_dir, force=flags.force)


def _rules(flags: argparse.Namespace) -> Mapping[str, str]:
    default_fleet.choose(flags, lambda _: None)
    fleet = load(flags.config_file)
    return {name: with_links(text, fleet) for name, text in examples.files("rules").items()}
