"""Hosts that were found: what a list may say, what it must not, and how its hosts join those of the file."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.fleet import BadFile, Fleet, ListPlace, NotListed, fleet_of, hosts_in, load, pairs_of, roles, who_am_i
from exporter.scrape_configs import targets_of

FOUND = """
hosts_from:
  - {http_sd: {url: "http://inventory.example/hosts"}, datacenter: default}
"""
PLACE = ListPlace("http://inventory.example/hosts")

Loaded = Callable[[str], Fleet]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    def from_text(text: str) -> Fleet:
        path = tmp_path / "fleet.yml"
        path.write_text(textwrap.dedent(text))
        return load(path)

    return from_text


def joined(fleet: Fleet, *lists: object) -> Fleet:
    """Return the fleet with a list for each of its entries."""
    hosts = {
        entry: hosts_in(groups, ListPlace(str(entry.mechanism)), entry)
        for entry, groups in zip(fleet.hosts_from, lists, strict=True)
    }
    return fleet_of(fleet.file, hosts)


def group(*targets: str, **labels: str) -> dict[str, Any]:
    return {"targets": [*targets], "labels": labels}


def test_labels_say_what_keys_of_the_file_say_and_the_place_of_the_entry_fills_gaps(loaded: Loaded) -> None:
    fleet = joined(
        loaded(FOUND),
        [
            group("192.0.2.1:9102", name="wf001", location="oslo", datacenter="dc1", country="NO"),
            group("wf008.example:9102", "[2001:db8::1]:9102", "wf009.example", exporter="false", country=""),
        ],
    )
    assert [(host.name, host.address, host.datacenter, host.country, host.exporter) for host in fleet.hosts] == [
        ("2001:db8::1", "2001:db8::1", "default", "", False),
        ("wf001", "192.0.2.1", "dc1", "NO", True),
        ("wf008.example", "wf008.example", "default", "", False),
        ("wf009.example", "wf009.example", "default", "", False),
    ]


def test_what_an_exporter_serves_for_prometheus_is_a_list_for_other_exporters(loaded: Loaded) -> None:
    served = loaded(
        """
        hosts:
          - {name: west, address: west.example, location: oslo, datacenter: dc1, country: NO}
          - {name: east, address: 192.0.2.2, scrape: {latency: {scheme: https, path: /o, user: u, password_file: p}}}
          - {name: six, address: "2001:db8::6", country: US}
        scrape: {jobs: {node: {port: 9100}}}
        """
    )
    keys = {"name", "address", "location", "datacenter", "country", "exporter"}
    for texts in (["latency", "latency@ea4b1e1c"], ["node"]):
        lists = targets_of(served)
        groups = [group for name in lists if name.partition("@")[0] in texts[0] for group in json.loads(lists[name])]
        hosts = hosts_in(groups, PLACE, loaded(FOUND.replace(", datacenter: default", "")).hosts_from[0])
        assert sorted(each.host.model_dump_json(include=keys) for each in hosts) == sorted(
            host.model_dump_json(include=keys) for host in served.hosts
        )


def test_what_programs_write_for_nothing_is_nothing(loaded: Loaded) -> None:
    fleet = joined(loaded(FOUND), [{"targets": None, "labels": None}, {"targets": ["a:1"], "labels": None}])
    assert [host.name for host in fleet.hosts] == ["a"]


BAD_LISTS: dict[str, tuple[object, list[str]]] = {
    "no list": ({"targets": []}, [": expected a list of target groups, as Prometheus reads it, not a map"]),
    "no group": (["wf001:9102"], [": [0]: expected a map with targets and labels, not 'wf001:9102'"]),
    "another key": ([{"target": ["a"]}], [": [0].target: unknown key; a target group has targets and labels"]),
    "targets as text": (
        [{"targets": "a:1"}],
        [""": [0].targets: expected a list, such as ["wf001:9102"], not 'a:1'"""],
    ),
    "labels as a list": ([{"labels": ["a"]}], [": [0].labels: expected a map of 'label: text', not a list"]),
    "a label that means nothing here": (
        [group("a", rack="7")],
        [
            ": [0].labels.rack: unknown label; known here: name, location, datacenter, country, exporter; leave it out",
        ],
    ),
    "a misspelt label": (
        [group("a", datacentre="7")],
        [": [0].labels.datacentre: unknown label; did you mean 'datacenter'?"],
    ),
    "a number as a label": (
        [{"targets": ["a"], "labels": {"country": 7}}],
        [": [0].labels.country: expected text, not '7'; a label is text, in quotes"],
    ),
    "two names": ([group("a", name="x", host="y")], [": [0].labels.host: is 'y', and name is 'x'; keep one"]),
    "a flag that is none": ([group("a", exporter="no")], [": [0].labels.exporter: expected true or false, not 'no'"]),
    "a label that cannot be printed": (
        [group("a", **{"\ud800\x1b": "x"})],
        [
            ': [0].labels."\\ud800\\u001b": unknown label; known here: name, location, datacenter, country, exporter; '
            "leave it out",
        ],
    ),
    "an IPv6 address that may end with a port": (
        [group("2001:db8::1:9102")],
        [": [0].targets[0]: write the address in brackets, such as [2001:db8::1]:9102, not '2001:db8::1:9102'"],
    ),
    "a control character": (
        [group("a", name="\x1b[31m")],
        [": [0].labels.name: holds the control character U+001B; remove it"],
    ),
    "a name of two lines": (
        [group("a", host="b\nc")],
        [": [0].labels.host: holds a line break; remove it"],
    ),
    "ports that are none": (
        [group("a:65536", "[2001:db8::1]:0", "c:65535")],
        [
            ": [0].targets[0]: expected a port from 1 to 65535, not 65536",
            ": [0].targets[1]: expected a port from 1 to 65535, not 0",
        ],
    ),
    "a long label": (
        [group("a", "b", location="x" * 201)],
        [": [0].labels.location: is 201 characters long; at most 200 are allowed"],
    ),
    "a url as a target": (
        [group("http://a/x")],
        [
            ": [0].targets[0]: 'http://a/x' must be a name or an address alone; leave out scheme, port, path and "
            "brackets"
        ],
    ),
    "no address of a host": (
        [group("0.0.0.0:9102")],
        [
            ": [0].targets[0]: '0.0.0.0' is the address of no single host (it stands for this machine); write a host's "
            "own"
        ],
    ),
    "all at once": (
        [group("a b"), {"targets": [None]}],
        [
            ": [0].targets[0]: 'a b' is neither a host's name nor an address",
            ": [1].targets[0]: expected a host with or without its port, such as wf001:9102, not 'None'",
        ],
    ),
}


@pytest.mark.parametrize(("groups", "messages"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_gives_its_messages(loaded: Loaded, groups: object, messages: list[str]) -> None:
    with pytest.raises(BadFile) as caught:
        hosts_in(groups, PLACE, loaded(FOUND).hosts_from[0])
    assert [str(problem) for problem in caught.value.problems] == [f"{PLACE.name}{message}" for message in messages]


def test_of_a_list_that_is_all_wrong_the_first_faults_are_reported(loaded: Loaded) -> None:
    with pytest.raises(BadFile) as caught:
        hosts_in([{"targets": [7] * 10_000, "labels": {"rack": "7"}}] * 3, PLACE, loaded(FOUND).hosts_from[0])
    assert len(caught.value.problems) == 20


TWO_LISTS = """
hosts_from:
  - http_sd: {url: "http://inventory.example/hosts?token=secret"}
  - dns: {name: pods.example}
hosts: [{name: here, address: 192.0.2.1}]
endpoints: [{name: site, probe: {protocol: tcp, port: 443}, address: site.example}]
databases: [{name: orders, type: mysql, host: here}]
"""


INVENTORY = "http://inventory.example/hosts: [0].targets"
ONCE = "already; name each host once"
FIRST = f"[0].targets[0] of http://inventory.example/hosts {ONCE}"
DOUBLES: list[tuple[tuple[object, object], str]] = [
    (([group("a", name="here")], []), f"{INVENTORY}[0]: 'here' is the name of hosts[0] of FILE {ONCE}"),
    (([group("a", name="site")], []), f"{INVENTORY}[0]: 'site' is the name of endpoints[0] of FILE {ONCE}"),
    (([group("a", name="orders")], []), f"{INVENTORY}[0]: 'orders' is the name of databases[0] of FILE {ONCE}"),
    (([group("a", "b", name="x")], []), f"{INVENTORY}[1]: 'x' is the name of {FIRST}"),
    (([group("a", name="x")], [group("b", name="x")]), f"pods.example: [0].targets[0]: 'x' is the name of {FIRST}"),
    (([group("a", name="all")], []), f"{INVENTORY}[0]: 'all' is a word of 'to'; choose another name"),
]


@pytest.mark.parametrize(("lists", "message"), DOUBLES)
def test_a_name_that_is_given_twice_is_refused_by_name(
    loaded: Loaded, lists: tuple[object, object], message: str
) -> None:
    fleet = loaded(TWO_LISTS)
    with pytest.raises(BadFile) as caught:
        joined(fleet, *lists)
    assert str(caught.value) == message.replace("FILE", fleet.source_file)


def test_found_hosts_are_measured_as_those_of_the_file_are(loaded: Loaded) -> None:
    fleet = joined(
        loaded(FOUND + "hosts: [{name: here, address: 192.0.2.1}]\nprobes: {tcp: {protocol: tcp, port: 1}}\n"),
        [group("192.0.2.2", name="there"), group("192.0.2.3", name="mute", exporter="false")],
    )
    here = who_am_i(fleet, flag="here", environ={}, hostname="")
    there = who_am_i(fleet, flag="there", environ={}, hostname="")
    assert [pair.name for pair in pairs_of(fleet, here)] == ["there"]
    assert [pair.name for pair in pairs_of(fleet, there)] == ["here"]


def test_the_hash_is_of_the_file_and_of_the_hosts_in_whatever_order_they_came(loaded: Loaded) -> None:
    fleet = loaded(FOUND)
    one, other = group("a", name="x"), group("b", name="y")
    same = {joined(fleet, [one, other]).config_hash, joined(fleet, [other, one]).config_hash}
    others = {fleet.config_hash, joined(fleet, [one]).config_hash, joined(loaded(FOUND + "# 1\n"), [one]).config_hash}
    assert (len(same), len(others)) == (1, 3)
    assert same.isdisjoint(others)


def test_names_that_only_a_list_can_have_are_warned_of_until_it_has_them(loaded: Loaded) -> None:
    text = FOUND + "probes: {tcp: {protocol: tcp, port: 1, from: [here], to: [there]}}\n"
    fleet = loaded(text)
    assert [str(warning).partition(": ")[2] for warning in fleet.warnings] == [
        "probes.tcp.from[0]: no host is named 'here'; as long as that is so, nothing is measured by this name",
        "probes.tcp.to[0]: no host is named 'there'; as long as that is so, nothing is measured by this name",
    ]
    fleet = joined(fleet, [group("a", name="here"), group("b", name="there")])
    assert not fleet.warnings
    fleet = joined(fleet, [group("a", name="here", exporter="false"), group("b", name="there")])
    assert [str(warning).partition(": ")[2] for warning in fleet.warnings] == [
        "probes.tcp.from[0]: 'here' has 'exporter: false', so that it cannot measure; as long as that is so, nothing "
        "is measured by this name"
    ]


def test_a_machine_of_a_found_fleet_is_known_by_its_address_and_never_for_being_the_only_host(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.routes.is_ours", lambda _, address: address == "192.0.2.7")
    fleet = joined(loaded(FOUND), [group("192.0.2.7", name="pod-7")])
    assert who_am_i(fleet, flag=None, environ={}, hostname="elsewhere").name == "pod-7"
    for address in ("192.0.2.8", "127.0.0.1", "pod-7.example"):
        fleet = joined(fleet, [group(address, name="pod-7")])
        with pytest.raises(NotListed, match="but the fleet has only: pod-7; "):
            who_am_i(fleet, flag=None, environ={}, hostname="elsewhere")
    assert who_am_i(fleet, flag=None, environ={}, hostname="POD-7.example").name == "pod-7"


def test_a_sample_that_a_list_makes_too_small_is_warned_of(loaded: Loaded) -> None:
    fleet = loaded(FOUND + "probes: {tcp: {protocol: tcp, port: 1, sample: {across: 1}}}\n")
    fleet = joined(fleet, [*(group(f"a{n}", datacenter="a") for n in range(9)), group("b", datacenter="b")])
    assert not fleet.warnings  # `within` is all
    fleet = loaded(FOUND + "probes: {tcp: {protocol: tcp, port: 1, sample: {within: 1, across: 1}, from: [b]}}\n")
    fleet = joined(fleet, [*(group(f"a{n}", datacenter="a") for n in range(9)), group("b", datacenter="b")])
    assert [warning.message for warning in fleet.warnings] == [
        "1 is too few for the 9 hosts of datacenter 'a', some of which nobody probes; write 9 at least"
    ]


def test_what_a_fleet_costs_is_not_asked_of_every_host_for_every_host(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("exporter.fleet.mesh.literal_family", asked.append)
    fleet = loaded(FOUND + "probes: {tcp: {protocol: tcp, port: 1, sample: {within: 10, across: 2}}}\n")
    fleet = joined(fleet, [group(f"h{number}") for number in range(100)])
    assert len(roles(fleet)) == 100
    assert len(asked) == 100
