"""A server that asks for more iterations of SCRAM than a life has time for: libpq computes, and nobody else waits."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, base64, os, struct, sys, time

from collectors.contract import Facts
from collectors.sql import postgresql
from tests.collectors.asking import ask
from tests.collectors.peers import Peer
from tests.collectors.sql.scripted import SASL, pg
from tests.collectors.targets import context, database_target


def talk(connection):
    connection.recv(65536)
    connection.sendall(SASL)
    nonce = connection.recv(65536).split(b",r=")[1]
    first = b"r=" + nonce + b"more,s=" + base64.b64encode(b"salt") + b",i=2147483647"
    connection.sendall(pg(b"R", struct.pack("!i", 11) + first))
    while connection.recv(65536):
        pass


async def held(asking):
    longest = 0.0
    while not asking.done():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - began)
    return longest


async def main():
    with Peer(talk) as peer:
        async with postgresql.collector(context()) as probe:
            wanted = database_target(peer.port, client="driver", timeout=600.0)
            for _ in range(2):
                facts = Facts()
                asking = asyncio.ensure_future(ask(probe, wanted, facts, deadline=1))
                print(await held(asking) < 0.8, type(asking.exception()).__name__, facts.phase, facts.is_queued)
            sys.stdout.flush()
            os._exit(0)  # the thread computes yet


asyncio.run(main())
"""


@pytest.mark.programs
def test_the_loop_goes_on_while_libpq_computes_and_the_next_probe_of_that_server_waits_for_its_thread():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)

    assert (done.stdout, done.stderr) == ("True TimeoutError auth False\nTrue TimeoutError None True\n", "")
