"""Basic authentication: who gets in, at what cost, and what a flood of wrong passwords can do."""

import asyncio
import base64
import threading

import bcrypt
import pytest

from exporter.web.config import WebConfig
from exporter.web.config.auth import TokenBucket
from exporter.web.config.passwords import MAX_WAITING_PER_ADDRESS, PasswordChecks
from exporter.web.fair_queues import Busy
from tests.exporter.web.served import Client, serving

SECRET = b"correct horse"
HASH = bcrypt.hashpw(SECRET, bcrypt.gensalt(4))
USERS = {b"alice": HASH, "josé".encode(): HASH}


class Checker:
    """bcrypt without its cost: counts, and waits for leave where the test wants that."""

    def __init__(self):
        self.calls = []
        self.leave = threading.Event()
        self.leave.set()

    def __call__(self, password, bcrypt_hash):
        self.calls.append(bcrypt_hash)
        assert self.leave.wait(5)
        return bcrypt_hash == b"hash of " + password


def basic(user, password):
    return "Basic " + base64.b64encode(user + b":" + password).decode()


async def status(port, authorization=None, method="GET", path="/"):
    line = f"Authorization: {authorization}\r\n" if authorization is not None else ""
    async with Client(port) as client:
        await client.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{line}Connection: close\r\n\r\n".encode())
        answer = b""
        while piece := await asyncio.get_running_loop().sock_recv(client.socket, 65536):
            answer += piece
    return int(answer.split()[1]), answer


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (basic(b"alice", SECRET), 200),
        (basic("josé".encode(), SECRET), 200),
        (basic(b"alice", SECRET).replace("Basic", "bAsIc"), 200),
        (basic(b"alice", b"wrong"), 401),
        (basic(b"alice", b""), 401),
        (basic(b"alice", SECRET + b"\0"), 401),
        (basic(b"alice", b"x" * 4000), 401),
        (basic(b"nobody", SECRET), 401),
        (basic(b"", b""), 401),
        ("Basic " + base64.b64encode(b"alice").decode(), 401),
        ("Basic", 401),
        ("Basic %%%", 401),
        ("Basic \u00e4", 401),
        ("Bearer " + base64.b64encode(b"alice:" + SECRET).decode(), 401),
        (None, 401),
    ],
)
async def test_who_gets_in(authorization, expected):
    async with serving(lambda: WebConfig(users=USERS)) as port:
        code, answer = await status(port, authorization)
    assert code == expected
    assert (b"\r\nWWW-Authenticate: Basic\r\n" in answer) is (expected == 401)


@pytest.mark.parametrize(("method", "path"), [("GET", "/-/healthy"), ("GET", "/unknown"), ("POST", "/"), ("HEAD", "/")])
async def test_every_path_is_protected(method, path):
    async with serving(lambda: WebConfig(users=USERS)) as port:
        assert (await status(port, method=method, path=path))[0] == 401


async def test_a_password_beyond_72_bytes_is_cut_as_go_does():
    users = {b"alice": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))}
    assert await PasswordChecks().is_right(users, b"alice", b"x" * 100)


async def test_verdicts_are_kept_right_and_wrong():
    check, users = Checker(), {b"alice": b"hash of right"}
    checks = PasswordChecks(check)
    for _ in range(3):
        assert await checks.is_right(users, b"alice", b"right")
        assert not await checks.is_right(users, b"alice", b"wrong")
        assert not await checks.is_right(users, b"nobody", b"right")
    assert len(check.calls) == 3


async def test_an_unknown_user_costs_a_check_against_a_hash_in_use():
    check = Checker()
    await PasswordChecks(check).is_right({b"alice": b"hash of right"}, b"nobody", b"right")
    assert check.calls == [b"hash of right"]


async def test_a_changed_hash_or_a_removed_user_voids_the_verdict():
    checks = PasswordChecks(Checker())
    assert await checks.is_right({b"alice": b"hash of old"}, b"alice", b"old")
    assert not await checks.is_right({b"alice": b"hash of new"}, b"alice", b"old")
    assert not await checks.is_right({b"bob": b"hash of old"}, b"alice", b"old")


async def test_a_flood_of_wrong_passwords_displaces_no_right_one_and_is_bounded():
    check, users = Checker(), {b"alice": b"hash of right"}
    checks = PasswordChecks(check)
    await checks.is_right(users, b"alice", b"right")
    for number in range(300):
        await checks.is_right(users, b"alice", b"%d" % number)
    before = len(check.calls)
    assert await checks.is_right(users, b"alice", b"right")
    assert len(check.calls) == before
    assert len(checks._wrong) == 100


async def test_one_check_at_a_time_and_who_is_known_waits_for_nobody():
    check, users = Checker(), {b"alice": b"hash of right"}
    checks = PasswordChecks(check)
    assert await checks.is_right(users, b"alice", b"right")
    check.leave.clear()
    flood = [asyncio.create_task(checks.is_right(users, b"alice", b"%d" % number)) for number in range(20)]
    await asyncio.sleep(0)
    assert await checks.is_right(users, b"alice", b"right")
    assert len(check.calls) <= 2
    check.leave.set()
    assert await asyncio.gather(*flood) == [False] * 20


async def guesses(checks, users, number, address):
    """Begin with so many wrong checks, of which the first is being checked."""
    flood = [asyncio.create_task(checks.is_right(users, b"alice", b"%d" % n, address)) for n in range(number)]
    await asyncio.sleep(0)
    return flood


async def test_the_first_login_from_another_address_waits_for_one_guess_and_not_for_the_flood():
    check, users = Checker(), {b"alice": b"hash of right"}
    check.leave.clear()
    checks = PasswordChecks(check)
    flood = await guesses(checks, users, 60, "192.0.2.1")
    good = asyncio.create_task(checks.is_right(users, b"alice", b"right", "192.0.2.2"))
    await asyncio.sleep(0)
    check.leave.set()
    assert await good
    assert len(check.calls) <= 4
    assert await asyncio.gather(*flood) == [False] * 60


async def test_the_first_login_from_the_same_address_as_the_flood_gets_its_turn_too():
    check, users = Checker(), {b"alice": b"hash of right"}
    check.leave.clear()
    checks = PasswordChecks(check)
    flood = await guesses(checks, users, MAX_WAITING_PER_ADDRESS, "192.0.2.1")
    good = asyncio.create_task(checks.is_right(users, b"alice", b"right", "192.0.2.1"))
    await asyncio.sleep(0)
    check.leave.set()
    assert await good
    assert await asyncio.gather(*flood) == [False] * len(flood)


async def test_where_too_many_of_an_address_wait_the_longest_waiting_is_told_to_come_back():
    check, users = Checker(), {b"alice": b"hash of right"}
    check.leave.clear()
    checks = PasswordChecks(check)
    flood = await guesses(checks, users, MAX_WAITING_PER_ADDRESS + 11, "192.0.2.1")
    check.leave.set()
    verdicts = await asyncio.gather(*flood, return_exceptions=True)
    assert [isinstance(verdict, Busy) for verdict in verdicts] == [False] + [True] * 10 + [False] * 64


async def test_a_login_that_is_given_up_leaves_its_turn_to_the_next():
    check, users = Checker(), {b"alice": b"hash of right"}
    check.leave.clear()
    checks = PasswordChecks(check)
    flood = await guesses(checks, users, 3, "192.0.2.1")
    flood[1].cancel()
    check.leave.set()
    assert await flood[2] is False
    assert await checks.is_right(users, b"alice", b"right")


async def test_the_same_login_twice_at_once_is_checked_once():
    check, users = Checker(), {b"alice": b"hash of right"}
    checks = PasswordChecks(check)
    assert await asyncio.gather(*(checks.is_right(users, b"alice", b"right") for _ in range(5))) == [True] * 5
    assert len(check.calls) == 1


@pytest.mark.clock
async def test_bcrypt_does_not_hold_the_loop():
    slow = {b"alice": bcrypt.hashpw(SECRET, bcrypt.gensalt(12))}
    login = asyncio.create_task(PasswordChecks().is_right(slow, b"alice", SECRET))
    turns = 0
    while not login.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert login.result()
    assert turns > 10  # of some 200; one or two, if it were held


async def test_too_many_logins_are_told_to_come_back(monkeypatch):
    async def busy(*_):
        raise Busy

    monkeypatch.setattr(PasswordChecks, "is_right", busy)
    async with serving(lambda: WebConfig(users=USERS)) as port:
        code, answer = await status(port, basic(b"alice", SECRET))
    assert code == 503
    assert b"\r\nRetry-After: 1\r\n" in answer


async def test_a_reload_takes_effect_at_the_next_request():
    current = WebConfig(users=USERS)
    async with serving(lambda: current) as port:
        assert (await status(port))[0] == 401
        current = WebConfig()
        assert (await status(port))[0] == 200


async def test_no_password_is_kept_or_logged(caplog):
    caplog.set_level(0)
    checks = PasswordChecks()
    await checks.is_right(USERS, b"alice", SECRET)
    await checks.is_right(USERS, b"alice", b"wrong horse")
    kept = repr(vars(checks)) + caplog.text
    assert "horse" not in kept


async def test_headers_are_on_every_response():
    config = WebConfig(users=USERS, headers={"X-Frame-Options": "deny"})
    async with serving(lambda: config) as port:
        for authorization, path in ((None, "/"), (basic(b"alice", SECRET), "/"), (basic(b"alice", SECRET), "/unknown")):
            assert b"\r\nX-Frame-Options: deny\r\n" in (await status(port, authorization, path=path))[1]


async def test_requests_beyond_the_rate_are_refused_before_any_password_is_checked():
    config = WebConfig(users=USERS, token_interval=3600.0, burst=2)
    async with serving(lambda: config) as port:
        assert [(await status(port))[0] for _ in range(4)] == [401, 401, 429, 429]


def test_the_bucket_fills_by_a_token_each_interval():
    now = 0.0
    bucket, config = TokenBucket(lambda: now), WebConfig(token_interval=0.1, burst=3)
    assert [bucket.has_one(config) for _ in range(5)] == [True, True, True, False, False]
    now = 0.25
    assert [bucket.has_one(config) for _ in range(3)] == [True, True, False]
    now = 100.0
    assert [bucket.has_one(config) for _ in range(4)] == [True, True, True, False]
