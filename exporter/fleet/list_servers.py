"""The server of an ``http_sd`` entry, and what it takes to ask it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from collectors.secret import Secret
from collectors.transport.trust import OwnCertificate
from exporter.config_files.problems import Problem
from exporter.fleet.access import NamedFiles
from exporter.fleet.checked_file import CheckedFile
from exporter.fleet.hosts_from import HostsFrom, HttpSd


class ListServer(NamedTuple):
    """A server that has a list of hosts."""

    url: str
    user: str | None
    password: Secret | None
    ca_file: str | None
    own_certificate: OwnCertificate | None


def list_server(
    file: CheckedFile,
    entry: HostsFrom,
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - it says which folders hold secrets
) -> tuple[ListServer, tuple[Problem, ...]]:
    """Return the server of an entry, and what this host lacks to ask it; passwords are read each time."""
    http = entry.mechanism
    assert isinstance(http, HttpSd)  # noqa: S101 - nothing else has a server
    loc, files = ("hosts_from", file.sections.hosts_from.index(entry), http.mechanism), NamedFiles(file, environ)
    password = files.password(loc, http)
    authorities = files.authorities((*loc, "ca_file"), http.ca_file)
    own_certificate = files.own_certificate(loc, http)
    return ListServer(http.url, http.user, password, authorities, own_certificate), tuple(files.problems)
