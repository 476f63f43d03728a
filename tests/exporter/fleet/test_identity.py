"""Which host of the fleet this machine is, and what the message is where that is not known."""

import pytest

from exporter.fleet import BadFile, ensure_exporter, who_am_i

HOSTS = """
hosts:
  - {name: wf001, address: 192.0.2.1}
  - {name: wf008, address: 192.0.2.8}
  - {name: db.example.net, address: 192.0.2.9, exporter: false}
"""


def identified(fleet, *, flag=None, environ=None, hostname="elsewhere"):
    return who_am_i(fleet, flag=flag, environ=environ or {}, hostname=hostname).name


def refusal(fleet, **how):
    with pytest.raises(BadFile) as caught:
        identified(fleet, **how)
    (problem,) = caught.value.problems
    return str(problem).removeprefix(f"{fleet.source_file}: ")


def test_the_flag_is_asked_first_then_the_variable_then_the_own_name(fleet):
    variable = {"LATENCY_EXPORTER_HOST": "wf008"}
    assert identified(fleet(HOSTS), flag="wf001", environ=variable, hostname="wf008") == "wf001"
    assert identified(fleet(HOSTS), environ=variable, hostname="wf001") == "wf008"
    assert identified(fleet(HOSTS), hostname="wf001") == "wf001"


def test_an_empty_variable_is_as_if_not_set(fleet):
    assert identified(fleet(HOSTS), environ={"LATENCY_EXPORTER_HOST": ""}, hostname="wf001") == "wf001"


@pytest.mark.parametrize("hostname", ["wf008", "WF008", "wf008.vya.digital", "Wf008.local"])
def test_the_own_name_counts_short_or_full_in_any_case(fleet, hostname):
    assert identified(fleet(HOSTS), hostname=hostname) == "wf008"


def test_a_host_that_is_named_in_full_is_found_by_its_full_name(fleet):
    assert identified(fleet(HOSTS), hostname="db.example.net") == "db.example.net"


def test_a_fleet_of_one_is_this_machine_whatever_its_name(fleet):
    one = fleet("hosts: [{name: localhost, address: localhost}]")
    assert identified(one, hostname="anything", environ={"LATENCY_EXPORTER_HOST": "other"}) == "localhost"
    assert identified(one, flag="localhost") == "localhost"
    assert refusal(one, flag="wf001").startswith("which host is this? --host says 'wf001', but the fleet has only: ")


def test_an_unknown_name_lists_the_hosts(fleet):
    assert refusal(fleet(HOSTS), hostname="laptop") == (
        "which host is this? this machine's own name is 'laptop', "
        "but the fleet has only: wf001, wf008, db.example.net; "
        "say which with --host NAME or $LATENCY_EXPORTER_HOST, or add it to hosts"
    )


def test_a_misspelt_flag_is_told_what_was_meant(fleet):
    assert refusal(fleet(HOSTS), flag="wf01") == (
        "which host is this? --host says 'wf01', but the fleet has only: wf001, wf008, db.example.net; "
        "did you mean 'wf001'?; say which with --host NAME or $LATENCY_EXPORTER_HOST, or add it to hosts"
    )


def test_a_misspelt_variable_is_named(fleet):
    message = refusal(fleet(HOSTS), environ={"LATENCY_EXPORTER_HOST": "moon"}, hostname="wf001")
    assert message.startswith("which host is this? $LATENCY_EXPORTER_HOST says 'moon', but")


def test_a_containers_id_is_recognised(fleet):
    assert "looks like a container's id (use network_mode: host, or set 'hostname:'" in refusal(
        fleet(HOSTS), hostname="3f2a90bc41de"
    )


def test_of_a_large_fleet_the_beginning_is_listed(fleet):
    many = fleet("hosts:\n" + "".join(f"  - {{name: h{number}, address: h.example}}\n" for number in range(1000)))
    message = refusal(many, hostname="laptop")
    assert "h0, h1, " in message
    assert "h19 and 980 more;" in message


def test_a_host_without_an_exporter_may_look_but_not_run(fleet):
    looking = fleet(HOSTS)
    host = who_am_i(looking, flag="db.example.net", environ={}, hostname="")
    with pytest.raises(BadFile) as caught:
        ensure_exporter(looking, host)
    assert str(caught.value) == (
        f"{looking.source_file}:5: hosts[2].exporter: this machine is 'db.example.net', which is to run no exporter; "
        "remove this line, or stop it here"
    )
    ensure_exporter(looking, looking.hosts[0])
