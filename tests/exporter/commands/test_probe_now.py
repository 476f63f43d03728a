"""``latency-exporter probe``: what it probes, what it says of that, and the way there."""

from __future__ import annotations

import datetime as dt
import re
import types
from pathlib import Path
from typing import Any

import icmplib
import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Reply
from collectors.terms import Reason
from exporter.commands.probe_now import describe, probe_now, routes
from exporter.overview import Overview
from exporter.probing.single import ProbeResult
from exporter.recording.own_health import OwnHealth
from tests.authority import Authority
from tests.collectors.peers import OK, Peer, answering, silent
from tests.exporter.pages import ANSWERS, DATABASE, SMALL, TIMEOUT, Small


@pytest.mark.clock
async def test_each_pair_is_probed_once_over_an_address_that_was_looked_up_for_it(tmp_path: Path) -> None:
    with Peer(silent) as peer:
        text = f"""\
hosts:
  - {{name: here, address: 127.0.0.1}}
  - {{name: there, address: localhost}}
probes:
  tcp: {{protocol: tcp, port: {peer.port}}}
defaults: {{ip_families: [ipv4]}}
"""
        small = Small(tmp_path, text, "here")
        (result,) = await probe_now(small.pairs)
        await peer.has_served(1)
    assert result.pair is small.pairs[0]
    assert isinstance(result.outcome, Reply), result.outcome
    assert result.facts.address == "127.0.0.1"
    assert len(peer.clients) == 1


def test_only_what_was_asked_for_is_told_and_the_others_are_witnesses(tmp_path: Path) -> None:
    small = Small(tmp_path)
    icmp, tcp = small.pair("wf008", "icmp"), small.pair("wf008", "tcp")
    results = [ProbeResult(icmp, Facts(), ANSWERS["icmp"], 0.1), ProbeResult(tcp, Facts(), TIMEOUT, 0.1)]
    text, well = describe(results, [icmp], OwnHealth())
    assert "wf008 icmp" in text
    assert "wf008 tcp" not in text
    assert well
    text, well = describe(results, [icmp, tcp], OwnHealth())
    assert "wf008 tcp" in text
    assert not well


@pytest.mark.clock
@pytest.mark.parametrize(
    ("since", "until", "line", "verdict"),
    [
        (-181.8, 18.2, "certificate until .*, 18 days left", "fine: its certificate ends in 18 days"),
        (-88, -2.1, "certificate expired 2 days ago, on .*", "fine: its certificate expired 2 days ago"),
        (-0.2, 5.8, "certificate until .*, 6 days left", "fine"),
    ],
)
async def test_a_certificate_that_ends_soon_is_beside_the_verdict_and_on_the_page_and_no_fault(
    tmp_path: Path, authority: Authority, since: float, until: float, line: str, verdict: str
) -> None:
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    tls = authority.server("localhost", since=now + since * day, until=now + until * day)
    with Peer(answering(OK), tls=tls) as peer:
        text = f"""\
hosts: [{{name: here, address: 127.0.0.1}}]
endpoints:
  - {{name: site, probe: {{protocol: http, url: "https://localhost:{peer.port}/", tls_verify: false}}}}
defaults: {{ip_families: [ipv4]}}
"""
        small = Small(tmp_path, text, "here")
        (result,) = await probe_now(small.pairs)
    told, well = describe([result], small.pairs, OwnHealth())
    assert well
    assert re.search(rf"^  {line}\n  verdict: {verdict}\n\Z", told, re.MULTILINE), told
    small.recorder.probe_ended(result.pair, result.facts, result.outcome)
    page = b"".join(Overview(lambda: "here", small.recorder.states, small.recorder.own_health).pieces("text", {}, 1))
    head, _, of_the_site, *_ = page.decode().splitlines()
    assert head.endswith(": 1 pair, 1 fine")
    assert of_the_site.rpartition("  ")[2] == verdict


class Walks:
    """Stands where ``icmplib.traceroute`` is: it walks the same hops each time, or not at all."""

    def __init__(self, *hops: tuple[int, str, float], error: Exception | None = None) -> None:
        self._hops = [types.SimpleNamespace(distance=far, address=at, avg_rtt=ms) for far, at, ms in hops]
        self._error = error
        self.walked: list[tuple[str, int]] = []

    def __call__(self, address: str, *, family: int, **_: Any) -> list[Any]:
        self.walked.append((address, family))
        if self._error:
            raise self._error
        return self._hops


def test_the_way_to_each_address_is_walked_once_and_silent_routers_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = Walks((1, "192.0.2.254", 0.5), (4, "192.0.2.8", 351.0))
    monkeypatch.setattr(icmplib, "traceroute", walks)
    small = Small(tmp_path)
    all_three = [small.pair("wf008", probe) for probe in ("icmp", "tcp", "ping")]
    text = "".join(routes([ProbeResult(pair, Facts(address="192.0.2.8"), ANSWERS["icmp"], 0.1) for pair in all_three]))
    assert walks.walked == [("192.0.2.8", 4)]
    assert text == (
        "\nroute to wf008.example over ipv4\n"
        f"  1   {'192.0.2.254':<40} 500 µs\n"
        "  2-3 no answer\n"
        f"  4   {'192.0.2.8':<40} 351 ms\n"
    )


@pytest.mark.parametrize(
    ("walks", "beginning"),
    [
        (Walks(), "  nobody answered within 30 hops\n"),
        (
            Walks(error=icmplib.SocketPermissionError(True)),
            "  needs a raw socket: run it as root, or grant CAP_NET_RAW\n",
        ),
        (Walks(error=OSError(101, "Network is unreachable")), "  the route cannot be traced: "),
        (Walks(error=icmplib.ICMPSocketError("no socket")), "  the route cannot be traced: no socket\n"),
    ],
)
def test_why_there_is_no_way_to_be_shown_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, walks: Walks, beginning: str
) -> None:
    monkeypatch.setattr(icmplib, "traceroute", walks)
    pair = Small(tmp_path).pair("wf008", "icmp")
    head, text = routes([ProbeResult(pair, Facts(address="192.0.2.8"), TIMEOUT, 0.1)])
    assert head == "\nroute to wf008.example over ipv4\n"
    assert text.startswith(beginning)
    assert "Errno" not in text


def test_a_name_without_an_address_has_no_way_and_a_socket_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = Walks()
    monkeypatch.setattr(icmplib, "traceroute", walks)
    by_socket = DATABASE.replace("host: wf008", "socket: /run/postgresql").replace(", tls: require", "")
    small = Small(tmp_path, SMALL + by_socket)
    unknown = ProbeFailed(Reason.DNS, "wf008.example: no address")
    text = "".join(
        routes(
            [
                ProbeResult(small.pair("wf008", "icmp"), Facts(), unknown, 0.1),
                *(ProbeResult(pair, Facts(), TIMEOUT, 0.1) for pair in small.pairs if pair.database),
            ]
        )
    )
    assert text == "\nroute to wf008.example over ipv4\n  it has no address\n"
    assert walks.walked == []
