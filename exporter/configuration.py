"""What is to be run on this host: the command line's options, and the files that they name."""

from __future__ import annotations

import dataclasses
import os
import socket
from pathlib import Path

from exporter.fleet import Fleet, Host, Pair, ensure_exporter, load, pairs_of, pinging, who_am_i
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


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """A fleet file without faults, and what it means for this host."""

    fleet: Fleet
    host: Host
    pairs: tuple[Pair, ...]
    web: WebConfig
    """How the web side is protected."""


def identified(config_file: Path, host: str | None) -> tuple[Fleet, Host]:
    """Read the fleet file and return it with the host that this is; raises BadFile."""
    collectors.ensure_complete()
    fleet = load(config_file)
    environ = os.environ  # noqa: TID251 - together with the flag it says which host this is
    return fleet, who_am_i(fleet, flag=host, environ=environ, hostname=socket.gethostname())


def configuration(options: Options) -> Configuration:
    """Read what is to be run here; raises BadFile, also for a password that is missing."""
    fleet, host = identified(options.config_file, options.host)
    ensure_exporter(fleet, host)
    web_config = load_web_config(options.web_config_file) if options.web_config_file else WebConfig()
    own_pairs = pairs_of(fleet, host)
    metrics.ensure_recorded(fleet, own_pairs)
    pinging(fleet, host)  # of a large sample it takes milliseconds, which it remembers: not later, on the loop
    return Configuration(fleet, host, own_pairs, web_config)
