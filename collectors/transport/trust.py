"""TLS toward servers: which authorities are trusted, which certificate is sent, and the least version.

The one place that makes contexts of clients, so that they are alike on every Python and whatever the system's
policy is.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

from collectors.contract import ProbeFailed
from collectors.terms import Reason

TlsMode = Literal["disable", "require", "verify-ca", "verify-full"]
"""How a database is met: ``require`` encrypts and trusts anybody, ``verify-ca`` any certificate of the authority."""

_LEAST = ssl.TLSVersion.TLSv1_2
"""RFC 8996; a policy of the system may demand more."""

_NOT_LOADED = {"EE_KEY_TOO_SMALL": " (its key is too short)", "CA_MD_TOO_WEAK": " (its signature is too weak)"}


class OwnCertificate(NamedTuple):
    """What is shown to a server that asks for a certificate: absolute paths of PEM files."""

    cert_file: str
    key_file: str


class UnusableFile(Exception):
    """The file that this ``key`` of a configuration names cannot be used."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


class ClientContext(ssl.SSLContext):
    """A context that knows whether it has a certificate to show."""

    has_own_certificate = False


class Contexts:
    """Contexts, one for each way of trusting, made when first needed: the system's roots take 55 ms to load.

    Files that were replaced are read again.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], tuple[object, ClientContext]] = {}

    def get(
        self,
        ca_file: str | None,
        own_certificate: OwnCertificate | None = None,
        *,
        verify: bool,
        names: bool = True,
        protocols: Sequence[str] = (),
    ) -> ClientContext:
        """Return the context that trusts ``ca_file`` (else the system); ProbeFailed(LOCAL) if a file cannot be read.

        ``names``: a certificate has to be for the host's name. ``protocols`` are offered by ALPN.
        """
        key = (ca_file, own_certificate, verify, names, *protocols)
        version = [version_of(file) for file in (ca_file, *(own_certificate or ())) if file]
        kept = self._kept.get(key)
        if kept is None or kept[0] != version:
            context = client_context(verify=verify, names=names)
            if verify:
                _load_authorities(context, ca_file)
            if own_certificate:
                _load_own(context, own_certificate)
            if protocols:
                context.set_alpn_protocols(list(protocols))
            self._kept[key] = kept = version, context
        return kept[1]


def client_context(*, verify: bool, names: bool = True) -> ClientContext:
    """Return a context that trusts nobody yet, or else anybody.

    Certificates are judged as psql, mysql, curl and Python up to 3.12 judge them: later ones refuse authorities
    without extensions that RFC 5280 demands, such as those that MySQL makes for itself. And what stands in a CA file
    is trusted, be it no root, as in Go, curl and Python from 3.13 on.
    """
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = max(context.minimum_version, _LEAST)
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.check_hostname = verify and names
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    return context


def load_own_certificate(context: ssl.SSLContext, own_certificate: OwnCertificate) -> None:
    """Have a context show a certificate; raises UnusableFile."""
    try:
        context.load_cert_chain(*own_certificate, password=_refuse_to_ask)
    except OSError as error:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            raise UnusableFile("key_file", "is the key of another certificate than cert_file's") from None
        why = _NOT_LOADED.get(error.reason or "", "") if isinstance(error, ssl.SSLError) else f" ({error.strerror})"
        message = f"no usable certificate here or no usable key in key_file{why}; both have to be PEM"
        raise UnusableFile("cert_file", message) from None


def _refuse_to_ask() -> NoReturn:
    """OpenSSL would else ask for the password at the terminal, and wait."""
    raise UnusableFile("key_file", "is encrypted; decrypt it: nobody is there to type its password")


def _load_authorities(context: ssl.SSLContext, ca_file: str | None) -> None:
    if not ca_file:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        raise ProbeFailed(Reason.LOCAL, f"tls_ca_file {ca_file}: no certificate in PEM format") from error
    except OSError as error:
        raise ProbeFailed(Reason.LOCAL, f"tls_ca_file {ca_file}: {error.strerror}") from error


def _load_own(context: ClientContext, own_certificate: OwnCertificate) -> None:
    try:
        load_own_certificate(context, own_certificate)
    except UnusableFile as error:
        path = own_certificate.key_file if error.key == "key_file" else own_certificate.cert_file
        raise ProbeFailed(Reason.LOCAL, f"{error.key} {path}: {error.message}") from error
    context.has_own_certificate = True


def version_of(file: str | Path) -> object:
    """Return a stamp that differs once a file is written anew or replaced, or a link on its path leads elsewhere."""
    try:
        status = Path(file).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
