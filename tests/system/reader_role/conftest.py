"""A server with n8n's tables, whose owner is no administrator, and the reader that the role is made for."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from collectors.n8n.reader import Reader
from tests.collectors.targets import context
from tests.system.database_server import Server
from tests.system.reader_role.owned import PLACES, N8n, made, server_with_owner


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_with_owner() as started:
        yield started


@pytest.fixture(params=PLACES, ids=["1", "2", "named"])
def n8n(request: pytest.FixtureRequest, server: Server) -> Iterator[N8n]:
    with made(server, request.param) as one:
        yield one


@pytest.fixture
def newer(server: Server) -> Iterator[N8n]:
    with made(server, PLACES[1]) as one:
        yield one


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    with contextlib.closing(Reader(context())) as made:
        yield made
