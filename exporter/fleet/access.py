"""The files and variables that this host's probes name, read when pairs are made of the fleet file."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from collectors.secret import NoSecret, Secret
from collectors.transport.trust import OwnCertificate, UnusableFile, client_context, load_own_certificate
from exporter import secrets
from exporter.config_files.opening import open_regular, why_denied
from exporter.config_files.problems import Loc, Problem
from exporter.fleet.sections import FileLogin, FileOrVariableLogin, Peers

_CERTIFICATE = re.compile(rb"^-----BEGIN ((X509|TRUSTED) )?CERTIFICATE-----", re.MULTILINE)
_KEY = re.compile(rb"^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----", re.MULTILINE)
_LONGEST_PEM = 1 << 20


class Asker(NamedTuple):
    """The host that asks other hosts of the fleet, and how they are to be asked."""

    name: str
    peers: Peers


class FleetFile(Protocol):
    """The fleet file that names the files."""

    @property
    def source_file(self) -> str:
        """Its path: relative names start in its folder."""

    def problem(self, loc: Loc, message: str) -> Problem:
        """Make the problem of a place of it."""


class NamedFiles:
    """Reads the files and variables that this host's probes name, and collects the problems."""

    def __init__(self, fleet: FleetFile, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._fleet = fleet
        self._environ = environ
        self._folder = Path(fleet.source_file).absolute().parent

    def password(self, loc: Loc, login: FileLogin) -> Secret | None:
        """Read the password of a section; None if it names none, or if it cannot be had."""
        key = "password_file" if login.password_file else "password_env"
        try:
            if login.password_file:
                trusted = secrets.trusted_folders(self._environ)
                return secrets.from_file(self._folder / login.password_file, trusted)
            if isinstance(login, FileOrVariableLogin) and login.password_env:
                return secrets.from_variable(login.password_env, self._environ)
        except NoSecret as error:
            self._add((*loc, key), str(error))
        return None

    def authorities(self, loc: Loc, file: str | None) -> str | None:
        """Check that a file of certificates can be used; return its absolute path."""
        if file is None:
            return None
        path = self._folder / file
        try:
            with open_regular(path):
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=os.fspath(path))
        except ssl.SSLError:
            self._add(loc, f"{path}: holds no certificate in PEM form; name a file that begins with -----BEGIN")
        except OSError as error:
            self._add(loc, f"{path}: cannot be read: {error.strerror}; name a file of certificates")
        return os.fspath(path)

    def own_certificate(self, loc: Loc, login: FileLogin) -> OwnCertificate | None:
        """Check that a certificate and its key can be used; return their absolute paths, if a section names any."""
        if login.cert_file is None or login.key_file is None:
            return None
        named = OwnCertificate(os.fspath(self._folder / login.cert_file), os.fspath(self._folder / login.key_file))
        holds = [self._holds((*loc, "cert_file"), named.cert_file, "certificate", _CERTIFICATE)]
        holds += [self._holds((*loc, "key_file"), named.key_file, "private key", _KEY)]
        try:
            if all(holds):
                load_own_certificate(client_context(verify=False), named)
        except UnusableFile as error:
            self._add((*loc, error.key), f"{getattr(named, error.key)}: {error.message}")
        return named

    def kept_file(self, loc: Loc, file: str | None) -> str | None:
        """Check that the folder of a file that is to be written is there; return the file's absolute path."""
        if file is None:
            return None
        path = self._folder / file
        if not path.parent.is_dir():
            self._add(loc, f"{path.parent}: no such folder; create it, and let this program write there")
        return os.path.normpath(path)

    def _holds(self, loc: Loc, path: str, what: str, wanted: re.Pattern[bytes]) -> bool:
        """Return whether a file holds what it is named for; no message repeats any of it."""
        try:
            with open_regular(Path(path)) as file:
                is_there = wanted.search(file.read(_LONGEST_PEM))
        except PermissionError:
            message = why_denied(Path(path))
        except OSError as error:
            message = f"cannot be read: {error.strerror}; name the file of a {what}"
        else:
            if is_there:
                return True
            message = f"holds no {what} in PEM form; name a file that begins with -----BEGIN"
        self._add(loc, f"{path}: {message}")
        return False

    def _add(self, loc: Loc, message: str) -> None:
        problem = self._fleet.problem(loc, message)
        if problem not in self.problems:
            self.problems.append(problem)
