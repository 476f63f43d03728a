"""Whoever is asked names the culprit: whole fleets, what is broken in them, and what each side of it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from collectors.terms import Reason
from exporter.fleet_view.cells import Cell, CellState
from exporter.fleet_view.no_pages import no_page
from exporter.fleet_view.view import Pages, view
from exporter.http_client.outcome import Trouble
from tests.exporter.fleet_view.fleets import HANGS as HANGING
from tests.exporter.fleet_view.fleets import (
    UNREACHED,
    Broken,
    at,
    between,
    both,
    failing,
    hosts,
    lost,
    pair,
    report,
)

ALL_LOST = "of hosts lose all, and no host of either is to blame: the link, or a router or firewall between"
ALONE = "it reaches no other host, and nobody's page can be had: look at its own link first []"
CUT = "all gets lost, and both ends live [PathDegraded]"
DOWN = "get no answer from it by any protocol: it is down, or cut off [HostUnreachable]"
HANGS = "its page cannot be had: it takes the connection, and then does not answer within 3 s [LatencyExporterDown]"
ONLY_LINK = (
    "2 hosts get no answer from it by any protocol: it is down, or its only link is, for it is alone in its datacenter "
    "[HostUnreachable]"
)


def silent_side(name: str) -> str:
    return f"; nothing is heard from {name}, which may be down altogether [DatacenterPathDown]"


def single_witness(source: str) -> str:
    return (
        f"{source} alone asks it, and gets no answer from it by any protocol: it is down, or the way between the two, "
        f"or the link of {source} [HostUnreachable]"
    )


def into(name: str):
    return lambda _source, target: target == name


def out_of(name: str):
    return lambda source, _target: source == name


def refused(*names: str, word: str = "database", why: str = "query") -> dict[str, list]:
    """Let a database on b1 fail from these hosts, login and query alike."""
    return {name: [failing("b1", probe, why, word, database="n8n") for probe in ("login", "query")] for name in names}


TWO = hosts(a=2, b=2)
LOGIN = [failing("b1", "login", "auth", "database", database="n8n"), pair("b1", "query", database="n8n")]
LIMIT = [failing("b1", "login", "limit", "database", database="n8n"), pair("b1", "query", database="n8n")]
SLOW_PEER = {"word": "peer", "why": "its program is slow, the network is not"}
SLOW = {"word": "database", "why": "its program is slow, the network is not"}
STUCK = pair(
    "flows",
    "read",
    protocol="n8n",
    verdict={"word": "n8n", "why": "1 execution has run for 2 h; the database is well"},
)
WELL = {"fault": None, "uneven": False}
"""As a page has a path on which a kept connection is answered."""
STATUS = {"word": "peer", "why": "status 500"}
UNASKED = no_page(Trouble(Reason.DNS, "no name server could be reached", connected=False), 3.0)
NOBODY_ASKED = dict.fromkeys(("a2", "b1", "b2"), UNASKED)
UNASKED_SAYS = "measurement a1: no page of a2, b1, b2: its name can't be looked up (no name server could be reached) []"
CASES: dict[str, tuple[Broken, Mapping[str, list[str]]]] = {
    "nothing": (Broken(TWO), {"a1": [], "b2": []}),
    "a host is down": (
        Broken(TWO, at("b2")),
        {"a1": [f"host b2: 3 hosts {DOWN}"], "b1": [f"host b2: 3 hosts {DOWN}"], "b2": [f"this host b2: {ALONE}"]},
    ),
    "a host is down, alone in its datacenter": (
        Broken(hosts(a=2, b=1), at("b1")),
        {"a1": [f"host b1: {ONLY_LINK}"], "b1": [f"this host b1: {ALONE}"]},
    ),
    "nothing comes into a host": (
        Broken(TWO, into("b2")),
        {
            "a1": [f"host b2: 3 hosts {DOWN}"],
            "b2": [
                "host b2: 3 hosts get no answer from it by any protocol: it is cut off, but its page can be had: look "
                "at names, addresses and firewalls [HostUnreachable]"
            ],
        },
    ),
    "nothing comes out of a host": (
        Broken(TWO, out_of("b2")),
        {
            "a1": [
                "measurement b2: all its paths are bad (a1, a2, b1), and those of others to it are not: look at its "
                "firewall, routes and uplink, outgoing; do not trust what it measures [MeasurementInDoubt]"
            ],
            "b2": [f"this host b2: {ALONE}"],
        },
    ),
    "two datacenters are cut, 4 + 4": (
        Broken(hosts(a=4, b=4), between("a", "b")),
        {
            "a1": [f"datacenters a to b: 16 pairs {ALL_LOST}{silent_side('b')}"],
            "b4": [f"datacenters b to a: 16 pairs {ALL_LOST}{silent_side('a')}"],
        },
    ),
    "two datacenters are cut, 6 + 2": (
        Broken(hosts(a=6, b=2), between("a", "b")),
        {
            "a1": [f"datacenters a to b: 12 pairs {ALL_LOST}{silent_side('b')}"],
            "b2": [f"datacenters b to a: 12 pairs {ALL_LOST}{silent_side('a')}"],
        },
    ),
    "two datacenters are cut, 2 + 1": (
        Broken(hosts(a=2, b=1), between("a", "b")),
        {"a2": [f"host b1: {ONLY_LINK}"], "b1": [f"this host b1: {ALONE}"]},
    ),
    "nothing comes into a datacenter of which one host has an exporter": (
        Broken(
            TWO,
            lambda source, target: source[0] == "a" and target[0] == "b",
            without_exporter=frozenset({"b2"}),
        ),
        {"b1": [f"datacenters a to b: 4 pairs {ALL_LOST} [DatacenterPathDown]"]},
    ),
    "two of three datacenters are cut": (
        Broken(hosts(a=2, b=2, c=1), between("a", "b")),
        {
            "a1": [f"datacenters a to b: 4 pairs {ALL_LOST} [DatacenterPathDown]"],
            "b1": [f"datacenters b to a: 4 pairs {ALL_LOST} [DatacenterPathDown]"],
            "c1": [f"datacenters a and b: 4 pairs {ALL_LOST} [DatacenterPathDown]"],
        },
    ),
    "a host is down, and its datacenter is cut from another": (
        Broken(hosts(a=3, b=3), both(at("b2"), between("a", "b"))),
        {
            "a1": [f"datacenters a to b: 9 pairs {ALL_LOST}{silent_side('b')}"],
            "b1": [
                f"host b2: 2 hosts {DOWN}",
                f"datacenters b to a: 6 pairs {ALL_LOST}{silent_side('a')}",
            ],
        },
    ),
    "a host is down, and an exporter hangs": (
        Broken(TWO, at("b2"), hanging=frozenset({"a2"})),
        {"a1": [f"host b2: 2 hosts {DOWN}", f"exporter a2: {HANGS}"]},
    ),
    "an exporter hangs": (Broken(TWO, hanging=frozenset({"b2"})), {"a1": [f"exporter b2: {HANGS}"]}),
    "two exporters hang": (
        Broken(hosts(a=2, b=3), hanging=frozenset({"b2", "b3"})),
        {"a1": [f"exporter b2, b3: each one's {HANGS.removeprefix('its ')}"]},
    ),
    "a database refuses what it is asked": (
        Broken(TWO, databases=("n8n",), further={**refused("a1", "a2"), "b2": [pair("b1", "query", database="n8n")]}),
        {
            name: ["database n8n: it fails (query) from a1, a2, well from b2: it says query [DatabaseDown]"]
            for name in ("a1", "b1")
        },
    ),
    "a database refuses the login": (
        Broken(TWO, databases=("n8n",), further={"a1": LOGIN}),
        {
            "b2": [
                "database n8n: it refuses the login, and queries on the connection that is kept are answered: (auth) "
                "from a1: it says auth [DatabaseDown]"
            ]
        },
    ),
    "logins of a database break off, and its queries do not": (
        Broken(
            TWO,
            databases=("n8n",),
            further={
                "a1": [
                    failing("b1", "login", "reset", "database", database="n8n"),
                    pair("b1", "query", database="n8n"),
                ]
            },
        ),
        {
            "b2": [
                "database n8n: its login fails, and queries on the connection that is kept are answered: (reset) from "
                "a1: it says reset []"
            ]
        },
    ),
    "a database is at its limit": (
        Broken(TWO, databases=("n8n",), further={"a1": LIMIT}),
        {
            "a1": [
                "database n8n: it is at its connection limit: (limit) from a1: it says limit "
                "[DatabaseAtConnectionLimit]"
            ]
        },
    ),
    "a database is slow": (
        Broken(
            TWO,
            databases=("n8n",),
            further={"a1": [pair("b1", "query", database="n8n", rtt=None, verdict=SLOW, recent=[0.08, 1.2, 1.3])]},
        ),
        {"b1": ["database n8n: it is slow from a1: its program is slow, the network is not [DatabaseSlow]"]},
    ),
    "a database in maintenance fails": (
        Broken(
            TWO, databases=("n8n",), further={"a1": [failing("b1", "query", "auth", "in maintenance", database="n8n")]}
        ),
        {"a1": []},
    ),
    "an n8n is stuck": (
        Broken(TWO, databases=("db",), n8n={"flows": "db"}, further={"a1": [STUCK]}),
        {"b1": ["n8n flows: 1 execution has run for 2 h; the database is well []"]},
    ),
    "an n8n cannot be read": (
        Broken(
            TWO,
            databases=("db",),
            n8n={"flows": "db"},
            further={"a1": [failing("flows", "read", "auth", "database", protocol="n8n")]},
        ),
        {"b1": ["n8n flows: it cannot be read (auth) from a1: it says auth [N8nReadFailing]"]},
    ),
    "the database of an n8n fails, and nothing more is said of the n8n": (
        Broken(
            TWO,
            databases=("db",),
            n8n={"flows": "db"},
            further={
                "a1": [
                    failing("b1", "query", "query", "database", database="db"),
                    failing("flows", "read", "query", "database", protocol="n8n"),
                ]
            },
        ),
        {"b1": ["database db: it fails (query) from a1: it says query [DatabaseDown]"]},
    ),
    "a name is not found, by any probe": (
        Broken(
            TWO,
            endpoints=("site",),
            further={
                "a1": [failing("site", probe, "dns", "network", protocol="http") for probe in ("get", "head")],
            },
        ),
        {"b1": ["program get, head of site: fails (dns) from a1: it says dns [PeerFailing]"]},
    ),
    "the host of a database is down": (
        Broken(TWO, at("b1"), databases=("n8n",), further={"a1": [lost("b1", "query", database="n8n")]}),
        {"a1": [f"host b1: 3 hosts {DOWN}"]},
    ),
    "a firewall eats all but the database of a host without an exporter": (
        Broken(
            hosts(a=2, b=1),
            into("b1"),
            without_exporter=frozenset({"b1"}),
            databases=("n8n",),
            further={"a1": [pair("b1", "query", database="n8n")]},
        ),
        {
            "a1": [
                "host b1: no answer to a1, a2 by ICMP nor handshakes, but its database answers: a firewall? "
                "[PathDegraded]"
            ]
        },
    ),
    "a firewall always eats all but the database of a host without an exporter": (
        Broken(
            hosts(a=2, b=1),
            further={
                "a1": [pair("c1", "query", database="n8n"), lost("c1", usual_loss=1.0, path=WELL)],
                "a2": [lost("c1", usual_loss=1.0)],
            },
            others={"c1": ""},
            databases=("n8n",),
        ),
        {"a1": []},
    ),
    "a database fails where a firewall always eats all else": (
        Broken(
            hosts(a=2, b=1),
            further={
                "a1": [
                    failing("c1", "login", "auth", "database", database="n8n"),
                    pair("c1", "query", database="n8n"),
                    lost("c1", usual_loss=1.0, path=WELL),
                ],
                "a2": [lost("c1", usual_loss=1.0)],
            },
            others={"c1": ""},
            databases=("n8n",),
        ),
        {
            "a1": [
                "database n8n: it refuses the login, and queries on the connection that is kept are answered: (auth) "
                "from a1: it says auth [DatabaseDown]"
            ]
        },
    ),
    "nothing begins toward a host any more, and its database still answers on a kept connection": (
        Broken(
            hosts(a=1, b=1, c=1),
            further={
                "a1": [pair("d1", "query", database="n8n"), lost("d1", path=WELL), lost("d1", "tcp", path=WELL)],
                "c1": [pair("d1")],
            },
            others={"d1": ""},
            databases=("n8n",),
        ),
        {"b1": ["path a1 to d1: all gets lost, and both ends live [PathDegraded]"]},
    ),
    "a site answers with another status, from one of two": (
        Broken(
            TWO,
            endpoints=("site",),
            further={
                "a1": [failing("site", "get", "status", verdict=STATUS, protocol="http")],
                "a2": [pair("site", "get", protocol="http")],
            },
        ),
        {"b1": ["program get of site: fails (status) from a1, well from a2: status 500 [PeerFailing]"]},
    ),
    "a program is slow, seen from two": (
        Broken(
            TWO,
            endpoints=("site",),
            further={name: [pair("site", "get", protocol="http", verdict=SLOW_PEER)] for name in ("a1", "a2")},
        ),
        {"b1": ["program get of site: is slow from a1, a2: its program is slow, the network is not [PeerSlow]"]},
    ),
    "a certificate has expired": (
        Broken(TWO, endpoints=("site",), further={"a1": [failing("site", "get", "tls", protocol="http")]}),
        {"b1": ["program get of site: fails (tls) from a1: it says tls [PeerFailing]"]},
    ),
    "certificates end soon, of one that is over, and of a database": (
        Broken(
            TWO,
            endpoints=("site",),
            databases=("n8n",),
            further={
                "a1": [
                    pair("site", "get", protocol="http", certificate_left=200_000.0),
                    pair("b1", "query", database="n8n", certificate_left=500_000.0),
                ],
                "a2": [
                    pair("site", "get", protocol="http", certificate_left=200_060.0),
                    pair("site", "head", protocol="http", certificate_left=None),
                    pair("b1", "api", protocol="http", certificate_left=-7_200.0),
                ],
            },
        ),
        {
            "b2": [
                "program api of b1: its certificate expired 2 h ago, seen from a2 [CertificateExpiring]",
                "program get of site: its certificate ends in 2 days, seen from a1, a2 [CertificateExpiring]",
                "database n8n: its certificate ends in 6 days, seen from a1 []",
            ]
        },
    ),
    "a certificate of a host in maintenance ends soon": (
        Broken(TWO, maintenance=frozenset({"b1"}), further={"a1": [pair("b1", "api", certificate_left=-7_200.0)]}),
        {"a2": []},
    ),
    "a site cannot be reached by the one host that asks": (
        Broken(TWO, endpoints=("site",), further={"a1": [lost("site", "get", protocol="http")]}),
        {"b1": ["path a1 to site: all gets lost; nobody else can tell which end it is [PathDegraded]"]},
    ),
    "an endpoint answers nobody": (
        Broken(
            TWO, endpoints=("gw",), further={name: [lost("gw", "get", protocol="http")] for name in ("a1", "a2", "b1")}
        ),
        {"b2": [f"endpoint gw: 3 hosts {DOWN}"]},
    ),
    "two hosts, each alone: one is down": (
        Broken(hosts(a=1, b=1), at("b1")),
        {"a1": [f"host b1: {single_witness('a1')}"], "b1": [f"host a1: {single_witness('b1')}"]},
    ),
    "three hosts, each alone: one is down": (
        Broken(hosts(a=1, b=1, c=1), at("b1")),
        {"a1": [f"host b1: {ONLY_LINK}"], "b1": [f"this host b1: {ALONE}"]},
    ),
    "three hosts, each alone: two do not reach one another": (
        Broken(hosts(a=1, b=1, c=1), between("a", "b")),
        {"a1": [f"path a1 to b1: {CUT}"], "b1": [f"path b1 to a1: {CUT}"], "c1": [f"path between a1 and b1: {CUT}"]},
    ),
    "a path is cut": (
        Broken(TWO, between("a1", "b2")),
        {"a1": [f"path a1 to b2: {CUT}"], "a2": [f"path between a1 and b2: {CUT}"], "b2": [f"path b2 to a1: {CUT}"]},
    ),
    "two datacenters lose a third": (
        Broken(TWO, drops=lambda source, target: 0.34 * (source[0] != target[0])),
        {
            "a1": [
                "datacenters a and b: 4 pairs of hosts lose packets or take longer, and no host of either is to blame; "
                "a1 to b1: 33 % get lost [DatacenterPathDegraded]"
            ]
        },
    ),
    "a host loses a third": (
        Broken(TWO, drops=lambda source, target: 0.34 * ("b2" in {source, target})),
        {
            "a1": [
                "host b2: all paths to it are bad: from a1 33 % get lost, from a2 33 % get lost, from b1 33 % get "
                "lost; the culprit is the host, its uplink, or a firewall there [PathDegraded]"
            ]
        },
    ),
    "a path is slow, one way": (
        Broken(TWO, slows=lambda source, target: (source, target) == ("a1", "b2")),
        {"b1": ["path a1 to b2: the round trip takes 240 ms (usual 80 ms) [PathDegraded]"]},
    ),
    "one of several parallel paths is dead": (
        Broken(TWO, uneven=lambda source, target: source[0] != target[0]),
        {
            "a1": [
                "datacenters a and b: handshakes get lost, and ICMP does not: one of several parallel paths, or a "
                "firewall that is full [PathUneven]"
            ]
        },
    ),
    "one of several parallel paths between two hosts is dead": (
        Broken(hosts(a=1, b=1, c=1), uneven=lambda source, target: {source, target} == {"a1", "b1"}),
        {
            "c1": [
                "path between a1 and b1: handshakes get lost, and ICMP does not: one of several parallel paths, or a "
                "firewall that is full [PathUneven]"
            ]
        },
    ),
    "a host measures late, and another could not reload": (
        Broken(
            TWO, health={"a2": ("this host", "do not trust the other lines"), "b1": ("configuration", "fleet.yml:3")}
        ),
        {
            "b2": [
                "measurement a2: do not trust the other lines (egress queue 0 µs, probes late by 1 ms) "
                "[MeasurementInDoubt]",
                "configuration b1: fleet.yml:3 [ConfigurationInDoubt]",
            ]
        },
    ),
    "a host's own queue is full, and its paths lose packets for it": (
        Broken(
            TWO,
            drops=lambda source, target: 0.34 * ("b2" in {source, target}),
            health={"b2": ("this host", "do not trust the other lines")},
            queue={"b2": 0.2},
        ),
        {
            "a1": [
                "measurement b2: do not trust the other lines (egress queue 200 ms, probes late by 1 ms) "
                "[MeasurementInDoubt]"
            ]
        },
    ),
    "a firewall of a host itself eats what it sends": (
        Broken(
            TWO,
            endpoints=("site",),
            further={
                "a1": [
                    failing("site", "icmp", "local", "this host", protocol="icmp"),
                    failing("site", "get", "timeout", protocol="http"),
                ]
            },
        ),
        {"b1": ["measurement a1: it cannot ask site by icmp: it says local [MeasurementInDoubt]"]},
    ),
    "a path loses a third": (
        Broken(TWO, drops=lambda source, target: 0.34 * ({"a1", "b2"} == {source, target})),
        {"b1": ["path between a1 and b2: 33 % get lost [PathDegraded]"]},
    ),
    "a host that has one address is down, of hosts that have two": (
        Broken(TWO, at("b2"), further={"a1": [pair("a2", ip_family="ipv6")]}),
        {"a1": [f"host b2: 3 hosts {DOWN}"]},
    ),
    "two hosts without an exporter are down that none of their datacenter asks": (
        Broken(
            hosts(a=2, b=1),
            further={name: [lost("b2"), lost("b3")] for name in ("a1", "a2")},
            others={"b2": "b", "b3": "b"},
        ),
        {"b1": [f"host {name}: 2 hosts {DOWN}" for name in ("b2", "b3")]},
    ),
    "a host in maintenance is down": (Broken(TWO, at("b2"), maintenance=frozenset({"b2"})), {"a1": [], "b1": []}),
    "an exporter in maintenance hangs": (
        Broken(TWO, hanging=frozenset({"b2"}), maintenance=frozenset({"b2"})),
        {"a1": []},
    ),
    "a host in maintenance is down, and two datacenters are cut": (
        Broken(hosts(a=3, b=3), both(at("b2"), between("a", "b")), maintenance=frozenset({"b2"})),
        {"a1": [f"datacenters a to b: 6 pairs {ALL_LOST}{silent_side('b')}"]},
    ),
    "hosts without a datacenter": (
        Broken({"x": "", "y": "", "z": ""}, between("x", "y")),
        {"z": [f"path between x and y: {CUT}"]},
    ),
}


def test_one_probe_without_an_answer_is_no_culprit_but_two_are() -> None:
    once = lost("b1", recent=[0.08] * 59 + ["lost"])
    twice = lost("b1", recent=[0.08] * 58 + ["lost"] * 2)
    for alone, says in ((once, []), (twice, [f"host b1: {single_witness('a1')}"])):
        fleet = view({"a1": report(alone), "b1": UNREACHED}, Broken(hosts(a=1, b=1)).layout("a1"))
        named = [f"{culprit} [{culprit.alert}]" for culprit in fleet.culprits if culprit.kind != "exporter"]
        assert named == says


@pytest.mark.parametrize(
    ("recent", "number"),
    [
        ([0.09, 0.09, 1.4], 1),
        ([1.4, 0.09, 0.09, 0.09, 0.09, 1.4], 1),
        ([1.4, "lost", 0.09, "sent again", 1.4], 2),
        ([0.4, 0.4], 2),
        ([0.2, 1.4], 1),
    ],
)
def test_a_single_late_answer_is_no_program_that_is_slow_but_two_are(recent: list, number: int) -> None:
    late = pair("site", "get", protocol="http", rtt=0.08, usual_server=0.1, verdict=SLOW_PEER, recent=recent)
    page = report(late)
    assert page.pairs[0].late_answers == number
    fleet = view({"a1": page}, Broken(TWO, endpoints=("site",)).layout("a1"))
    assert [culprit.alert for culprit in fleet.culprits] == ["PeerSlow"] * (number > 1)
    assert fleet.cell("a1", "site") == Cell(CellState.BAD if number > 1 else CellState.DOUBT, "slow")


@pytest.mark.parametrize(("place", "is_named"), [("", True), ("a", True), ("b", False)])
def test_an_endpoint_asked_by_http_alone_is_no_culprit_where_its_datacenter_loses_handshakes_unevenly(
    place: str, is_named: bool
) -> None:
    resent = [0.08, "sent again", 0.08, 0.08]
    site = pair("site", "get", protocol="http", path={"fault": "lossy", "uneven": False}, recent=resent)
    uneven = pair("b1", path={"fault": None, "uneven": True})
    layout = Broken(TWO, endpoints=("site",)).layout("a1")
    layout = dataclasses.replace(layout, datacenters={**layout.datacenters, "site": place})
    culprits = view({"a1": report(uneven, site)}, layout).culprits
    assert [culprit.alert for culprit in culprits] == ["PathUneven", *["PathDegraded"] * is_named]


def test_an_exporter_that_answered_others_lately_is_not_called_down_yet() -> None:
    pages: Pages = {
        "a1": report(pair("b2", "ping")),
        "a2": report(pair("b2", "ping", age=1.5)),
        "b1": report(),
        "b2": HANGING,
    }
    (culprit,) = view(pages, Broken(TWO).layout("a1")).culprits
    assert f"{culprit} [{culprit.alert}]" == (
        "exporter b2: its page cannot be had from a1: it takes the connection, and then does not answer within 3 s; "
        "a1, a2 could ask it 1.5 s ago []"
    )


def test_a_host_that_lost_all_just_now_names_its_own_link_and_not_those_that_it_asked_first() -> None:
    once, twice = ([0.08] * 60 + ["lost"] * lost_ones for lost_ones in (1, 2))
    own = report(lost("a2", recent=twice), lost("b1", recent=once), lost("b2", recent=once))
    fleet = view({"a1": own, **dict.fromkeys(("a2", "b1", "b2"), UNREACHED)}, Broken(TWO).layout("a1"))
    assert [str(culprit) for culprit in fleet.culprits] == [f"this host a1: {ALONE.removesuffix(' []')}"]


@pytest.mark.parametrize(
    "broken",
    [
        Broken(TWO),
        Broken(hosts(a=1, b=1)),
        Broken({"a1": "", "x": ""}),
        Broken(TWO, maintenance=frozenset({"b2"})),
    ],
    ids=["four hosts", "two hosts", "no datacenters", "one in maintenance"],
)
def test_a_host_whose_own_link_is_down_names_that_and_no_other_host(broken: Broken) -> None:
    why = "no network here: no route of ipv4 leads out of this host"
    cannot_ask = no_page(Trouble(Reason.LOCAL, why, connected=False), 3.0)
    others = [name for name in broken.datacenters if name != "a1"]
    probes = [(name, probe, "local") for name in others for probe in ("icmp", "tcp")]
    pairs = [
        failing(name, probe, reason, "this host", path=None)
        for name, probe, reason in [*probes, (others[0], "ping", "dns")]
    ]
    kept = lost(others[0], "query", database="n8n")
    pages: Pages = {"a1": report(*pairs, kept), **dict.fromkeys(others, cannot_ask)}
    fleet = view(pages, broken.layout("a1"))
    assert [str(culprit) for culprit in fleet.culprits] == [f"this host a1: {ALONE.removesuffix(' []')}"]


def test_a_host_whose_name_server_is_dead_is_the_culprit_itself() -> None:
    pages: Pages = {"a1": report(*map(pair, NOBODY_ASKED)), **NOBODY_ASKED}
    (culprit,) = view(pages, Broken(TWO).layout("a1")).culprits
    assert f"{culprit} [{culprit.alert}]" == UNASKED_SAYS
    assert not culprit.critical


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (
            [pair("a2"), lost("b1"), pair("b2")],
            ["path a1 to b1: all gets lost; nobody else can tell which end it is [PathDegraded]"],
        ),
        ([pair("a2"), *(lost(name, recent=[0.08] * 59 + ["lost"]) for name in ("b1", "b2"))], []),
        (
            [pair("a2"), pair("b1", path={"fault": None, "uneven": True}), pair("b2")],
            [
                "path a1 to b1: handshakes get lost, and ICMP does not: one of several parallel paths, or a "
                "firewall that is full [PathUneven]"
            ],
        ),
    ],
    ids=["a host is silent", "a datacenter is, of one probe each", "a path is uneven"],
)
def test_a_page_that_this_host_could_not_ask_for_is_no_witness(pairs: list, says: list[str]) -> None:
    culprits = view({"a1": report(*pairs), **NOBODY_ASKED}, Broken(TWO).layout("a1")).culprits
    named = sorted(f"{culprit} [{culprit.alert}]" for culprit in culprits)
    assert named == [UNASKED_SAYS, *says]


def test_a_path_is_called_cut_only_if_its_target_has_answered_others_since() -> None:
    """Of a host that has just died, the host that asked it first loses all, and others wait for their next probe."""
    path = {"fault": None, "uneven": False, "heard_ago": 8.0}
    cut = [
        ("path a1 to b2: all gets lost; nobody else can tell which end it is [PathDegraded]", 5.0),
        (f"path a1 to b2: {CUT}", 9.0),
    ]
    for says, ago in cut:
        others = dict.fromkeys(("a2", "b1"), report(pair("b2", path=path)))
        pages: Pages = {"a1": report(lost("b2", first_failure_ago=ago)), **others, "b2": UNREACHED}
        culprits = view(pages, Broken(TWO).layout("a1")).culprits
        assert [f"{culprit} [{culprit.alert}]" for culprit in culprits if culprit.kind == "path"] == [says]


def test_of_a_datacenter_that_is_cut_no_host_is_blamed_that_was_asked_first() -> None:
    own = report(lost("b1", recent=[0.08] * 59 + ["lost"]), lost("b2"))
    pages: Pages = {"a1": own, "a2": own, "b1": UNREACHED, "b2": UNREACHED}
    assert "HostUnreachable" not in {culprit.alert for culprit in view(pages, Broken(TWO).layout("a1")).culprits}


@pytest.mark.parametrize(("failures", "is_named"), [(3, False), (4, True)])
def test_a_login_that_times_out_by_chance_on_an_uneven_path_is_no_database_that_fails(
    failures: int, is_named: bool
) -> None:
    recent = [0.08] * 50 + ["lost"] * failures
    login = lost("b1", "login", database="n8n", recent=recent, path={"fault": None, "uneven": True})
    broken = Broken(TWO, uneven=lambda *ends: ends == ("a1", "b1"), databases=("n8n",), further={"a1": [login]})
    alerts = [culprit.alert for culprit in broken.seen_from("a1").culprits]
    assert ("DatabaseDown" in alerts) == is_named


def test_a_database_that_answered_before_its_host_fell_silent_shows_no_life() -> None:
    silent = {"fault": "silent", "uneven": False}
    databases = {"a1": [pair("b2", "query", database="n8n", path=silent)]}
    broken = Broken(TWO, at("b2"), databases=("n8n",), further=databases)
    assert broken.says_from("a1") == [f"host b2: 3 hosts {DOWN}"]


def test_probes_of_one_host_count_together() -> None:
    """One probe by ICMP and one by TCP without an answer, and none with one, are no chance."""
    one = ["lost"]
    pairs = [lost("b1", probe, recent=one) for probe in ("icmp", "tcp")]
    fleet = view({"a1": report(*pairs), "b1": UNREACHED}, Broken(hosts(a=1, b=1)).layout("a1"))
    assert [culprit.alert for culprit in fleet.culprits] == ["HostUnreachable"]


@pytest.mark.parametrize("name", CASES)
def test_the_culprit_is_named_on_each_side_of_a_fault(name: str) -> None:
    broken, says = CASES[name]
    assert {here: broken.says_from(here) for here in says} == says
