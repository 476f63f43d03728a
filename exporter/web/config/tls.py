"""``tls_server_config`` in use: a context that follows its files.

exporter-toolkit reads certificate and key at each handshake. ``ServerTls.context``, called for each
connection, compares the files' versions and reads them when one has changed, so that a renewed
certificate needs no restart. Files that do not load are reported once, and the last good context
stays in use.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collectors.transport.trust import OwnCertificate, UnusableFile, load_own_certificate, version_of
from exporter.web.config.tls_schema import CIPHERS, CURVES, TlsServer, why_unreadable

_log = logging.getLogger(__name__)


def context_of(tls: TlsServer) -> ssl.SSLContext:
    """Read the files as they are now; raises UnusableFile.

    Nothing is resumed: a resumed session would show the old certificate's and the old authority's verdict.
    """
    for key, path in tls.files.items():
        problem = why_unreadable(path)
        if problem:
            raise UnusableFile(key, problem)
    context = _bare_context(tls)
    load_own_certificate(context, OwnCertificate(os.fspath(tls.cert_file), os.fspath(tls.key_file)))
    if tls.client_ca_file:
        _load_authority(context, tls.client_ca_file)
        context.verify_mode = tls.client_auth_type
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as in Go, an intermediate may be the root of trust
    return context


def _bare_context(tls: TlsServer) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = tls.min_version, tls.max_version
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    suites = [CIPHERS[name] for name in tls.cipher_suites or () if name in CIPHERS]
    if suites:
        context.set_ciphers(":".join(suites))
    for curve in tls.curve_preferences or ():
        context.set_ecdh_curve(CURVES[curve])
    return context


def _load_authority(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except OSError:
        raise UnusableFile("client_ca_file", "no usable certificate here; it has to be PEM") from None


class ServerTls:
    """The section in use; raises UnusableFile while its files cannot be used at all."""

    def __init__(self, settings: TlsServer) -> None:
        self.settings = settings
        self._versions = self._versions_now()
        self._context = context_of(settings)

    def context(self) -> ssl.SSLContext:
        """Return the context for the next connection, made of the files as they are now."""
        versions = self._versions_now()
        if versions != self._versions:
            self._versions = versions
            self._reread()
        return self._context

    def _reread(self) -> None:
        try:
            self._context = context_of(self.settings)
        except UnusableFile as error:
            _log.error("TLS files changed but cannot be used, the old ones stay: %s", error)
        else:
            _log.info("TLS files changed and were read again: %s", self.settings.cert_file)

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Return whether a client's verified certificate (``getpeercert()``) bears an allowed name."""
        allowed = self.settings.client_allowed_sans
        if allowed is None:
            return True
        names = (certificate or {}).get("subjectAltName", ())
        return not {_san(kind, value) for kind, value in names}.isdisjoint(allowed)

    def _versions_now(self) -> list[object]:
        return [version_of(path) for path in self.settings.files.values()]


def _san(kind: str, value: str) -> str:
    """Write an address as Go does; OpenSSL writes IPv6 in capitals and at length."""
    return str(ipaddress.ip_address(value.strip())) if kind == "IP Address" else value
