"""What the program says of a fault, and after how many seconds."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import re
import time
from collections.abc import Callable, Iterator

from tests.culprits.receiver import Message
from tests.demo.faults import Fault
from tests.demo.fleet import Demo

Say = Callable[[str], None]
IsOver = Callable[[], bool]
_BETWEEN_LOOKS = 0.5
_UNREAD = (OSError, http.client.HTTPException, AssertionError)
"""Errors after which a page is asked for again."""
_LONGEST_WAIT = 90.0
_SLOW_TO_END = {"MeasurementInDoubt", "PathUneven", "PeerSlow"}
"""Alerts that are let be while something else breaks: they look back for minutes, and explain nothing else."""
_ALL_FINE = re.compile(r": (\d+) pairs, \1 fine(;|$)")


def wait_until_well(demo: Demo, say: Say, is_over: IsOver) -> bool:
    """Wait until each host finds all fine, and no alert is about to fire; return False if it is over before."""
    say("waiting until all is well")
    until = time.monotonic() + _LONGEST_WAIT
    while not (is_well := _is_well(demo)) and time.monotonic() < until and not is_over():
        time.sleep(_BETWEEN_LOOKS)
    if is_well:
        say("all is well")
    elif not is_over():
        say("something is not well yet; this machine may be too busy")
    return not is_over()


def _is_well(demo: Demo) -> bool:
    """Return whether all pairs are fine. A host may lack CPU for a minute at the start, which is no part of this."""
    with contextlib.suppress(*_UNREAD):
        are_fine = all(_ALL_FINE.search(demo.get(host, "/").partition("\n")[0]) for host in demo.hosts)
        return are_fine and demo.watch.pending() <= _SLOW_TO_END and not demo.is_new
    return False


def tell(demo: Demo, fault: Fault, say: Say, is_over: IsOver) -> None:
    """Break something, write what the page, the fleet and Alertmanager say of it until ``is_over``, and mend it."""
    say(f"broken: {fault.what}; Ctrl-C mends it")
    began, since = time.monotonic(), time.time()
    mend = fault.breaks(demo)
    try:
        looks = [_page(demo, fault), _fleet(demo, fault), _notifications(demo, since)]
        while not is_over():
            for line in filter(None, map(next, looks)):
                say(f"{time.monotonic() - began:4.0f} s  {line}")
            time.sleep(_BETWEEN_LOOKS)
    finally:
        mend()
        say("mended")


def _page(demo: Demo, fault: Fault) -> Iterator[str]:
    """Yield the first line of the host's page, and the line that says what is wrong, as soon as there is one."""
    yield from _once(lambda: _page_now(demo, fault))


def _page_now(demo: Demo, fault: Fault) -> str:
    heading, _, *lines = demo.get(fault.host, "/").splitlines()
    counted = f"curl {fault.host}:9102        {heading.partition('Z: ')[2]}"
    if re.search(fault.words, heading):
        return counted
    line = next((re.sub("  +", "  ", line) for line in lines if re.search(fault.words, line)), "")
    return line and f"{counted}\n{' ' * 30}{line}"


def _fleet(demo: Demo, fault: Fault) -> Iterator[str]:
    """Yield the culprit of the whole fleet as soon as it is named; else nothing."""
    yield from _once(lambda: _fleet_now(demo, fault))


def _fleet_now(demo: Demo, fault: Fault) -> str:
    named = demo.get(fault.host, "/fleet").partition("\n\n")[0].splitlines()
    line = next((line for line in named if re.search(fault.culprit, line)), "")
    return line and f"curl {fault.host}:9102/fleet  {line}"


def _once(look: Callable[[], str]) -> Iterator[str]:
    """Yield what ``look`` returns as soon as it is not empty, and nothing more."""
    seen = ""
    while not seen:
        with contextlib.suppress(*_UNREAD):
            seen = look()
        yield seen
    while True:
        yield ""


def _notifications(demo: Demo, since: float) -> Iterator[str]:
    """Yield Alertmanager's notifications one by one, but not the resolved ones of what was there before."""
    fired: set[str] = set()
    for number in itertools.count():
        while number >= len(messages := demo.watch.receiver.since(since)):
            yield ""
        message = messages[number]
        if not message.is_over:
            fired.add(message.group)
        if message.group in fired:
            yield _in_words(message)


def _in_words(message: Message) -> str:
    """Name the alerts that fire. Resolved ones come along for a while, and are named only if all are resolved."""
    over = "over: " if message.is_over else ""
    names = (name for name, fires in message.alerts.items() if fires or message.is_over)
    return f"Alertmanager           {over}{', '.join(names)}: {message.texts[0]}"
