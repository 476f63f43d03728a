"""The section ``stack`` -> the servers to ask, each with the files of this machine that it takes to ask it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from collectors.secret import Secret
from collectors.transport.trust import OwnCertificate
from exporter.fleet import BadFile, Fleet, NamedFiles, StackServerKeys
from exporter.wording import host_and_port

_EXAMPLE = "stack: {prometheus: {url: 'https://prometheus.example.net'}}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StackServer:
    """A server of the stack."""

    name: str
    """Its key in ``stack``, which says what it is."""
    url: str
    """Where its paths begin; a path prefix is in it, a slash at the end is not."""
    user: str | None
    password: Secret | None
    ca_file: str | None
    internal: bool
    own_certificate: OwnCertificate | None = None
    """A certificate to show, if it asks for one."""

    @property
    def key(self) -> str:
        """Its place in the fleet file, for messages about what has to be changed there."""
        return f"stack.{self.name}"

    @property
    def tls(self) -> bool:
        """Whether it is asked by HTTPS."""
        return self.url.startswith("https:")

    @property
    def host(self) -> str:
        """The host, an IPv6 address without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, also where the url leaves it out."""
        return urlsplit(self.url).port or (443 if self.tls else 80)

    @property
    def host_port(self) -> str:
        """Host and port."""
        return host_and_port(self.host, self.port)


def stack_servers(fleet: Fleet, environ: Mapping[str, str]) -> tuple[StackServer, ...]:
    """List the servers to ask, in the schema's order; raises BadFile if a password or a CA cannot be had.

    Without anything to ask it raises BadFile too: to answer "well" about nothing, with exit 0, would let a
    cron job believe for months that all is watched.
    """
    files = NamedFiles(fleet, environ)
    servers = tuple(_stack_server(files, name, server) for name, server in _servers(fleet))
    if files.problems:
        raise BadFile(files.problems)
    if not servers and not fleet.stack.public_names:
        message = f"stack: missing; the doctor asks the servers that it names; add it, for example {_EXAMPLE}"
        raise BadFile([fleet.problem((), message)])
    return servers


def _servers(fleet: Fleet) -> Iterator[tuple[str, StackServerKeys]]:
    for name in type(fleet.stack).model_fields:
        server = getattr(fleet.stack, name)
        if isinstance(server, StackServerKeys):
            yield name, server


def _stack_server(files: NamedFiles, name: str, server: StackServerKeys) -> StackServer:
    return StackServer(
        name=name,
        url=server.base,
        user=server.user,
        password=files.password(("stack", name), server),
        ca_file=files.authorities(("stack", name, "ca_file"), server.ca_file),
        internal=server.internal,
        own_certificate=files.own_certificate(("stack", name), server),
    )
