"""A host of the fleet that is this very machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.terms import IpFamily
from exporter.fleet import Fleet, double_host_warning, load
from tests.netlab import Lab, requires_root

FLEET = """\
hosts:
  - {name: wf001, address: 198.51.100.1}
  - {name: wf008, address: ADDRESS}
  - {name: wfdb01, address: 198.51.100.3}
probes: {icmp: {protocol: icmp}}
"""


def fleet_of(folder: Path, address: str) -> Fleet:
    file = folder / "fleet.yml"
    file.write_text(FLEET.replace("ADDRESS", address))
    return load(file)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1", '"::1"'])
def test_a_target_whose_address_is_this_machines_own_is_warned_of_with_its_place(tmp_path: Path, address: str) -> None:
    fleet = fleet_of(tmp_path, address)
    assert double_host_warning(fleet, fleet.hosts[0]) == (
        f"{fleet.source_file}:3: hosts[1].address: {address.strip(chr(34))} is this machine's own address, while it is "
        "called 'wf001' here, so that 'wf008' is no other host: if this is 'wf008', start it with --host=wf008"
    )


def test_this_hosts_own_address_and_those_of_others_are_in_order(tmp_path: Path) -> None:
    assert double_host_warning(fleet_of(tmp_path, "198.51.100.2"), fleet_of(tmp_path, "127.0.0.1").hosts[0]) == ""
    fleet = fleet_of(tmp_path, "127.0.0.1")
    assert double_host_warning(fleet, fleet.hosts[1]) == ""


def test_a_name_is_known_by_the_address_that_was_found_for_it(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, "wf008.example")
    assert double_host_warning(fleet, fleet.hosts[0]) == ""
    addresses = {"wf008.example": [(IpFamily.IPV4, "127.0.0.1")]}
    warning = double_host_warning(fleet, fleet.hosts[0], lambda name: addresses.get(name, ()))
    assert "hosts[1].address: wf008.example, which is 127.0.0.1 here, is this machine's own address" in warning


def test_many_are_told_in_one_line(tmp_path: Path) -> None:
    one, two = ("}\n  - {name: wf009, address: wf009.example", "}\n  - {name: wf010, address: wf010.example")
    for further, more in ((one, "(so is 1 more)"), (one + two, "(so are 2 more)")):
        fleet = fleet_of(tmp_path, f"wf008.example{further}")
        warning = double_host_warning(fleet, fleet.hosts[0], lambda _: [(IpFamily.IPV4, "127.0.0.1")])
        assert warning.endswith(f"start it with --host=wf008 {more}")


@requires_root
def test_where_a_socket_can_be_bound_to_any_address_only_this_machines_own_are_warned_of(tmp_path: Path) -> None:
    with Lab() as lab:
        here = lab.host("here")
        here.sysctl("net.ipv4.ip_nonlocal_bind", "1")
        with here.entered():
            others = fleet_of(tmp_path, "198.51.100.2")
            assert double_host_warning(others, others.hosts[0]) == ""
            own = fleet_of(tmp_path, here.address)
            assert f"{here.address} is this machine's own address" in double_host_warning(own, own.hosts[0])
