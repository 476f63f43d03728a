"""exporter-toolkit's web configuration file (``--web.config.file``): TLS, users, headers, rate limit.

The same file may serve all exporters of a host. Whatever of it this program cannot do is refused by name or, where
nothing unsafe follows, warned about; nothing is passed over in silence.
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from collectors.terms import Seconds
from exporter.config_files.problems import BadFile, Loc, Problem, key_of
from exporter.config_files.source import Node, parse, read
from exporter.config_files.yaml_errors import Unreadable
from exporter.fleet.sections import Section
from exporter.web.config.schema import HttpServer, RateLimit, WebSections
from exporter.web.config.tls import ServerTls, Unusable
from exporter.web.config.tls_schema import TlsServer
from exporter.wording import closest, listed, quoted

MAX_BYTES = 2**20

_MODELS: dict[str, type[Section]] = {
    "tls_server_config": TlsServer,
    "http_server_config": HttpServer,
    "rate_limit": RateLimit,
}
_WORDS = {
    "dict_type": "expected a map of 'key: value'",
    "model_type": "expected a map of 'key: value'",
    "tuple_type": "expected a list, such as [a, b]",
    "string_type": "expected text",
    "missing": "missing; this key is required",
    "too_short": "is empty; name at least one, or leave the key out",
}
"""pydantic's kinds of errors -> our words. No value is repeated: it may be a password in the wrong place."""
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
    try:
        tree, duplicates = _tree(path)
        plain = _sections(tree)
    except Unreadable as error:
        raise BadFile([Problem(str(path), error.line, key_of(error.loc), error.message)]) from None
    sections, tls, faults = _checked(plain, path.parent)
    if faults or duplicates or sections is None:
        problems = [Problem(str(path), tree.line_of(loc), key_of(loc), message) for loc, message in faults]
        raise BadFile(problems + duplicates)
    http, limit = sections.http_server_config, sections.rate_limit
    loc = ("http_server_config", "http2")
    return WebConfig(
        tls=tls,
        users={name.encode(): bcrypt_hash for name, bcrypt_hash in sections.basic_auth_users.items()},
        headers=http.headers,
        token_interval=limit.interval,
        burst=limit.burst or 0,
        warnings=(Problem(str(path), tree.line_of(loc), key_of(loc), _HTTP2),) if http.http2 else (),
    )


def _tree(path: Path) -> tuple[Node, list[Problem]]:
    """Parse the file; a file without a word in it is an empty map here."""
    text = _text(path)
    if all(line.lstrip()[:1] in {"", "#"} for line in text.splitlines()):
        return Node({}), []
    tree, duplicates = parse(text)
    return tree, [
        Problem(str(path), line, key_of(loc), f"duplicate key; it stands in line {first} already; remove one of them")
        for line, first, loc in duplicates
    ]


def _text(path: Path) -> str:
    try:
        data = read(path, MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Unreadable(0, f"is larger than {MAX_BYTES // 2**20} MiB; is this the web configuration?")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file in UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no valid path"
        raise Unreadable(0, f"cannot be read: {reason}; check the file that --web.config.file names") from None


def _sections(tree: Node) -> dict[str, Any]:
    """Return the sections, without those left empty."""
    plain = tree.plain() or {}
    if not isinstance(plain, dict):
        raise Unreadable(1, f"expected sections such as 'basic_auth_users:', not {quoted(plain)}")
    return {key: value for key, value in plain.items() if value != "" or key not in WebSections.model_fields}


def _checked(plain: dict[str, Any], folder: Path) -> tuple[WebSections | None, ServerTls | None, list[tuple[Loc, str]]]:
    try:
        sections = WebSections.model_validate(plain, context={"folder": folder})
        return sections, ServerTls(sections.tls_server_config) if sections.tls_server_config else None, []
    except ValidationError as error:
        return None, None, list(_in_our_words(error))
    except Unusable as error:
        return None, None, [(("tls_server_config", error.key), error.message)]


def _in_our_words(error: ValidationError) -> Iterator[tuple[Loc, str]]:
    """Translate the schema's errors; a misspelt key is not reported as missing too."""
    details = error.errors(include_url=False)
    meant: set[Loc] = set()
    for loc in (detail["loc"] for detail in details if detail["type"] == "extra_forbidden"):
        known = _MODELS.get(str(loc[0]), WebSections).model_fields if loc[1:] else WebSections.model_fields
        best = closest(str(loc[-1]), known)
        meant.add((*loc[:-1], best or ""))
        yield loc, f"unknown key; {f'did you mean {quoted(best)}?' if best else f'known here: {listed(known)}'}"
    for detail in details:
        loc, kind = detail["loc"], detail["type"]
        if kind == "extra_forbidden" or loc in meant or (kind == "too_short" and detail["input"]):
            continue
        place = loc[:-1] if loc[-1] == "[key]" else loc
        yield place, _WORDS.get(kind) or str(detail["msg"])
