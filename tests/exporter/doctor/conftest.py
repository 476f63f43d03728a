"""Servers to be asked, and a certificate authority of the tests' own."""

from __future__ import annotations

import pytest

from tests.collectors.peers import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Makes certificates; nobody trusts it who is not told to."""
    return Authority(tmp_path_factory.mktemp("authority"))
