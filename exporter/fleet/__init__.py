"""The fleet file: who the peers are and what is measured; all its checks and all its messages.

    path -> load() -> Fleet -> who_am_i() -> Host -> pairs() -> the pairs of this host

Whatever is wrong with the file, with the choice of the host or with a password that a pair needs is in one
BadFile, a Problem for each line.
"""

from exporter.config_files.problems import BadFile, Problem
from exporter.fleet.fleet import Fleet
from exporter.fleet.identity import ensure_exporter, who_am_i
from exporter.fleet.loading import load
from exporter.fleet.mesh import STRANGER
from exporter.fleet.pairs import LOGIN, QUERY, Pair, pairs, parts, survey
from exporter.fleet.probes.http import HOST_HEADER, PING_PATH, host_header
from exporter.fleet.schema import PROTOCOLS, Host

__all__ = [
    "HOST_HEADER",
    "LOGIN",
    "PING_PATH",
    "PROTOCOLS",
    "QUERY",
    "STRANGER",
    "BadFile",
    "Fleet",
    "Host",
    "Pair",
    "Problem",
    "ensure_exporter",
    "host_header",
    "load",
    "pairs",
    "parts",
    "survey",
    "who_am_i",
]
