"""Who is asked when, and the three formats of what was seen."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Mapping
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter.fleet import Fleet, PeerExporter, load
from exporter.fleet_view.culprits import NoPage
from exporter.fleet_view.fleet_view import APART, FleetView
from exporter.fleet_view.reports import HostReport
from exporter.overview import PageFormat
from tests.exporter.fleet_view.fleets import failing, lost, pair, report
from tests.exporter.fleet_view.test_reports import PAGE
from tests.exporter.probing.virtual_time import skip

HOSTS = """
hosts:
  - {name: a, address: a.example, datacenter: x}
  - {name: "b<i>", address: b.example, datacenter: y}
  - {name: c, address: c.example, exporter: false, state: maintenance}
endpoints:
  - {name: site, probe: {protocol: http, url: "http://site.example/"}}
probes: {icmp: {protocol: icmp}}
"""
LINKS = {"this host": "/", "as text": "/fleet?format=text"}
EVIL = "<script>alert(1)</script>\x1b[2J"


class Peers:
    """Stands for the peers: counts who is asked, and answers when it is let."""

    def __init__(self, page: HostReport | NoPage) -> None:
        self.page = page
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def pages(self, peers: Collection[PeerExporter]) -> Mapping[str, HostReport | NoPage]:
        self.asked += [peer.name for peer in peers]
        await self.may_answer.wait()
        return {peer.name: self.page for peer in peers}


def fleet_of(folder: Path, text: str = HOSTS) -> Fleet:
    path = folder / "fleet.yml"
    path.write_text(text)
    return load(path)


def pages_of(fleet: Fleet, peers: Peers, own: object = PAGE) -> FleetView:
    async def own_page() -> bytes:
        return json.dumps(own).encode()

    current = SimpleNamespace(fleet=fleet, host=fleet.hosts[0])
    return FleetView(lambda: current, own_page, peers)  # type: ignore[arg-type]  # asks nobody


async def shown(pages: FleetView, page_format: PageFormat = "text") -> str:
    return b"".join(await pages.pieces(page_format, LINKS)).decode()


async def test_nobody_is_asked_until_somebody_looks_and_then_only_those_with_an_exporter(tmp_path: Path) -> None:
    peers = Peers(report())
    pages = pages_of(fleet_of(tmp_path), peers)
    assert peers.asked == []
    await shown(pages)
    assert peers.asked == ["b<i>"]


async def test_however_many_look_each_peer_is_asked_once_in_ten_seconds(tmp_path: Path) -> None:
    peers = Peers(report())
    pages = pages_of(fleet_of(tmp_path), peers)
    peers.may_answer.clear()
    looks = [asyncio.create_task(shown(pages, kind)) for kind in ("text", "html", "json") for _ in range(5)]
    while not peers.asked:
        await asyncio.sleep(0)
    peers.may_answer.set()
    await asyncio.gather(*looks)
    await shown(pages)
    assert len(peers.asked) == 1
    skip(APART)
    await asyncio.gather(*(shown(pages) for _ in range(5)))
    assert len(peers.asked) == 2


async def test_who_goes_away_ends_nothing_and_nobody_is_asked_twice(tmp_path: Path) -> None:
    peers = Peers(report())
    pages = pages_of(fleet_of(tmp_path), peers)
    peers.may_answer.clear()
    first, second = (asyncio.create_task(shown(pages)) for _ in range(2))
    while not peers.asked:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    third = asyncio.create_task(shown(pages))
    await asyncio.sleep(0)
    peers.may_answer.set()
    assert "exporters asked" in await second
    assert await third == await second
    assert len(peers.asked) == 1


async def test_a_look_that_takes_longer_than_ten_seconds_is_waited_for(tmp_path: Path) -> None:
    peers = Peers(report())
    pages = pages_of(fleet_of(tmp_path), peers)
    peers.may_answer.clear()
    first = asyncio.create_task(shown(pages))
    while not peers.asked:
        await asyncio.sleep(0)
    skip(APART)
    second = asyncio.create_task(shown(pages))
    await asyncio.sleep(0)
    peers.may_answer.set()
    assert await second == await first
    assert len(peers.asked) == 1


async def test_a_password_that_lacks_is_this_hosts_fault_and_where_it_is_kept_is_for_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    peers = Peers(report())
    fleet = fleet_of(tmp_path, f"{HOSTS}peers: {{user: me, password_file: nowhere}}")
    text = await shown(pages_of(fleet, peers, {**PAGE, "pairs": [pair("b<i>")]}))
    assert peers.asked == []
    why = "no page of b<i>: this host cannot ask: peers.password_file cannot be used; its log says why"
    assert text.startswith(f"configuration a: {why}\n\n")
    assert f"\n{why}\n" in text
    assert str(tmp_path) not in text
    assert f"{tmp_path}/fleet.yml:9: peers.password_file: " in caplog.text


async def test_the_text_begins_with_the_culprit_and_ends_with_the_matrix(tmp_path: Path) -> None:
    own = {**PAGE, "pairs": [lost("b<i>"), pair("c"), pair("site", "http", protocol="http")]}
    peers = Peers(NoPage("no connection within 3 s"))
    lines = (await shown(pages_of(fleet_of(tmp_path), peers, own))).splitlines()
    assert lines[0] == (
        "host b<i>: a alone asks it, and gets no answer from it by any protocol: it is down, or the way between the "
        "two, or the link of a [HostUnreachable]"
    )
    title = r"The fleet as asked from a by latency-exporter \S+, \S+Z: 1 of 2 exporters asked; 3 paths, 1 of them bad"
    assert re.fullmatch(title, lines[2])
    assert lines[3:] == [
        "no page of b<i>: no connection within 3 s",
        "in maintenance: c",
        "",
        r"from \ to  a  b<i>  c      site",
        "a          ·  lost  80 ms  80 ms",
        "b<i>       ?  ·     ?      ?",
    ]


async def test_a_fleet_that_is_well_says_so_first(tmp_path: Path) -> None:
    pages = pages_of(fleet_of(tmp_path), Peers(report(pair("a"))), {**PAGE, "pairs": [pair("b<i>")]})
    assert (await shown(pages)).startswith("nothing is wrong, as far as can be seen\n\nThe fleet as asked from a by ")


async def test_the_json_has_culprits_hosts_paths_and_cells(tmp_path: Path) -> None:
    own = {**PAGE, "pairs": [pair("b<i>"), failing("site", "http", "status", protocol="http")]}
    page = json.loads(await shown(pages_of(fleet_of(tmp_path), Peers(NoPage("refused")), own), "json"))
    assert page["asked_from"] == "a"
    assert [(culprit["kind"], culprit["name"], culprit["alert"]) for culprit in page["culprits"]] == [
        ("exporter", "b<i>", "LatencyExporterDown"),
        ("program", "http of site", "PeerFailing"),
    ]
    assert [(host["name"], host["asked"], host["no_page"]) for host in page["hosts"]] == [
        ("a", True, None),
        ("b<i>", False, "refused"),
        ("c", False, None),
    ]
    assert [(path["source"], path["target"], path["bad"]) for path in page["paths"]] == [
        ("a", "b<i>", False),
        ("a", "site", False),
    ]
    assert {"source": "a", "target": "site", "state": "bad", "word": "status"} in page["cells"]


class Tags(HTMLParser):
    """Which elements a page has, and which addresses it names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.named: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.named += [value or "" for name, value in attrs if name in {"href", "src", "action", "style"}]


@pytest.mark.parametrize("field", ["reason", "why", "word", "probe"])
async def test_no_text_of_a_peer_becomes_more_than_text(tmp_path: Path, field: str) -> None:
    verdict = {"word": EVIL if field == "word" else "peer", "why": EVIL}
    bad = failing("a", EVIL if field == "probe" else "ping", EVIL if field == "reason" else "status", protocol="http")
    pages = pages_of(fleet_of(tmp_path), Peers(report(bad | {"verdict": verdict}, word="this host", why=EVIL)))
    html = await shown(pages, "html")
    tags = Tags(html)
    assert not tags.elements & {"script", "i", "img"}
    assert tags.named == ["data:,", "./", "fleet?format=text"]
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html + await shown(pages)


async def test_targets_that_only_a_peer_names_are_not_shown(tmp_path: Path) -> None:
    theirs = report(failing("canary", "ping", "status"), failing("canary", "ping", "local", "this host"))
    pages = pages_of(fleet_of(tmp_path), Peers(theirs))
    for page_format in ("text", "html", "json"):
        page = await shown(pages, page_format)
        assert "canary" not in page
        assert "its fleet file differs from that of a" in page


async def test_probes_that_only_a_peer_names_are_not_shown_however_many_they_are(tmp_path: Path) -> None:
    theirs = [failing("a", f"canary{number}", "refused", protocol="http") for number in range(2000)]
    theirs.append(failing("site", "canary", "local", "this host", protocol="http"))
    own = {**PAGE, "pairs": [pair("b<i>", "icmp")]}
    fleet = fleet_of(tmp_path)
    for page_format in ("text", "html", "json"):
        page = await shown(pages_of(fleet, Peers(report(*theirs)), own), page_format)
        assert "canary" not in page
        assert "its fleet file differs from that of a" in page


async def test_of_very_many_culprits_the_first_are_drawn_and_how_many_more_there_are(tmp_path: Path) -> None:
    hosts = "hosts:\n" + "".join(f"  - {{name: h{number}, address: h{number}.example}}\n" for number in range(150))
    fleet = fleet_of(tmp_path, f"{hosts}probes: {{icmp: {{protocol: icmp}}, tcp: {{protocol: tcp, port: 22}}}}")
    pairs = [failing(f"h{number}", "tcp", "refused", protocol="tcp") for number in range(1, 150)]
    pages = pages_of(fleet, Peers(report()), {**PAGE, "pairs": pairs})
    lines = (await shown(pages)).partition("\n\n")[0].splitlines()
    assert len(lines) == 101
    assert lines[-1] == "… and 49 more"
    html = await shown(pages, "html")
    assert html.count("<li ") == 100
    assert "… and 49 more" in html
    assert len(json.loads(await shown(pages, "json"))["culprits"]) == 149


async def test_an_own_page_that_cannot_be_read_is_a_grey_row_too(tmp_path: Path) -> None:
    text = await shown(pages_of(fleet_of(tmp_path), Peers(report(pair("a"))), {}))
    assert "no page of a: its answer is no page of this program (at this_host)" in text


async def test_of_a_large_fleet_only_rows_and_columns_with_a_trouble_are_drawn(tmp_path: Path) -> None:
    hosts = "hosts:\n" + "".join(f"  - {{name: h{n}, address: h{n}.example, datacenter: d}}\n" for n in range(60))
    fleet = fleet_of(tmp_path, hosts + "probes: {icmp: {protocol: icmp}}\n")
    well = [pair(f"h{number}") for number in range(60) if number != 7]
    own = {**PAGE, "pairs": [*well[1:], lost("h7")]}
    peers = Peers(report(*well))
    lines = (await shown(pages_of(fleet, peers, own))).splitlines()
    assert lines[-3:] == [r"from \ to  h7", "h0         lost", "59 hosts more: nothing wrong from there"]
    page = await shown(pages_of(fleet, peers, own), "html")
    assert "59 hosts more: nothing wrong from there." in page
