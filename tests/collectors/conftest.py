"""What tests of several collectors take."""

import pytest

from tests.collectors.peers import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Makes certificates; nobody trusts it who is not told to."""
    return Authority(tmp_path_factory.mktemp("authority"))
