"""The section ``tls_server_config``: its keys, and what cannot be kept with Python's ssl."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from exporter.config_files.opening import open_regular
from exporter.config_files.sections import Section
from exporter.config_files.values import Flag, Text, invalid, not_empty, one_of, text_of

_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_OLD_VERSIONS = ("TLS10", "TLS11")
CIPHERS = {
    f"TLS_ECDHE_{key}_WITH_{suite}": f"ECDHE-{key}-{ours}"
    for key in ("ECDSA", "RSA")
    for suite, ours in {
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    }.items()
}
"""Go's names (crypto/tls, CipherSuites) -> OpenSSL's. As in Go, these choose for TLS 1.2 alone."""
_TLS13_CIPHERS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}


def _path(value: object, info: ValidationInfo) -> Path:
    """Resolve against the folder of the configuration file, as exporter-toolkit does."""
    text = text_of(value, "a path")
    if "\n" in text:
        raise invalid("expected a path, not the text of a file")
    folder: Path = (info.context or {})["folder"]
    problem = why_unreadable(folder / text)
    if problem:
        raise invalid(problem)
    return folder / text


def why_unreadable(path: Path) -> str | None:
    """Return why a file cannot be read; None if it can."""
    try:
        with open_regular(path):
            return None
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}; check the path and its permissions"


def _client_auth(value: object) -> ssl.VerifyMode:
    if value in _UNVERIFIED:
        raise invalid(
            f"{value} takes certificates that nobody verifies, which Python's ssl cannot; "
            "write RequireAndVerifyClientCert (the only secure one) or NoClientCert"
        )
    return _CLIENT_AUTH[one_of(value, _CLIENT_AUTH)]


def _version(value: object) -> ssl.TLSVersion:
    if value in _OLD_VERSIONS:
        raise invalid(f"{value} is too old: OpenSSL 3 refuses it at its default security level; write TLS12 or TLS13")
    return _VERSIONS[one_of(value, _VERSIONS)]


def _cipher(value: object) -> str:
    return one_of(value, [*CIPHERS, *sorted(_TLS13_CIPHERS)])


def _curves(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value == "X25519":
            raise invalid(
                "X25519 cannot be chosen with Python's ssl; write CurveP256, or leave the key out to offer all"
            )
        one_of(value, CURVES)
    if len(values) > 1:
        raise invalid("Python's ssl takes a single curve; name one, or leave the key out to offer all")
    return values


def _inline(_value: object) -> NoReturn:
    raise invalid(
        "a certificate or key within this file is not supported; put it into a file of its own, and name that"
    )


FilePath = Annotated[Path, BeforeValidator(_path)]
TlsVersion = Annotated[ssl.TLSVersion, BeforeValidator(_version)]
CipherSuite = Annotated[str, BeforeValidator(_cipher)]
Inline = Annotated[None, BeforeValidator(_inline)]


class TlsServer(Section):
    """What stands in ``tls_server_config``. A key is checked against keys above it alone."""

    cert: Inline = None
    key: Inline = None
    client_ca: Inline = None
    cert_file: FilePath
    key_file: FilePath
    client_auth_type: Annotated[ssl.VerifyMode, BeforeValidator(_client_auth)] = ssl.CERT_NONE
    client_ca_file: Annotated[FilePath | None, Field(validate_default=True)] = None
    client_allowed_sans: Annotated[tuple[Text, ...], AfterValidator(not_empty)] | None = None
    min_version: TlsVersion = ssl.TLSVersion.TLSv1_2
    max_version: TlsVersion = ssl.TLSVersion.TLSv1_3
    cipher_suites: Annotated[tuple[Annotated[str, BeforeValidator(_cipher)], ...], AfterValidator(not_empty)] | None = (
        None
    )
    prefer_server_cipher_suites: Flag = True
    curve_preferences: Annotated[tuple[Text, ...], AfterValidator(not_empty), AfterValidator(_curves)] | None = None

    @field_validator("client_ca_file")
    @classmethod
    def _ca_and_auth(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        mode = info.data.get("client_auth_type")
        if path is None and mode in {ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED}:
            raise invalid("missing; client_auth_type demands certificates, and this key says of which authority")
        if path is not None and mode is ssl.CERT_NONE:
            raise invalid("needs 'client_auth_type: RequireAndVerifyClientCert'; without, no certificate is asked for")
        return path

    @field_validator("client_allowed_sans")
    @classmethod
    def _sans_and_auth(cls, sans: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if info.data.get("client_auth_type", ssl.CERT_REQUIRED) is not ssl.CERT_REQUIRED:
            raise invalid("needs 'client_auth_type: RequireAndVerifyClientCert'; without, a client may bring no name")
        return sans

    @field_validator("max_version")
    @classmethod
    def _versions(cls, highest: ssl.TLSVersion, info: ValidationInfo) -> ssl.TLSVersion:
        if highest < info.data.get("min_version", highest):
            raise invalid("is below min_version; no client could connect")
        return highest

    @field_validator("cipher_suites")
    @classmethod
    def _ciphers(cls, names: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        needed = info.data.get("min_version") is ssl.TLSVersion.TLSv1_2
        if names and needed and not set(names) - _TLS13_CIPHERS:
            raise invalid(
                "holds only suites of TLS 1.3, which are always on; add one of TLS 1.2 or 'min_version: TLS13'"
            )
        return names

    @property
    def files(self) -> dict[str, Path]:
        """Key -> path of all files that the context is made of."""
        named = {"cert_file": self.cert_file, "key_file": self.key_file, "client_ca_file": self.client_ca_file}
        return {key: path for key, path in named.items() if path is not None}
