"""Ancillary data, by value."""

from __future__ import annotations

import pytest

from collectors.ancillary import packed, pieces


@pytest.mark.parametrize("data", [b"", b"1", b"12345678", b"123456789"])
def test_ancillary_data_is_read_as_it_was_written(data: bytes) -> None:
    control = packed(1, 37, data) + packed(41, 52, b"last")
    assert list(pieces(control)) == [(1, 37, data), (41, 52, b"last")]


@pytest.mark.parametrize("rubbish", [b"", bytes(7), bytes(40), b"\x01" * 40])
def test_rubbish_for_ancillary_data_ends(rubbish: bytes) -> None:
    assert len(list(pieces(rubbish))) < 4
