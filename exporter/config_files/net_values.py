"""The types of addresses, urls, headers and paths in configuration files."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from collectors.literals import is_of_some_link, literal_family, never_a_host
from exporter.config_files.hints import deceptive_character
from exporter.config_files.values import invalid, text_of
from exporter.wording import quoted

PLACEHOLDER = "{address}"

_HOST_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,254}}\Z){_HOST_LABEL}(\.{_HOST_LABEL})*\.?")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_URL_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~]{1,2000}")
_LOGIN_IN_URL = re.compile("[^/]*//[^/]*@")
_LOGIN_ANYWHERE = re.compile("//[^/]*@")
_SECRET_KEY = re.compile(
    "(?i)passw|passphrase|pwd|token|secret|credential|auth(?!or)|signature|session|jwt"
    "|(access|api|private|shared)[_.-]?key|^(key|pass|sid|sig)$"
)
"""What a key of a query is called whose value lets somebody in; a wiki's ``spaceKey`` is none."""
_OUR_HEADERS = {
    "connection": "the exporter sets it",
    "content-length": "the exporter sets it",
    "transfer-encoding": "the exporter sets it",
    "latency-exporter-host": "the exporter sets it",
    "upgrade": "a probe speaks HTTP/1.1 alone, and no other protocol after it",
    "authorization": "a secret never stands in this file; use user and password_file",
    "proxy-authorization": "a secret never stands in this file, and no proxy is used",
}


def _address(value: object) -> str:
    text = text_of(value, "a host's name or an address")
    if "%" in text:
        raise invalid(f"{quoted(text)} names a zone; write an address that is valid without one")
    if literal_family(text):
        return _host_address(text)
    if "/" in text or re.search(r":[0-9]+\Z", text) or text.startswith("["):
        raise invalid(f"{quoted(text)} must be a name or an address alone; leave out scheme, port, path and brackets")
    if not text.isascii():
        if character := deceptive_character(text):
            raise invalid(f"{quoted(text)} holds {character}; type it anew, without")
        raise invalid(f"{quoted(text)} is not ASCII; write an international name in its xn-- form")
    if not _HOST_NAME.fullmatch(text):
        raise invalid(f"{quoted(text)} is neither a host's name nor an address")
    if re.search(r"(?i)(\A|\.)([0-9]+|0x[0-9a-f]*)\.?\Z", text):  # the C library reads 0x0 as 0.0.0.0
        raise invalid(f"{quoted(text)} is no valid IPv4 address, and no name ends in a number alone")
    return text


def _host_address(text: str) -> str:
    """Return a literal address that a host can have, and that is of the family that it seems to be."""
    if kind := never_a_host(text):
        raise invalid(f"{quoted(text)} is the address of no single host ({kind}); write a host's own")
    if (mapped := getattr(ipaddress.ip_address(text), "ipv4_mapped", None)) is not None:
        raise invalid(f"{quoted(text)} is the IPv4 address {mapped}; write that")
    if is_of_some_link(text):
        why = "is valid on one link alone, and no link can be named here"
        raise invalid(f"{quoted(text)} {why}; write an address that is valid everywhere")
    return text


def address_fault(text: str) -> str | None:
    """Return what is wrong with an address that may also be another thing; None if nothing is."""
    try:
        _address(text)
    except PydanticCustomError as error:
        return error.message()
    return None


def _literal(value: object) -> str:
    text = text_of(value, "a literal address")
    if literal_family(text) is None or "%" in text:
        raise invalid(f"{quoted(text)} is no literal address; write one of this machine, such as 192.0.2.1")
    return _host_address(text)


def _url(value: object) -> str:
    text = text_of(value, "a url, such as https://example.com/health")
    if _LOGIN_IN_URL.match(text):  # first, so that no message below shows a password
        raise invalid("a url must not hold a user or a password; use user and password_file")
    bare = text.replace(PLACEHOLDER, "placeholder")
    if not _URL_CHARACTERS.fullmatch(bare):
        raise invalid(
            f"{_quoted_url(text)} holds a character that no url may hold (its one placeholder is {PLACEHOLDER})"
        )
    try:
        parts = urlsplit(bare)
        port = parts.port
    except ValueError:
        raise invalid(f"{_quoted_url(text)} is no url: its host or port cannot be read") from None
    if parts.scheme not in {"http", "https"}:
        raise invalid(f"{_quoted_url(text)} must begin with http:// or https://")
    if not parts.hostname:
        raise invalid(f"{_quoted_url(text)} names no host; write http://HOST/PATH")
    if "#" in bare:
        raise invalid(f"{_quoted_url(text)} has a '#' part, which is never sent; remove it")
    if port == 0:
        raise invalid(f"{_quoted_url(text)} names port 0; write a port from 1 to 65535")
    _address(parts.hostname)
    return text


def _quoted_url(text: str) -> str:
    """Quote a url without its query, which may hold a token."""
    return quoted(text.partition("?")[0])


def _fixed_url(value: object) -> str:
    url = _url(value)
    if PLACEHOLDER in url:
        raise invalid(f"{PLACEHOLDER} has no meaning here; write the host")
    return url


def _link(value: object) -> str:
    text = text_of(value, "a url, such as https://example.com/docs/runbook.md")
    if _LOGIN_ANYWHERE.search(unquote(text)):
        raise invalid("a link must not hold a user or a password, which all who are notified would read; remove them")
    if not _URL_CHARACTERS.fullmatch(text):
        raise invalid(f"{_quoted_url(text)} holds a character that no url may hold; copy it as a browser shows it")
    if "#" in text:
        raise invalid(
            f"{_quoted_url(text.partition('#')[0])} is followed by '#'; remove that part, each alert has its own"
        )
    if key := _secret_key(text):
        raise invalid(f"a link must not hold a secret, which all who are notified would read; remove {quoted(key)}")
    return _url(text)


def _secret_key(url: str) -> str | None:
    """Return the first key of a url's query, or of that of a url within it, that looks like one of a secret."""
    for part in re.split("[?&;]", unquote(url))[1:]:
        key, given, _ = part.partition("=")
        if given and _SECRET_KEY.search(key):
            return key
    return None


def _path(value: object) -> str:
    text = text_of(value, "a path, such as /metrics")
    if not re.fullmatch(r"/[!-~]{0,1000}", text):
        raise invalid(f"{quoted(text)} is no path of a url; begin with '/', without spaces")
    return text


def _method(value: object) -> str:
    text = text_of(value, "a method, such as GET")
    if text not in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}:
        raise invalid(f"{quoted(text)} is no method for a probe; write GET, HEAD or POST, in capitals")
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            raise invalid(f"{quoted(name)} is no header's name; use letters, digits and '-'")
        if lower in _OUR_HEADERS:
            raise invalid(f"{name} is not for the fleet file: {_OUR_HEADERS[lower]}")
        if lower in seen:
            raise invalid(f"{name} is given twice; keep one")
        if not re.fullmatch(r"([!-~]([\t -~]{0,1998}[!-~])?)?", value):
            raise invalid(f"the value of {name} must be one line of printable ASCII, at most 2,000 characters")
        if lower == "host" and value:
            _check_host_header(value)
        seen.add(lower)
    return headers


def _check_host_header(text: str) -> None:
    """Check the value of a Host header, whose name https takes for TLS, too."""
    try:
        parts = urlsplit(f"//{text}")
        host = parts.hostname if parts.port != 0 and parts.netloc == text and "@" not in text else None
    except ValueError:
        host = None
    if not host:
        raise invalid(f"the value of Host must be a host's name or address, with or without a port, not {quoted(text)}")
    _address(host)


def _absolute(value: object) -> str:
    text = text_of(value, "an absolute path")
    if not text.startswith("/") or not text.isprintable():
        raise invalid(f"{quoted(text)} is no absolute path; begin with '/'")
    return text


def _variable(value: object) -> str:
    text = text_of(value, "a variable's name")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise invalid("is no name of a variable (letters, digits, '_'); never write the password itself here")
    return text


Address = Annotated[str, BeforeValidator(_address)]
LiteralAddress = Annotated[str, BeforeValidator(_literal)]
Url = Annotated[str, BeforeValidator(_url)]
FixedUrl = Annotated[str, BeforeValidator(_fixed_url)]
Link = Annotated[str, BeforeValidator(_link)]
"""A url for people, to which the place in the page is added."""
UrlPath = Annotated[str, BeforeValidator(_path)]
Method = Annotated[str, BeforeValidator(_method)]
Headers = Annotated[dict[str, str], AfterValidator(_headers)]
AbsolutePath = Annotated[str, BeforeValidator(_absolute)]
VariableName = Annotated[str, BeforeValidator(_variable)]
