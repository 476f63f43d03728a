"""What is to be run on this host: the command line's options, and the files that they name."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
from pathlib import Path

from exporter.discovery import Run, known_or_asked
from exporter.fleet import (
    BadFile,
    Fleet,
    FoundHost,
    Host,
    HostsFrom,
    HttpSd,
    NotListed,
    Pair,
    Problem,
    ensure_exporter,
    fleet_of,
    list_server,
    pairs_of,
    pinging,
    read_fleet_file,
    standing_by,
    who_am_i,
)
from exporter.probing import collectors
from exporter.recording import metrics
from exporter.web.config import WebConfig
from exporter.web.config import load as load_web_config


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of a run."""

    config_file: Path
    host: str | None
    telemetry_path: str
    enable_lifecycle: bool
    web_config_file: Path | None
    disable_fleet: bool = False
    auto_reload: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """A fleet file without faults, and what it means for this host."""

    fleet: Fleet
    host: Host
    pairs: tuple[Pair, ...]
    web: WebConfig
    """How the web side is protected."""
    unlisted: str = ""
    """Why it is not known which host this is; that may be found yet, and until then nothing is probed."""


def identified(fleet: Fleet, host: str | None) -> Host:
    """Return the host of a fleet that this is; raises NotListed."""
    collectors.ensure_complete()
    environ = os.environ  # noqa: TID251 - together with the flag it says which host this is
    return who_am_i(fleet, flag=host, environ=environ, hostname=socket.gethostname())


def unlisted_host(host: str | None) -> Host:
    """Return the host that this is called while it is none of the fleet's."""
    environ = os.environ  # noqa: TID251 - as for `identified`
    return standing_by(flag=host, environ=environ, hostname=socket.gethostname())


def lacking_for_lists(fleet: Fleet) -> list[Problem]:
    """Return what cannot be had here of the secrets and certificates that it takes to ask for the lists."""
    entries = [entry for entry in fleet.hosts_from if isinstance(entry.mechanism, HttpSd)]
    return [problem for entry in entries for problem in list_server(fleet.file, entry)[1]]


def configuration(options: Options, before: Configuration | None = None, run: Run = asyncio.run) -> Configuration:
    """Read what is to be run here; raises BadFile, also for a password that is missing.

    At the start no list of hosts is asked for; at a reload, after ``before``, those that are new, by ``run``.
    """
    file = read_fleet_file(options.config_file)
    fleet = fleet_of(file, {} if before is None else known_or_asked(file, before.fleet, run))
    if lacking := lacking_for_lists(fleet):
        raise BadFile(lacking)
    web_config = load_web_config(options.web_config_file) if options.web_config_file else WebConfig()
    return _seen_from_here(options, fleet, web_config, before)


def with_list(options: Options, before: Configuration, entry: HostsFrom, hosts: tuple[FoundHost, ...]) -> Configuration:
    """Return a configuration with another list of hosts; raises BadFile."""
    fleet = fleet_of(before.fleet.file, {**before.fleet.lists, entry: hosts})
    return _seen_from_here(options, fleet, before.web, before)


def _seen_from_here(
    options: Options, fleet: Fleet, web_config: WebConfig, before: Configuration | None
) -> Configuration:
    try:
        host = identified(fleet, options.host)
    except NotListed as unlisted:
        if not fleet.hosts_from or (before is not None and not before.unlisted):
            raise  # a host that was one of the fleet does not leave it by an answer that lacks it
        return Configuration(fleet, unlisted_host(options.host), (), web_config, str(unlisted))
    ensure_exporter(fleet, host)
    own_pairs = pairs_of(fleet, host)
    metrics.ensure_recorded(fleet, own_pairs)
    pinging(fleet, host)  # of a large sample it takes milliseconds, which it remembers: not later, on the loop
    return Configuration(fleet, host, own_pairs, web_config)
