import asyncio
import gc
import socket
import threading

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.turn import Stopped, Turn
from collectors.drivers.worker import Worker
from collectors.terms import Phase, Reason


@pytest.mark.parametrize("ends_first", [True, False])
def test_a_turn_that_ends_shuts_the_socket_that_its_library_waits_on(ends_first):
    turn = Turn(600.0)
    one, other = socket.socketpair()
    with one, other:
        if ends_first:
            turn.end()
        turn.shut_at_end(one)
        turn.end()
        assert other.recv(1) == b""
    turn.close()


def test_a_turn_that_is_over_shuts_nothing_any_more():
    turn = Turn(600.0)
    one, other = socket.socketpair()
    with one, other:
        turn.shut_at_end(one)
        turn.close()
        turn.end()
        one.send(b"x")
        assert other.recv(1) == b"x"


async def test_work_that_is_given_up_tells_what_it_has_seen_and_the_next_one_waits_for_its_end():
    worker, going_on, order = Worker("test"), threading.Event(), []

    def hangs(turn):
        turn.facts.phase = Phase.TLS
        begun.set()
        assert going_on.wait(10)
        turn.facts.phase = Phase.AUTH
        order.append("first")

    begun, facts = threading.Event(), Facts()
    running = asyncio.ensure_future(worker.run(hangs, 600.0, facts))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    await asyncio.wait([running])
    assert (running.cancelled(), facts.phase) == (True, Phase.TLS)
    following = asyncio.ensure_future(worker.run(lambda _: order.append("second"), 600.0, facts))
    going_on.set()
    await following
    assert order == ["first", "second"]
    assert facts.phase is Phase.TLS
    worker.end(lambda: None)


@pytest.mark.parametrize(("ends_by", "logged"), [(Stopped, []), (ProbeFailed, []), (KeyError, [KeyError])])
async def test_how_work_ended_that_was_given_up_is_logged_if_it_is_a_bug_alone(ends_by, logged):
    worker, begun, going_on, seen = Worker("test"), threading.Event(), threading.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(type(context["exception"])))

    def work(_turn):
        begun.set()
        assert going_on.wait(10)
        raise ends_by(Reason.RESET)

    running = asyncio.ensure_future(worker.run(work, 600.0, Facts()))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    await asyncio.wait([running])
    going_on.set()
    await asyncio.wrap_future(worker.end(lambda: None))
    del running  # it holds what asyncio logs when it goes
    gc.collect()
    await asyncio.sleep(0)
    assert seen == logged
