"""The command line: which command is run, ``run`` itself, and the exit code of what went wrong."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence

from exporter import logs
from exporter.app import App
from exporter.commands import (
    check,
    dashboards,
    default_fleet,
    doctor,
    example,
    healthcheck,
    parsers,
    probe_now,
    scrape_configs,
)
from exporter.commands.terminal import BAD_CONFIGURATION, FAULT, FINE, INTERRUPTED, complain
from exporter.configuration import Configuration, Options, configuration
from exporter.fleet import BadFile
from exporter.scrape_configs import CannotWrite
from exporter.web import listen
from exporter.wording import did_you_mean

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words.pop(0) if words and not words[0].startswith("-") else "run"
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS, f"there are {', '.join(COMMANDS)}")
        return complain(f"latency-exporter: unknown command {name!r}; {hint}", BAD_CONFIGURATION)
    make_parser, command = COMMANDS[name]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on an interrupt may have to clean up
    try:
        return command(make_parser().parse_args(words))
    except BadFile as bad:
        return complain("\n".join(map(str, bad.problems)), BAD_CONFIGURATION)
    except (listen.CannotListen, CannotWrite) as error:
        return complain(f"latency-exporter: {error}", FAULT)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(flags: argparse.Namespace) -> int:
    logs.configure(flags.log_level, flags.log_format)
    default_fleet.choose(flags, _log.info)
    options = Options(
        flags.config_file,
        flags.host,
        flags.telemetry_path,
        flags.enable_lifecycle,
        flags.web_config_file,
        flags.disable_fleet,
        flags.auto_reload,
    )
    first = configuration(options)
    for warning in (*check.warnings(first.fleet, first.pairs), *first.web.warnings):
        _log.warning("%s", warning)
    sockets = listen.open_sockets(flags.listen or [listen.parse(listen.DEFAULT)])

    async def serve(options: Options, first: Configuration) -> None:
        await App(options, first).run(sockets)

    asyncio.run(serve(options, first))
    return FINE


COMMANDS: dict[str, tuple[Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace], int]]] = {
    "run": (parsers.run_parser, _run),
    "check": (parsers.check_parser, check.run),
    "probe": (parsers.probe_parser, probe_now.run),
    "scrape-configs": (parsers.scrape_configs_parser, scrape_configs.run),
    "dashboards": (parsers.dashboards_parser, dashboards.run),
    "doctor": (parsers.doctor_parser, doctor.run),
    "example": (parsers.example_parser, example.run),
    "healthcheck": (parsers.healthcheck_parser, healthcheck.run),
}
"""Name -> its flags, and what it does with them; that returns the exit code."""
