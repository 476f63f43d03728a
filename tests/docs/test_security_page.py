"""The page of security against the program: what one client may cost."""

from __future__ import annotations

import re

from exporter.web import connections, sending
from tests.docs.markdown import PAGES


def test_the_limits_for_clients_are_those_of_the_program() -> None:
    limits = connections.Limits()
    text = PAGES["security"].section("What a hostile client can cost")
    numbers = [int(number) for number in re.findall(r"\b(?<!IPv)(?<!/)[0-9]+\b", text)]
    assert numbers == [
        limits.connections,
        limits.per_address,
        limits.head,
        limits.unfinished_bytes >> 10,
        limits.send,
        sending.ROOM >> 20,
        limits.handshakes,
    ]
