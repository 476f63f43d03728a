"""A server, and the program beside it, which reads the n8n there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.database_server import Server
from tests.system.databases import started
from tests.system.n8n_program.stage import Stage, staged


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started("postgresql", options=["-c", "max_connections=40"]) as made:
        yield made


@pytest.fixture
def stage(server: Server, tmp_path: Path) -> Iterator[Stage]:
    with staged(server, tmp_path) as stage:
        yield stage
