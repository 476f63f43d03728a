"""What others said, as text that is safe to print; counts, ages and lists as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collectors.contract import Seconds
from exporter.doctor.outcome import Look
from exporter.overview.wording import span

LIMIT = 200
"""Characters of somebody else's text within a finding."""
_NAMED = 8
_DAY: Seconds = 86400.0
_AGES: Seconds = 1e12
"""No server's number is larger than this, whatever it says."""
_LABELS = 20
SOON: Seconds = 14 * _DAY
"""Before a certificate's end; as the alert CertificateExpiring has it."""


def cleaned(text: str, limit: int = LIMIT) -> str:
    """Put it on one line of bounded length, without what commands a terminal."""
    text = text[: 4 * limit]  # more of it would be looked at in vain
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def some(names: Iterable[str]) -> str:
    """Name the first ones, and say how many more there are."""
    several = [cleaned(name, 80) for name in names]
    more = f" and {len(several) - _NAMED} more" if len(several) > _NAMED else ""
    return ", ".join(several[:_NAMED]) + more


def counted(number: int, noun: str) -> str:
    """Write ``1 pair``, ``2 pairs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def ago(seconds: Seconds) -> str:
    """Write how long ago it was; clocks may differ by a second, and a server may say that it is no number."""
    return f"{span(round(min(seconds, _AGES)))} ago" if seconds >= 1 else "just now"


def braced(labels: Mapping[str, str]) -> str:
    """Write labels as PromQL has them."""
    return "{" + ", ".join(f'{cleaned(key, 60)}="{cleaned(labels[key], 60)}"' for key in sorted(labels)[:_LABELS]) + "}"


def endurance(look: Look | None, now: float) -> tuple[bool, str]:
    """Tell whether a certificate ends soon, and say how long it is good; ``now`` in seconds since the epoch."""
    if look is None or look.expiry is None:
        return False, ""
    left = look.expiry - now
    if left < 0:
        return True, f"the certificate expired {span(-left)} ago; renew it"
    if left < SOON:
        return True, f"the certificate expires in {span(left)}; renew it"
    return False, f"the certificate is good for {span(left)}"
