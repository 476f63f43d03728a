"""exporter-toolkit's web configuration file (``--web.config.file``): TLS, users, headers, rate limit.

The same file may serve all exporters of a host. Whatever of it this program cannot do is refused by name or, where
nothing unsafe follows, warned about; nothing is passed over in silence.
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from collectors.terms import Seconds
from collectors.transport.trust import UnusableFile
from exporter.config_files.hints import Hints
from exporter.config_files.problems import BadFile, Finding, Loc, Problem
from exporter.config_files.reading import FileKind, read
from exporter.config_files.schema_errors import Keys, findings_of
from exporter.config_files.sections import Section
from exporter.web.config.schema import HttpServer, RateLimit, WebSections
from exporter.web.config.tls import ServerTls
from exporter.web.config.tls_schema import TlsServer

_WEB_FILE = FileKind(
    name="the web configuration",
    flag="--web.config.file",
    max_bytes=2**20,
    sections=WebSections.known_keys(),
    a_section="basic_auth_users",
)
_SECTIONS: dict[str, type[Section]] = {
    "tls_server_config": TlsServer,
    "http_server_config": HttpServer,
    "rate_limit": RateLimit,
}
_HTTP2 = "HTTP/2 is not spoken here, clients get HTTP/1.1; write 'http2: false', or leave the key out"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class WebConfig:
    """How the web side is protected; without a file: not at all."""

    tls: ServerTls | None = None
    users: Mapping[bytes, bytes] = dataclasses.field(default_factory=dict, repr=False)
    """Name -> bcrypt hash. Empty: everyone is let in."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Sent with every response."""
    token_interval: Seconds | None = None
    """From one request to the next, once ``burst`` of them came at once; None: no limit."""
    burst: int = 0
    warnings: tuple[Problem, ...] = ()

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the context for the next connection; call it for each, since certificates are renewed."""
        return self.tls.context() if self.tls else None


def load(path: Path) -> WebConfig:
    """Read and check the file and the files that it names; raises BadFile with every problem."""
    file = read(path, _WEB_FILE)
    sections, tls, findings = _checked(file.sections, path.parent)
    problems, warnings = file.problems_and_warnings(findings)
    if sections is None or problems:
        raise BadFile(problems)
    return WebConfig(
        tls=tls,
        users={name.encode(): bcrypt_hash for name, bcrypt_hash in sections.basic_auth_users.items()},
        headers=sections.http_server_config.headers,
        token_interval=sections.rate_limit.interval,
        burst=sections.rate_limit.burst or 0,
        warnings=tuple(warnings),
    )


def _checked(plain: dict[str, Any], folder: Path) -> tuple[WebSections | None, ServerTls | None, list[Finding]]:
    """Check the sections and the files that they name; return them, if they can be used, and what is wrong."""
    try:
        sections = WebSections.model_validate(plain, context={"folder": folder})
        tls = ServerTls(sections.tls_server_config) if sections.tls_server_config else None
    except ValidationError as error:
        return None, None, findings_of(error, _keys_at, Hints(), repeats_text=False)
    except UnusableFile as error:
        return None, None, [Finding(("tls_server_config", error.key), error.message)]
    http2 = Finding(("http_server_config", "http2"), _HTTP2, is_warning=True)
    return sections, tls, [http2] if sections.http_server_config.http2 else []


def _keys_at(loc: Loc) -> Keys:
    section = _SECTIONS[str(loc[0])] if loc else WebSections
    return Keys(section.known_keys(), {})
