"""A probe of the fleet file, toward one address -> what its collector needs to know."""

from __future__ import annotations

import dataclasses
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from collectors.contract import IpFamily, Seconds
from collectors.database_target import DatabaseTarget
from collectors.http_target import HttpTarget
from collectors.icmp_target import IcmpTarget
from collectors.literals import literal_family
from collectors.secret import NoSecret, Secret
from collectors.tcp import TcpTarget
from collectors.trust import BadOwnCertificate, OwnCertificate, client_context, load_own_certificate
from exporter import secrets
from exporter.fleet.fleet import Fleet
from exporter.fleet.net_values import PLACEHOLDER
from exporter.fleet.probe_schema import FileLogin, HttpProbe, IcmpProbe, Login, TcpProbe
from exporter.fleet.problems import Loc, Problem
from exporter.fleet.schema import Database

NetworkSpec = IcmpTarget | TcpTarget | HttpTarget
Spec = NetworkSpec | DatabaseTarget

_CERTIFICATE = re.compile(rb"^-----BEGIN ((X509|TRUSTED) )?CERTIFICATE-----", re.MULTILINE)
_KEY = re.compile(rb"^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----", re.MULTILINE)
_LONGEST_PEM = 1 << 20

PING_PATH = "/ping"
HOST_HEADER = "Latency-Exporter-Host"
"""Tells a peer's ``/ping`` who asks; sent to hosts of the fleet only."""


def host_header(name: str) -> str:
    """Write a host's name as a header's value: what is not printable ASCII, and '%', as %XX."""
    return quote(name, safe="".join(map(chr, range(0x21, 0x7F))).replace("%", ""))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What all requests of one http probe share: its files and variables are read once."""

    url: str
    headers: tuple[tuple[str, str], ...]
    tls_ca_file: str | None
    own_certificate: OwnCertificate | None
    user: str | None
    password: Secret | None


class Files:
    """Reads the files and variables that this host's probes name, and collects what is wrong."""

    def __init__(self, fleet: Fleet, environ: Mapping[str, str]) -> None:
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
            if isinstance(login, Login) and login.password_env:
                return secrets.from_variable(login.password_env, self._environ)
        except NoSecret as error:
            self._add((*loc, key), str(error))
        return None

    def authorities(self, loc: Loc, file: str | None) -> str | None:
        """Check that a file of certificates can be used; give its absolute path."""
        if file is None:
            return None
        path = self._folder / file
        try:
            with secrets.open_regular(path):
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=os.fspath(path))
        except ssl.SSLError:
            self._add(loc, f"{path}: holds no certificate in PEM form; name a file that begins with -----BEGIN")
        except OSError as error:
            self._add(loc, f"{path}: cannot be read: {error.strerror}; name a file of certificates")
        return os.fspath(path)

    def own_certificate(self, loc: Loc, login: FileLogin) -> OwnCertificate | None:
        """Check that a certificate and its key can be shown; give their absolute paths, if a section names any."""
        if login.cert_file is None or login.key_file is None:
            return None
        named = OwnCertificate(os.fspath(self._folder / login.cert_file), os.fspath(self._folder / login.key_file))
        holds = [self._holds((*loc, "cert_file"), named.cert_file, "certificate", _CERTIFICATE)]
        holds += [self._holds((*loc, "key_file"), named.key_file, "private key", _KEY)]
        try:
            if all(holds):
                load_own_certificate(client_context(verify=False), named)
        except BadOwnCertificate as error:
            self._add((*loc, error.key), f"{getattr(named, error.key)}: {error.message}")
        return named

    def _holds(self, loc: Loc, path: str, what: str, wanted: re.Pattern[bytes]) -> bool:
        """Tell whether a file holds what it is named for; what is wrong is said without a word of it."""
        try:
            with secrets.open_regular(Path(path)) as file:
                found = wanted.search(file.read(_LONGEST_PEM))
        except PermissionError:
            message = secrets.not_ours(Path(path))
        except OSError as error:
            message = f"cannot be read: {error.strerror}; name the file of a {what}"
        else:
            if found:
                return True
            message = f"holds no {what} in PEM form; name a file that begins with -----BEGIN"
        self._add(loc, f"{path}: {message}")
        return False

    def _add(self, loc: Loc, message: str) -> None:
        problem = self._fleet.problem(loc, message)
        if problem not in self.problems:
            self.problems.append(problem)


def own_access(files: Files, loc: Loc, probe: HttpProbe) -> Access:
    """Read what an http probe itself names."""
    return Access(
        url=probe.url,
        headers=tuple(probe.headers.items()),
        tls_ca_file=files.authorities((*loc, "tls_ca_file"), probe.tls_ca_file),
        own_certificate=files.own_certificate(loc, probe),
        user=probe.user,
        password=files.password(loc, probe),
    )


def peer_access(files: Files, loc: Loc, probe: HttpProbe, fleet: Fleet, source: str) -> Access:
    """Read the same toward hosts of the fleet, where ``peers`` holds for their ``/ping``."""
    peers = fleet.peers
    if urlsplit(probe.url).path != PING_PATH:
        return own_access(files, loc, probe)
    asked_by = (HOST_HEADER, host_header(source))
    scheme, rest = probe.url.split(":", 1)
    ca_loc: Loc = ("peers", "ca_file") if peers.ca_file else (*loc, "tls_ca_file")
    login_loc, login = (("peers",), peers) if peers.user else (loc, probe)
    certificate_loc, certified = (("peers",), peers) if peers.cert_file else (loc, probe)
    return Access(
        url=f"{peers.scheme or scheme}:{rest}",
        headers=(*probe.headers.items(), asked_by),
        tls_ca_file=files.authorities(ca_loc, peers.ca_file or probe.tls_ca_file),
        own_certificate=files.own_certificate(certificate_loc, certified),
        user=login.user,
        password=files.password(login_loc, login),
    )


def spec_of(probe: IcmpProbe | TcpProbe, address: str, ip_family: IpFamily, timeout: Seconds) -> IcmpTarget | TcpTarget:
    """Aim a probe at one address."""
    if isinstance(probe, TcpProbe):
        return TcpTarget(
            address=address,
            ip_family=ip_family,
            port=probe.port,
            source_address=probe.source_address,
            timeout=timeout,
        )
    return IcmpTarget(
        address=address,
        ip_family=ip_family,
        payload_bytes=probe.payload_bytes,
        dscp=probe.dscp,
        source_address=probe.source_address,
    )


def database_specs(
    files: Files, loc: Loc, fleet: Fleet, database: Database, address: str
) -> tuple[DatabaseTarget, DatabaseTarget]:
    """Read what a database needs, and aim at it: by a login, and by a query on a connection that is kept."""
    login = DatabaseTarget(
        protocol=database.type,
        address=address,
        ip_families=_families_of(fleet, database, address),
        port=database.port,
        socket=database.socket,
        user=database.user or "",
        password=files.password(loc, database),
        dbname=database.dbname,
        tls=database.tls,
        tls_ca_file=files.authorities((*loc, "tls_ca_file"), database.tls_ca_file),
        own_certificate=files.own_certificate(loc, database),
        query=database.query,
        timeout=database.timeout or fleet.defaults.timeout,
        cold=True,
    )
    return login, dataclasses.replace(login, cold=False)


def _families_of(fleet: Fleet, database: Database, address: str) -> tuple[IpFamily, ...]:
    """Return which families a database is looked for in, in this order; it has one connection, and no label."""
    if literal := literal_family(address):
        return (literal,)
    if database.ip_families:
        return database.ip_families
    return tuple(dict.fromkeys((*fleet.defaults.ip_families, *IpFamily)))


def http_spec_of(probe: HttpProbe, address: str, ip_family: IpFamily, access: Access, timeout: Seconds) -> HttpTarget:
    """Aim an http probe at one address; a url without placeholder stays what it is."""
    host = f"[{address}]" if ":" in address else address
    return HttpTarget(
        url=access.url.replace(PLACEHOLDER, host),
        ip_family=ip_family,
        method=probe.method,
        headers=access.headers,
        expect_status=probe.expect_status,
        expect_body=probe.expect_body,
        max_body_bytes=probe.max_body_bytes,
        tls_ca_file=access.tls_ca_file,
        own_certificate=access.own_certificate,
        tls_verify=probe.tls_verify,
        user=access.user,
        password=access.password,
        timeout=timeout,
    )
