"""A certificate's end: how far it is, and whether it is too near."""

from __future__ import annotations

from exporter.certificate_life import ends_soon
from exporter.doctor.outcome import TlsSeen
from exporter.wording import span


def expiry(tls: TlsSeen | None, now: float) -> tuple[bool, str]:
    """Return whether a certificate ends soon, and a sentence about it; ``now`` in seconds since the epoch."""
    if tls is None or tls.expiry is None:
        return False, ""
    left = tls.expiry - now
    if left <= 0:
        return True, f"the certificate expired {span(-left)} ago; renew it"
    if ends_soon(tls.not_before, tls.expiry, now):
        return True, f"the certificate expires in {span(left)}; renew it"
    return False, f"the certificate is good for {span(left)}"
