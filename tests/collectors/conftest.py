"""What tests of several collectors take."""

import pytest

from collectors import kernel
from tests.collectors.peers import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Makes certificates; nobody trusts it who is not told to."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session", autouse=True)
def _stamping():
    """Switch the kernel's receive stamps on, which takes it some milliseconds, before anything is measured."""
    with kernel.keep_stamping() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(1)
        for _ in range(1000):
            sock.sendto(b"", sock.getsockname())
            if kernel.receive_stamp(sock.recvmsg(1, 256)[1]) is not None:
                break
        yield
