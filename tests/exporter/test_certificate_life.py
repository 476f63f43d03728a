"""When a certificate ends soon."""

from __future__ import annotations

import pytest

from exporter.certificate_life import ends_soon

NOW = 1_800_000_000.0
DAY = 86400.0
LIVES = {
    # days of its life, None where its beginning is not known; days left; whether that is too little
    "enough": (90, 30, False),
    "less than a quarter, and more than 21 days": (90, 21.1, False),
    "less than a quarter, and less than 21 days": (90, 20.9, True),
    "a year, less than a tenth of it": (365, 30, True),
    "a year, more than a tenth of it": (365, 37, False),
    "200 days, 18 of them": (200, 18, True),
    "ten years, 300 days": (3650, 300, True),
    "ten years, 400 days": (3650, 400, False),
    "47 days, more than a quarter of them": (47, 13.5, False),
    "47 days, less than a quarter of them": (47, 11.5, True),
    "6 days, new": (6, 5.9, False),
    "6 days, more than a quarter of them": (6, 1.6, False),
    "6 days, less than a quarter of them": (6, 1.4, True),
    "not valid yet": (90, 91, False),
    "expired": (90, -2, True),
    "expired, and its beginning is not known": (None, -2, True),
    "its beginning is not known, 13.9 days": (None, 13.9, True),
    "its beginning is not known, 14.1 days": (None, 14.1, False),
}


@pytest.mark.parametrize(("life", "left", "soon"), LIVES.values(), ids=LIVES)
def test_how_much_is_too_little_depends_on_its_life(life: float | None, left: float, soon: bool) -> None:
    expiry = NOW + left * DAY
    assert ends_soon(None if life is None else expiry - life * DAY, expiry, NOW) is soon
