"""A certificate's end: how far it is, and whether it is too near."""

from __future__ import annotations

from collectors.terms import Seconds
from exporter.doctor.outcome import Look
from exporter.wording import span

SOON: Seconds = 14 * 86400.0
"""Before a certificate's end; as the alert CertificateExpiring has it."""


def expiry(look: Look | None, now: float) -> tuple[bool, str]:
    """Return whether a certificate ends soon, and a sentence about it; ``now`` in seconds since the epoch."""
    if look is None or look.expiry is None:
        return False, ""
    left = look.expiry - now
    if left < 0:
        return True, f"the certificate expired {span(-left)} ago; renew it"
    if left < SOON:
        return True, f"the certificate expires in {span(left)}; renew it"
    return False, f"the certificate is good for {span(left)}"
