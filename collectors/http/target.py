"""What an HTTP probe needs to know of its target."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from collectors.literals import literal_family
from collectors.secret import Secret
from collectors.target import TCP_REASONS, Gives, Target
from collectors.terms import IpFamily, Phase, Reason, Seconds
from collectors.transport.trust import OwnCertificate


class Expression(Protocol):
    """A compiled regular expression that no text can keep busy (RE2's, in time linear in the text)."""

    @property
    def pattern(self) -> str:
        """As it was written."""

    def search(self, text: str) -> object:
        """Return something true if it is found."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget(Target):
    """What to ask, and what the answer must be."""

    protocol: ClassVar = "http"
    reasons: ClassVar = (*TCP_REASONS, Reason.TLS, Reason.STATUS, Reason.BODY, Reason.PROTOCOL)
    gives: ClassVar = frozenset({Gives.ROUND_TRIP, Gives.HANDSHAKE, Gives.RESPONSE, Gives.STATUS, Gives.CERTIFICATE})

    url: str
    """Absolute, http or https, ASCII only, without user, fragment or placeholder."""
    ip_family: IpFamily
    method: str
    headers: tuple[tuple[str, str], ...]
    """Printable ASCII; never one that frames the message or authenticates."""
    expect_status: frozenset[int]
    expect_body: Expression | None
    """Searched for in the body; None: any body will do."""
    max_body_bytes: int
    tls_ca_file: str | None
    """Absolute. None: the system's authorities."""
    tls_verify: bool
    user: str | None
    password: Secret | None
    """Both set or both None."""
    own_certificate: OwnCertificate | None = None
    timeout: Seconds = dataclasses.field(default=10.0, compare=False)
    """Shared among a name's addresses. The caller enforces it; it is not part of the target's identity."""

    def __str__(self) -> str:
        url = urlsplit(self.url)
        query = "?..." if url.query else ""  # it may hold a token
        return f"{self.method} {url.scheme}://{url.netloc}{url.path}{query}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Those that an exchange with this target has: a literal address is not looked up, plain HTTP has no TLS."""
        url = urlsplit(self.url)
        absent = {Phase.AUTH, Phase.QUERY}
        if url.scheme != "https":
            absent.add(Phase.TLS)
        if literal_family(self.host):
            absent.add(Phase.DNS)
        return tuple(phase for phase in Phase if phase not in absent)
