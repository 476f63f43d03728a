"""The sections of the web configuration, except TLS: keys, types, defaults and their checks."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from exporter.config_files.sections import Section
from exporter.config_files.values import Duration, Flag, Whole, invalid
from exporter.web.config.tls_schema import TlsServer
from exporter.wording import listed, quoted

MAX_COST = 14
"""Of bcrypt: 18 takes a processor 15 s per login, and each step doubles that."""

_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that the toolkit lets be set, each with the only values that it may have; without any: free text."""


def _headers(headers: dict[str, str]) -> dict[str, str]:
    """Check names and values; a blank value means that the header is not sent."""
    for name, value in headers.items():
        if name not in _HEADERS:
            raise invalid(f"the header {quoted(name)} cannot be set; known here: {listed(_HEADERS)}")
        if not re.fullmatch(r"[ -~]{0,4000}", value):
            raise invalid(f"the value of {name} must be one line of printable ASCII, at most 4,000 characters")
        if value and _HEADERS[name] and value not in _HEADERS[name]:
            raise invalid(f"{name} may be {' or '.join(_HEADERS[name])}, not {quoted(value)}")
    return {name: value for name, value in headers.items() if value}


def _user(name: str) -> str:
    if not name or ":" in name:
        raise invalid("must not be empty or hold ':'; HTTP could not send it")
    return name


def _bcrypt_hash(value: object) -> bytes:
    """Accept a bcrypt hash; anything else may be a password, and is never repeated."""
    match = re.fullmatch(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", str(value))
    if match is None:
        raise invalid("is no bcrypt hash such as $2y$10$...; make one: htpasswd -nBC 10 '' | tr -d ':\\n'")
    if not 4 <= int(match[1]) <= MAX_COST:  # noqa: PLR2004 - bcrypt's lowest
        raise invalid(f"is a bcrypt hash of cost {match[1]}; the cost must be from 4 to {MAX_COST}, better 10 to 12")
    return str(value).encode()


def _or_never(value: object) -> object:
    """Read Go's 0, which switches the limit off, as None."""
    return None if value in ("0", "0s") else value


User = Annotated[str, AfterValidator(_user)]
BcryptHash = Annotated[bytes, BeforeValidator(_bcrypt_hash)]


class HttpServer(Section):
    """What stands in ``http_server_config``."""

    http2: Flag = False
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)


class RateLimit(Section):
    """A bucket of tokens over all requests: a new token each interval, at most ``burst`` of them."""

    interval: Annotated[Duration | None, BeforeValidator(_or_never)] = None
    burst: Annotated[Annotated[int, Whole(1, 1_000_000)] | None, Field(validate_default=True)] = None

    @field_validator("burst")
    @classmethod
    def _needed(cls, burst: int | None, info: ValidationInfo) -> int | None:
        if burst is None and info.data.get("interval"):
            raise invalid("missing; an interval without a burst would refuse every request")
        return burst


class WebSections(Section):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = Field(default_factory=HttpServer)
    basic_auth_users: dict[User, BcryptHash] = Field(default_factory=dict)
    rate_limit: RateLimit = RateLimit()
