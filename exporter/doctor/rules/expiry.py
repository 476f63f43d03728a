"""A certificate's end: how far it is, and whether it is too near."""

from __future__ import annotations

from collectors.terms import Seconds
from exporter.doctor.outcome import TlsSeen
from exporter.wording import span

SOON: Seconds = 14 * 86400.0
"""Before a certificate's end; as the alert CertificateExpiring has it where the beginning is not known."""


def expiry(tls: TlsSeen | None, now: float) -> tuple[bool, str]:
    """Return whether a certificate ends soon, and a sentence about it; ``now`` in seconds since the epoch."""
    if tls is None or tls.expiry is None:
        return False, ""
    left = tls.expiry - now
    if left < 0:
        return True, f"the certificate expired {span(-left)} ago; renew it"
    if left < SOON:
        return True, f"the certificate expires in {span(left)}; renew it"
    return False, f"the certificate is good for {span(left)}"
