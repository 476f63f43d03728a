"""``latency-exporter doctor``: print what the doctor says of the whole stack."""

from __future__ import annotations

import argparse
import os
import sys

from exporter import logs
from exporter.commands.terminal import FAULT, FINE, print_data
from exporter.discovery import with_hosts_from


def run(flags: argparse.Namespace) -> int:
    """Ask the servers of the section ``stack``, and print the report."""
    from exporter import doctor  # noqa: PLC0415 - `run` has no use for an HTTP client, and is measured by the MB

    logs.configure("error", "logfmt")
    environ = os.environ  # noqa: TID251 - passwords may lie in a folder that it names
    fleet, lacking = with_hosts_from(flags.config_file)
    report = doctor.examine(fleet, environ, flags.timeout, doctor.Progress(sys.stderr), lacking)
    printed = print_data(report.json() if flags.json else report.text())
    return printed or (FAULT if report.broken else FINE)
