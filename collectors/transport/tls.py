"""TLS over a stamped stream: the handshake's network time, and the expiry of the served certificate.

TLS runs on memory buffers (``SSLContext.wrap_bio``), so that every byte still passes our own socket
calls and bears the kernel's stamps; what our own cryptography takes is never inside a time.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Self

from collectors import kernel, tls_words
from collectors.contract import Facts
from collectors.failures import TlsRefused
from collectors.terms import Seconds
from collectors.transport import certificate
from collectors.transport.stream import READ_AT_ONCE, Receipt, Stream
from collectors.transport.trust import ClientContext

_RECORD_HEADER = 5
"""Type, version and, in the last two bytes, length (RFC 8446, 5.1)."""
_CONTENT_TYPES = {bytes([content_type]) for content_type in range(20, 25)}
"""change_cipher_spec to heartbeat (RFC 8446, B.1; RFC 6520)."""
_PLAIN_ALERT = b"\x15", 2
"""Its content type, and its length as long as nothing is encrypted: its level and its number."""
_LONGEST_RECORD = (1 << 14) + 2048
"""Encrypted, in TLS 1.2 (RFC 5246, 6.2.3)."""
_CHANGE_CIPHER_SPEC_ALONE = 6
"""Bytes. TLS 1.3's means nothing (RFC 8446, D.4) and comes in the middle of the server's flight: sent then, it would
look like a question that the rest of the flight answers. It goes out with our next flight."""
_TOO_OLD = {"UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "VERSION_TOO_LOW", "TLSV1_ALERT_PROTOCOL_VERSION"}
"""OpenSSL's words where the server speaks old versions alone: ours for its answer, and its own for our question."""
_CERTIFICATE_REQUIRED = "CERTIFICATE_REQUIRED"
_WANTS_ONE = {_CERTIFICATE_REQUIRED, "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "ACCESS_DENIED"}
"""A server's alerts to a client without a certificate (RFC 8446, 6.2), once its own has come: before, all but the first
may be about anything."""
_CHANGED = "what came after the handshake is no TLS: the server, or something in between, broke it"
_UNSAID = "it does not say why"
_REFUSES_OURS = {
    "UNKNOWN_CA": "its authority is unknown there",
    "DECRYPT_ERROR": "it is not signed by an authority that is trusted there",
    "CERTIFICATE_EXPIRED": "it has expired",
    "CERTIFICATE_REVOKED": "it was revoked",
    "UNSUPPORTED_CERTIFICATE": "it is of a kind that is not taken there",
    "ACCESS_DENIED": "it is not let in there",
    "HANDSHAKE_FAILURE": _UNSAID,
    "BAD_CERTIFICATE": _UNSAID,
    "CERTIFICATE_UNKNOWN": _UNSAID,
    _CERTIFICATE_REQUIRED: "it has to be one of an authority that the server names",
}


class Tls:
    """A channel of the same shape as ``Stream``, encrypted; ``handshake`` comes first."""

    def __init__(self, stream: Stream, context: ClientContext, host: str) -> None:
        self._stream, self._ended, self._has_own_certificate = stream, False, context.has_own_certificate
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._alert: int | None = None
        """The number of the latest record's alert, if it is one that can be read."""
        self.certificate: bytes | None = None
        """What the server served, in DER, known after the handshake, also if that failed for its sake."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def handshake(self, facts: Facts) -> Seconds:
        """Return the network's and the peer's time: from each flight of ours to the last byte that answers it.

        Our last flight waits for nothing in TLS 1.3; it goes out with the request.
        """
        took, receipt = 0.0, None
        while not self._advanced(facts):
            if self._outgoing.pending > _CHANGE_CIPHER_SPEC_ALONE:
                took += self._stream.since_send(receipt) if receipt else 0
                await self._stream.send(self._outgoing.read())
            _, receipt = await self._record()
        return took + (self._stream.since_send(receipt) if receipt else 0)

    @property
    def chain(self) -> bytes:
        """All certificates that the server served, in DER, also if the handshake failed for their sake."""
        return b"".join(_chain(self._tls))

    async def send(self, data: bytes) -> None:
        """Send it in one piece, behind what is left of the handshake."""
        self._tls.write(data)
        await self._stream.send(self._outgoing.read())

    def send_at_once(self, data: bytes) -> None:
        """Send what the kernel takes now, and forget the rest: nothing waits for its answer."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.write(data)
        self._stream.send_at_once(self._outgoing.read())

    async def first(self) -> tuple[Receipt, Receipt]:
        """Return when the record began that brought the answer's first bytes, and those.

        Session tickets (TLS 1.3) may come long before the answer.
        """
        while True:
            began, receipt = await self._record()
            plain = self._plain()
            if plain or self._ended:
                return began, receipt._replace(data=plain)

    async def more(self) -> Receipt:
        """Return further bytes; none: the peer has closed."""
        while not self._ended:
            receipt = await self._stream.receive(READ_AT_ONCE)
            self._take(receipt)
            if plain := self._plain():
                return receipt._replace(data=plain)
        return Receipt(b"", None, kernel.now())

    async def _record(self) -> tuple[Receipt, Receipt]:
        """Read one record; return the receipts of its beginning and of its end.

        Never more, or else what belongs to the answer might be read with the handshake: Go's servers send
        their session ticket with it. What is no record is not waited for, TLS will say so.
        """
        began = receipt = await self._stream.exactly(_RECORD_HEADER)
        self._take(began)
        missing = int.from_bytes(began.data[3:], "big")
        if began.data[:1] not in _CONTENT_TYPES or missing > _LONGEST_RECORD:
            missing = 0
        while missing and not self._ended:
            receipt = await self._stream.receive(min(missing, READ_AT_ONCE))
            self._take(receipt)
            missing -= len(receipt.data)
        plain_alert = (began.data[:1], int.from_bytes(began.data[3:], "big")) == _PLAIN_ALERT
        self._alert = receipt.data[-1] if plain_alert and receipt.data else None
        return began, receipt

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Send, without waiting, the alert that ends TLS: that this was all, or what was wrong with the handshake."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._stream.send_at_once(self._outgoing.read())

    def _advanced(self, facts: Facts) -> bool:
        """Go on with the handshake; return whether it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            self._note(next(iter(_chain(self._tls)), None), facts)
            raise self._plainer(error, "the handshake") from None
        self._note(self._tls.getpeercert(binary_form=True), facts)
        return True

    def _note(self, served: bytes | None, facts: Facts) -> None:
        self.certificate = served
        validity = certificate.validity(served) if served else None
        facts.certificate_not_before, facts.certificate_expiry = validity or (None, None)

    def _take(self, receipt: Receipt) -> None:
        if receipt.data:
            self._incoming.write(receipt.data)
        else:
            self._incoming.write_eof()
            self._ended = True

    def _plain(self) -> bytes:
        """Decrypt what has come. TCP's end alone is an end too: HTTP's framing knows if something is missing."""
        pieces = []
        try:
            while piece := self._tls.read(READ_AT_ONCE):
                pieces.append(piece)
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        except tls_words.CUT:
            self._ended = True
        except ssl.SSLError as error:  # in TLS 1.3 what the server thinks of our certificate comes as late as this
            if not tls_words.is_alert(error):
                raise TlsRefused(_CHANGED) from None
            raise self._plainer(error, "the connection") from None
        return b"".join(pieces)

    def _plainer(self, error: ssl.SSLError, ends: str) -> ssl.SSLError:
        """Return an error in the words that fit what else is known; an alert ``ends`` something."""
        reason = error.reason or ""
        if reason in _TOO_OLD:
            return TlsRefused("the server speaks no TLS that is new enough: it must be 1.2 at least (RFC 8996)")
        alert = reason.partition("_ALERT_")[2]
        if self.certificate is None and alert != _CERTIFICATE_REQUIRED:
            return self._as_said(error, ends)
        if self._has_own_certificate and alert in _REFUSES_OURS:
            text = f"the server refuses our client certificate (cert_file): {_REFUSES_OURS[alert]}"
        elif not self._has_own_certificate and alert in _WANTS_ONE:
            text = "the server asks for a client certificate; set cert_file and key_file"
        else:
            return self._as_said(error, ends)
        return TlsRefused(text, misconfigured=True)

    def _as_said(self, error: ssl.SSLError, ends: str) -> ssl.SSLError:
        if isinstance(error, (ssl.SSLCertVerificationError, *tls_words.CUT)):
            return error  # which callers tell apart
        return TlsRefused(tls_words.of(error, self._alert, ends=ends))


def _chain(tls: ssl.SSLObject) -> list[bytes]:
    """Return the certificates that were served, in DER, the server's own first, trusted or not.

    ``getpeercert`` refuses until the handshake is done, but OpenSSL (3.0 and later) keeps the chain that
    was sent, and Python hands it out: publicly since 3.13, before that by the same method of the object
    within. The alternative, a second handshake that trusts anything, costs the peer another connection.
    """
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain())
    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ()]
