"""When a certificate is too near its end: the rule of the alert CertificateExpiring, for all that speak of one."""

from __future__ import annotations

from collectors.terms import Seconds

_DAY = 86400.0
_ENOUGH: Seconds = 21 * _DAY
"""Where this much is left, less than a quarter of its life is no trouble yet; less than a tenth always is."""
_OF_UNKNOWN_LIFE: Seconds = 14 * _DAY


def ends_soon(not_before: float | None, expiry: float, now: float) -> bool:
    """Return whether too little of its life is left, or nothing; all in seconds since the epoch."""
    left = expiry - now
    if not_before is None:
        return left < _OF_UNKNOWN_LIFE
    life = expiry - not_before
    return left < min(0.25 * life, _ENOUGH) or left < 0.1 * life
