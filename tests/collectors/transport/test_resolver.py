"""Names to addresses, against a name server of our own on loopback."""

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pycares
import pytest

from collectors.contract import ProbeFailed
from collectors.terms import IpFamily, Reason
from collectors.transport import resolver
from tests.collectors import resources
from tests.name_server import NameServer, name_server

IPV4, IPV6 = IpFamily.IPV4, IpFamily.IPV6


@pytest.fixture
async def server():
    async with name_server() as server:
        yield server


async def lookup(name, family, nameservers=()):
    return (await resolver.addresses(name, family, nameservers))[0]


async def failing(name, family, *nameservers):
    with pytest.raises(ProbeFailed) as caught:
        await lookup(name, family, nameservers)
    assert caught.value.reason is Reason.DNS
    return caught.value.detail


async def test_each_family_gets_its_own_addresses_sorted(server):
    server.names["a.test"] = ["192.0.2.9", "192.0.2.10", "192.0.2.1", "2001:db8::2"]
    assert await resolver.addresses("a.test", IPV4, [server.address]) == ("192.0.2.1", "192.0.2.10", "192.0.2.9")
    assert await lookup("a.test", IPV4, [server.address]) == "192.0.2.1"
    assert await lookup("a.test", IPV6, [server.address]) == "2001:db8::2"


async def test_each_lookup_asks_anew_and_so_sees_an_address_that_changes(server):
    server.names["a.test"] = ["192.0.2.1"]
    assert await lookup("a.test", IPV4, [server.address]) == "192.0.2.1"
    server.names["a.test"] = ["192.0.2.2"]
    assert await lookup("a.test", IPV4, [server.address]) == "192.0.2.2"
    assert len(server.asked) == 2


async def test_a_name_that_appears_later_is_found_then(server):
    assert await failing("later.test", IPV4, server.address) == "later.test: Domain name not found"
    server.names["later.test"] = ["192.0.2.1"]
    assert await lookup("later.test", IPV4, [server.address]) == "192.0.2.1"


async def test_a_name_without_an_address_of_the_family_fails(server):
    server.names["four.test"] = ["192.0.2.1"]
    assert await failing("four.test", IPV6, server.address) == "four.test: it has no address of this family"


@pytest.mark.parametrize(
    ("family", "answers"), [(IPV4, "0.0.0.0"), (IPV4, "255.255.255.255"), (IPV6, "::"), (IPV6, "::ffff:0.0.0.0")]
)
async def test_an_address_that_no_host_has_is_none_whatever_the_resolver_says(family, answers, server):
    server.names["blocked.test"] = [answers]
    detail = await failing("blocked.test", family, server.address)
    assert detail == f"the resolver answers {answers} for blocked.test: no host has this address; a filter?"


async def test_among_others_an_address_that_no_host_has_is_left_out(server):
    server.names["half.test"] = ["0.0.0.0", "192.0.2.3", "224.0.0.1"]
    assert await resolver.addresses("half.test", IPV4, [server.address]) == ("192.0.2.3",)


@pytest.mark.parametrize(("family", "answer"), [(IPV6, "192.0.2.1"), (IPV4, "2001:db8::1"), (IPV6, "::ffff:192.0.2.1")])
async def test_an_address_of_the_other_family_is_no_answer(family, answer, server):
    server.names["odd.test"], server.careless = [answer], {"odd.test"}
    detail = await failing("odd.test", family, server.address)
    assert detail == f"the resolver answers {answer} for odd.test, which is no {family} address"
    server.names["odd.test"].append(good := {IPV4: "192.0.2.7", IPV6: "2001:db8::7"}[family])
    assert await resolver.addresses("odd.test", family, [server.address]) == (good,)


async def test_an_address_of_one_link_alone_is_left_out_or_named(server):
    server.names["near.test"] = ["fe80::1"]
    assert await failing("near.test", IPV6, server.address) == (
        "the resolver answers fe80::1 for near.test, which is valid on one link alone, and nothing says on which"
    )
    server.names["near.test"].append("2001:db8::7")
    assert await lookup("near.test", IPV6, [server.address]) == "2001:db8::7"


@pytest.mark.parametrize(
    ("family", "answers", "chosen"),
    [
        (IPV4, ["0.0.0.0", "127.0.0.1", "127.0.1.1", "192.0.2.3"], ("192.0.2.3",)),
        (IPV6, ["::1", "2001:db8::3"], ("2001:db8::3",)),
        (IPV4, ["127.0.1.1", "127.0.0.1"], ("127.0.0.1", "127.0.1.1")),
    ],
)
async def test_loopback_is_chosen_only_if_there_is_nothing_else(family, answers, chosen, server):
    server.names["half.test"] = answers
    assert await resolver.addresses("half.test", family, [server.address]) == chosen


@pytest.mark.parametrize(("address", "family"), [("0.0.0.0", IPV4), ("ff02::1", IPV6)])
async def test_a_literal_address_that_no_host_has_fails(address, family):
    assert (await failing(address, family)).startswith(f"{address} is the address of no single host")


@pytest.mark.parametrize(("address", "family"), [("192.0.2.7", IPV4), ("2001:db8::7", IPV6)])
async def test_a_literal_address_needs_no_lookup(address, family, server):
    assert await resolver.addresses(address, family, [server.address]) == (address,)
    assert server.asked == []


async def test_a_literal_address_of_the_other_family_fails():
    assert await failing("192.0.2.7", IPV6) == "192.0.2.7 is no ipv6 address"
    assert await failing("::1", IPV4) == "::1 is no ipv4 address"


@pytest.mark.parametrize(("family", "address"), [(IPV4, "127.0.0.1"), (IPV6, "::1")])
@pytest.mark.parametrize("name", ["localhost", "any.localhost"])
async def test_localhost_is_loopback_whatever_the_resolver_says(name, family, address, server):
    assert await lookup(name, family, [server.address]) == address
    assert server.asked == []


@pytest.mark.root
def test_the_systems_files_are_read_anew_at_each_lookup(tmp_path):
    for name in ("hosts", "resolv.conf"):
        (tmp_path / name).touch()
    script = "mount --bind hosts /etc/hosts && mount --bind resolv.conf /etc/resolv.conf && exec $0 $1"
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, sys.executable, __file__],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(resolver.__file__).parents[1]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.split() == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], run.stderr


async def with_files_of_its_own(hosts, resolv_conf):
    """What the test above runs where /etc/hosts and /etc/resolv.conf are its own to change."""
    for number in (1, 3):
        transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
            NameServer, local_addr=("127.0.0.1", 0)
        )
        server.names["asked.test"] = [f"192.0.2.{number + 1}"]
        hosts.write_text(f"192.0.2.{number} box\n")
        resolv_conf.write_text("nameserver [{}]:{}\n".format(*server.address.split(":")))
        print(await lookup("box", IPV4), await lookup("asked.test", IPV4))
        transport.close()


async def test_search_domains_are_tried(server, monkeypatch):
    monkeypatch.setenv("LOCALDOMAIN", "corp.test")
    server.names["box.corp.test"] = ["192.0.2.1"]
    assert await lookup("box", IPV4, [server.address]) == "192.0.2.1"


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".test", "x." * 200, "ü" * 70, "\ud800", "a b", "", "."])
async def test_what_can_be_no_name_fails_and_breaks_nothing(name, server):
    detail = await failing(name, IPV4, server.address)
    assert detail.isprintable()


async def test_a_name_beyond_ascii_is_asked_for_in_idna(server):
    server.names["xn--bcher-kva.test"] = ["192.0.2.1"]
    assert await lookup("bücher.test", IPV4, [server.address]) == "192.0.2.1"


async def test_nobody_at_the_name_servers_address_fails_at_once():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    assert await failing("a.test", IPV4, f"127.0.0.1:{port}") == "a.test: no name server could be reached"


async def test_a_silent_resolver_delays_no_other_lookup(server):
    server.names |= {"silent.test": None, "a.test": ["192.0.2.1"]}
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(lookup("silent.test", IPV4, [server.address]))
        async with asyncio.timeout(1):
            assert await lookup("a.test", IPV4, [server.address]) == "192.0.2.1"
        waiting.cancel()


@pytest.mark.clock
async def test_a_silent_resolver_ends_by_itself_within_the_default_timeout_of_a_probe(server, monkeypatch):
    monkeypatch.setattr(resolver, "TIMEOUT", 0.05)
    server.names["silent.test"] = None
    assert await failing("silent.test", IPV4, server.address) == "silent.test: no name server answered in time"
    assert server.asked == ["silent.test"] * 2


@pytest.mark.clock
async def test_a_cancelled_lookup_leaves_no_descriptor_no_reader_and_no_thread(server):
    server.names["silent.test"] = None
    await failing("warm.up", IPV4, server.address)  # pycares keeps one thread for ever
    before = settled(), resources.readers(), threading.active_count(), native_threads()
    for _ in range(200):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await lookup("silent.test", IPV4, [server.address])
    assert (settled(), resources.readers(), threading.active_count(), native_threads()) == before


def native_threads():
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def settled():
    """Descriptors, once pycares' thread has closed those it was handed."""
    done = threading.Event()
    while not pycares._shutdown_manager._queue.empty():
        done.wait(0.01)
    done.wait(0.05)
    return resources.descriptors()


if __name__ == "__main__":
    asyncio.run(with_files_of_its_own(Path("/etc/hosts"), Path("/etc/resolv.conf")))


async def test_an_address_has_the_name_of_its_record_without_the_dot_at_the_end(server):
    server.reverse = {"192.0.2.7": "seven.a.test", "2001:db8::7": "six.a.test"}
    assert await resolver.name_of("192.0.2.7", [server.address]) == "seven.a.test"
    assert await resolver.name_of("2001:db8::7", [server.address]) == "six.a.test"
    with pytest.raises(ProbeFailed, match=r"^\(.*192\.0\.2\.8: Domain name not found") as caught:
        await resolver.name_of("192.0.2.8", [server.address])
    assert (caught.value.reason, caught.value.misconfigured) == (Reason.DNS, True)
