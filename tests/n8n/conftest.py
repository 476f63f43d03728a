"""A real n8n on a real database, one for each file of tests; none is started where no test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.n8n.server import VERSION, N8n, missing
from tests.netlab import Host, Lab
from tests.system.database_server import Server
from tests.system.databases import started


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    with started("postgresql") as server:
        yield server


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Lab() as lab:
        yield lab.host("n8n")


@pytest.fixture(scope="module")
def n8n(database: Server, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[N8n]:
    assert not missing(VERSION), f"{', '.join(missing(VERSION))}: run tests/n8n/install.sh {VERSION} first"
    n8n = N8n(host, database, tmp_path_factory.mktemp("n8n"))
    n8n.start()
    yield n8n
    n8n.stop()
