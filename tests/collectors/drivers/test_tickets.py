"""A login by GSSAPI whose key server hangs: libpq waits for it, and nobody else does."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, struct, sys, time
from pathlib import Path

from tests.name_server import bound_by_both

folder = Path(sys.argv[1])
udp, tcp = bound_by_both("127.0.0.1")
(folder / "krb5.conf").write_text(
    "[libdefaults]\\ndefault_realm = EXAMPLE.COM\\ndns_canonicalize_hostname = false\\n"
    "[realms]\\nEXAMPLE.COM = {\\n kdc = 127.0.0.1:%d\\n}\\n" % udp.getsockname()[1]
)
names = b"".join(struct.pack(">H", len(name)) + name for name in (b"EXAMPLE.COM", b"monitor"))
entry = struct.pack(">H", 1) + names + struct.pack(">IIBHH", 1, 0, 1, 18, 32) + bytes(32)
(folder / "keytab").write_bytes(b"\\5\\2" + struct.pack(">i", len(entry)) + entry)
os.environ |= {
    "KRB5_CONFIG": f"{folder}/krb5.conf", "KRB5_CLIENT_KTNAME": f"{folder}/keytab", "KRB5CCNAME": f"{folder}/tickets"
}

from collectors.sql import postgresql
from tests.collectors.asking import ask
from tests.collectors.peers import Peer
from tests.collectors.sql.scripted import pg, says
from tests.collectors.targets import context, database_target


async def held(for_seconds):
    longest, until = 0.0, time.monotonic() + for_seconds
    while (began := time.monotonic()) < until:
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - began)
    return longest


async def main():
    talk = says(pg(b"R", struct.pack("!i", 7)))
    with Peer(talk) as peer:
        async with postgresql.collector(context()) as probe:
            wanted = database_target(peer.port, client="driver", password=None, timeout=600.0)
            asking = asyncio.ensure_future(ask(probe, wanted, deadline=2))
            print(await held(1.5) < 1, udp.recv(1) != b"", len(peer.clients))
            sys.stdout.flush()
            os._exit(0)  # a thread may wait for the key server yet


asyncio.run(main())
"""


@pytest.mark.programs
def test_the_loop_goes_on_while_a_key_server_is_waited_for(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )

    assert (done.stdout, done.stderr) == ("True True 1\n", "")
