"""What ``make demo FAULT=...`` breaks, how it is mended, and by what it is known that the program says it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from tests.culprits.faults import Mend, removing
from tests.demo.fleet import Demo
from tests.system.flood import Flood


@dataclass(frozen=True)
class Fault:
    """One thing that breaks."""

    what: str
    breaks: Callable[[Demo], Mend]
    host: str
    """The host whose page is read."""
    words: str
    """A pattern of what that page says of the fault."""
    culprit: str
    """A pattern of what ``/fleet`` says of the fault."""


def _cut(demo: Demo) -> Mend:
    return removing(demo.sites.cut_between(demo.hosts["wf001"], demo.hosts["wf008"]))


def _loss(demo: Demo) -> Mend:
    by_chance = ("-m", "statistic", "--mode", "random", "--probability", "0.1")
    return removing(demo.sites.cut_between(demo.hosts["wf001"], demo.hosts["wf008"], *by_chance))


def _slow_peer(demo: Demo) -> Mend:
    demo.delay.write_text("1.4")
    return lambda: demo.delay.write_text("0.001")


def _queue(demo: Demo) -> Mend:
    host = demo.hosts["wf001"]
    return Flood(host, demo.sites.uplink(host), demo.hosts["wfdb01"].address).stop


def _database(demo: Demo) -> Mend:
    demo.database.freeze()
    return demo.database.thaw


def _certificate(demo: Demo) -> Mend:
    demo.serve_site(dt.timedelta(hours=-1))
    return lambda: demo.serve_site(dt.timedelta(days=60))


def _uneven(demo: Demo) -> Mend:
    return removing(demo.sites.kill_parallel(with_icmp=False))


_FULL = r"egress queue \d\d\S* ms"
FAULTS = {
    "cut": Fault(
        "nothing passes between wf001 and wf008",
        _cut,
        "wf001",
        "wf008 or its only link: no answer",
        r"\[PathDegraded\]",
    ),
    "loss": Fault(
        "a tenth of what passes between wf001 and wf008 gets lost, each way",
        _loss,
        "wf001",
        "^wf008 .*network: .*got lost",
        r"\[PathDegraded\]",
    ),
    "slow-peer": Fault(
        "the program `api` on wfdb01 takes 1.4 s to answer", _slow_peer, "wf008", "its program is slow", r"\[PeerSlow\]"
    ),
    "queue": Fault("the uplink of wf001 is full", _queue, "wf001", _FULL, f"^measurement wf001: .*{_FULL}"),
    "database": Fault(
        "the database `orders` on wfdb01 hangs", _database, "wf001", "its program does not answer", r"\[DatabaseDown\]"
    ),
    "certificate": Fault(
        "the certificate of `site` on wfdb01 expired an hour ago", _certificate, "wf008", "expired", r"\[PeerFailing\]"
    ),
    "uneven": Fault(
        "one of eight parallel paths from the USA to Brazil is dead",
        _uneven,
        "wf001",
        "handshakes get lost, ICMP does not",
        r"\[PathUneven\]",
    ),
}
