"""A probe by HTTP, as it is written in the fleet file, with the files and variables that it names."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Hashable, Iterator
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field

from collectors.http.target import HttpTarget
from collectors.literals import bracketed, literal_family
from collectors.secret import Secret
from collectors.terms import IpFamily, Seconds
from collectors.transport.trust import OwnCertificate
from exporter.config_files.net_values import PLACEHOLDER, Headers, Method, Url
from exporter.config_files.problems import Finding, Loc
from exporter.config_files.values import Flag, Text, Whole, invalid, not_empty
from exporter.fleet.access import Asker, NamedFiles
from exporter.fleet.own_paths import HOST_HEADER, PING_PATH
from exporter.fleet.probes.expressions import BodyExpression
from exporter.fleet.probes.settings import Aim, Settings
from exporter.fleet.sections import FileOrVariableLogin
from exporter.wording import listed, quoted

_SWITCHING_PROTOCOLS, _OK = 101, 200
_WITHOUT_BODY = {204, 205, 304}
"""RFC 9110, 15.3.5, 15.3.6 and 15.4.5."""
_STAND_IN = "address-of-the-host"
"""For the placeholder, while a url is taken apart: not all that an address may be can be parsed everywhere in one."""


def _final(status: int) -> int:
    if status < _OK:
        begun = " (it begins another protocol, such as WebSocket, which is not spoken here)"
        why = begun if status == _SWITCHING_PROTOCOLS else ""
        raise invalid(f"{status} is an interim answer, never the one that counts{why}; remove it")
    return status


StatusCode = Annotated[int, Whole(100, 599), AfterValidator(_final)]


class HttpProbe(Settings, FileOrVariableLogin):
    """A request on a connection of its own."""

    placeholder_key: ClassVar = "url"

    protocol: Literal["http"]
    url: Url
    method: Method = "GET"
    headers: Headers = Field(default_factory=dict)
    expect_status: Annotated[frozenset[StatusCode], AfterValidator(not_empty)] = frozenset(range(200, 300))
    expect_body: BodyExpression | None = None
    max_body_bytes: Annotated[int, Whole(1, 16 * 2**20)] = 65536
    tls_ca_file: Text | None = None
    tls_verify: Flag = True

    @property
    def fixed_host(self) -> str | None:
        return None if PLACEHOLDER in self.url else urlsplit(self.url).hostname

    @property
    def is_ping(self) -> bool:
        """Whether it asks a ``/ping``: of a host of the fleet, that is its exporter's."""
        return urlsplit(self.url).path == PING_PATH

    def asked_at(self, address: str) -> tuple[str, Hashable]:
        url = urlsplit(self.url.replace(PLACEHOLDER, _STAND_IN))
        host, *rest = (part.replace(_STAND_IN, address) for part in (url.hostname or "", url.path or "/", url.query))
        return host, (url.scheme, url.port or (443 if url.scheme == "https" else 80), *rest)

    def aim_with_files(self, files: NamedFiles, loc: Loc, asker: Asker | None) -> Aim:
        access = _peer_access(files, loc, self, asker) if asker and self.is_ping else _own_access(files, loc, self)
        return functools.partial(self._aim, access)

    def _aim(self, access: _Access, address: str, ip_family: IpFamily, timeout: Seconds) -> HttpTarget:
        return HttpTarget(
            url=access.url.replace(PLACEHOLDER, bracketed(address)),
            ip_family=ip_family,
            method=self.method,
            headers=access.headers,
            expect_status=self.expect_status,
            expect_body=self.expect_body,
            max_body_bytes=self.max_body_bytes,
            tls_ca_file=access.tls_ca_file,
            own_certificate=access.own_certificate,
            tls_verify=self.tls_verify,
            user=access.user,
            password=access.password,
            timeout=timeout,
        )

    def unsatisfiable(self, loc: Loc) -> Iterator[Finding]:
        yield from self._bodies((*loc, "expect_body"))
        host = self.fixed_host or ""
        family = literal_family(host)
        if family and self.ip_families and family not in self.ip_families:  # it is asked over its own family alone
            message = f"{quoted(host)} is {family}, but ip_families are {listed(self.ip_families)}"
            yield Finding((*loc, "url"), f"{message}; change one of them")

    def _bodies(self, loc: Loc) -> Iterator[Finding]:
        expression = self.expect_body
        if expression is None:
            return
        text = expression.pattern
        if self.method == "HEAD":
            yield Finding(loc, "is never found: an answer to HEAD has no body; write method: GET, or remove it")
        elif self.expect_status <= _WITHOUT_BODY and not expression.search(""):
            statuses = listed(map(str, sorted(self.expect_status)))
            yield Finding(loc, f"is never found: answers of status {statuses} have no body; remove one of the two")
        elif re.fullmatch(r"[^\\^$.|?*+()\[\]{}]*", text) and len(text) > self.max_body_bytes:
            message = f"is never found: it has {len(text)} characters, and max_body_bytes is {self.max_body_bytes}"
            yield Finding(loc, f"{message}; raise that")

    def warnings(self, loc: Loc) -> Iterator[Finding]:
        wanted = {name.lower(): value for name, value in self.headers.items()}.get("accept-encoding", "identity")
        if self.expect_body is not None and wanted.lower() not in {"", "identity"}:
            message = f"asks for a body in {quoted(wanted)}, which is not unpacked before expect_body is looked for"
            yield Finding((*loc, "headers"), f"{message}; leave Accept-Encoding out", is_warning=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Access:
    """What all requests of one probe share: files and variables are read once."""

    url: str
    headers: tuple[tuple[str, str], ...]
    tls_ca_file: str | None
    own_certificate: OwnCertificate | None
    user: str | None
    password: Secret | None


def host_header(name: str) -> str:
    """Write a host's name as a header's value: what is not printable ASCII, and '%', as %XX."""
    return quote(name, safe="".join(map(chr, range(0x21, 0x7F))).replace("%", ""))


def _own_access(files: NamedFiles, loc: Loc, probe: HttpProbe) -> _Access:
    """Read what a probe itself names."""
    return _Access(
        url=probe.url,
        headers=tuple(probe.headers.items()),
        tls_ca_file=files.authorities((*loc, "tls_ca_file"), probe.tls_ca_file),
        own_certificate=files.own_certificate(loc, probe),
        user=probe.user,
        password=files.password(loc, probe),
    )


def _peer_access(files: NamedFiles, loc: Loc, probe: HttpProbe, asker: Asker) -> _Access:
    """Read what ``peers`` names, or else the probe itself: for the ``/ping`` of hosts of the fleet."""
    peers = asker.peers
    asked_by = (HOST_HEADER, host_header(asker.name))
    scheme, rest = probe.url.split(":", 1)
    ca_loc: Loc = ("peers", "ca_file") if peers.ca_file else (*loc, "tls_ca_file")
    login_loc, login = (("peers",), peers) if peers.user else (loc, probe)
    certificate_loc, certified = (("peers",), peers) if peers.cert_file else (loc, probe)
    return _Access(
        url=f"{peers.scheme or scheme}:{rest}",
        headers=(*probe.headers.items(), asked_by),
        tls_ca_file=files.authorities(ca_loc, peers.ca_file or probe.tls_ca_file),
        own_certificate=files.own_certificate(certificate_loc, certified),
        user=login.user,
        password=files.password(login_loc, login),
    )
