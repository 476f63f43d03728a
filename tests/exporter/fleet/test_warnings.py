"""What may be written, but is seldom meant, is a warning with its place."""

import pytest

HOSTS = """\
hosts:
  - {name: a, address: a.example}
  - {name: b, address: b.example}
"""


def warnings(fleet, text):
    loaded = fleet(HOSTS + text)
    return [str(warning).removeprefix(loaded.source_file) for warning in loaded.warnings]


def blocked(owner):
    return (
        f"is the port of {owner}, to which a bare connect is a fault: MySQL blocks a host after "
        "100 of them (max_connect_errors), PostgreSQL logs each one; probe another port"
    )


@pytest.mark.parametrize(
    ("port", "owner"), [(5432, "PostgreSQL"), (6432, "PgBouncer"), (3306, "MySQL"), (33060, "MySQL's X protocol")]
)
def test_a_bare_connect_to_a_databases_customary_port_is_warned_of(fleet, port, owner):
    text = f"probes:\n  tcp: {{protocol: tcp, port: {port}}}\n"
    assert warnings(fleet, text) == [f":5: probes.tcp.port: {port} {blocked(owner)}"]


def test_intervals_that_the_shipped_alerts_cannot_follow_are_warned_of(fleet):
    text = (
        "defaults: {interval: 2m}\n"
        "probes:\n  icmp: {protocol: icmp, interval: 121s}\n"
        "endpoints:\n  - {name: site, probe: {protocol: http, url: 'http://a/', interval: 5m}}\n"
        "databases:\n  - {name: db, type: mysql, host: b, interval: 3m, cold_interval: 2m}\n"
    )
    message = (
        "s is longer than the alerts in prometheus/rules can follow: they stay silent or come and go; "
        "write at most 2m, or alerts of your own"
    )
    assert warnings(fleet, text) == [
        f":6: probes.icmp.interval: 121 {message}",
        f":8: endpoints[0].probe.interval: 300 {message}",
        f":10: databases[0].interval: 180 {message}",
    ]


@pytest.mark.parametrize("host", ["b", "b.example"])
def test_a_bare_connect_to_a_configured_database_is_warned_of_on_any_port(fleet, host):
    database = f"databases:\n  - {{name: db, type: mysql, host: {host}, port: 4000}}\n"
    probe = "probes:\n  tcp: {protocol: tcp, port: 4000}\n"
    owner = "the database 'db'"
    assert warnings(fleet, database + probe) == [f":7: probes.tcp.port: 4000 {blocked(owner)}"]
    assert warnings(fleet, database + "probes:\n  tcp: {protocol: tcp, port: 4000, to: a}\n") == []


def test_an_endpoints_bare_connect_is_warned_of_too(fleet):
    text = "endpoints:\n  - {name: e, probe: {protocol: tcp, port: 5432, address: e.example}}\n"
    assert warnings(fleet, text) == [f":5: endpoints[0].probe.port: 5432 {blocked('PostgreSQL')}"]


def test_a_mesh_probe_that_asks_one_server_for_all_hosts_is_warned_of(fleet):
    text = "probes:\n  web: {protocol: http, url: 'https://site.example/'}\n"
    (warning,) = warnings(fleet, text)
    assert warning == (
        ":5: probes.web.url: holds no {address}, so that the same server is asked in the name of every host; "
        "make it an endpoint"
    )


def test_an_address_that_no_url_uses_is_warned_of(fleet):
    text = "endpoints:\n  - {name: e, address: e.example, probe: {protocol: http, url: 'https://site.example/'}}\n"
    assert warnings(fleet, text) == [
        ":5: endpoints[0].address: is not used, because the url 'https://site.example/' holds no {address}; remove it"
    ]


def test_a_database_whose_host_is_almost_one_of_the_fleet_is_warned_of(fleet):
    text = "  - {name: wfdb02, address: c.example}\ndatabases:\n  - {name: db, type: mysql, host: wfdb2}\n"
    (warning,) = warnings(fleet, text)
    assert warning == (
        ":6: databases[0].host: 'wfdb2' is no host of the fleet, so that it is resolved as a name; "
        "did you mean 'wfdb02'?"
    )


def test_a_probe_of_a_family_that_no_address_has_is_warned_of(fleet):
    hosts = "  - {name: c, address: 192.0.2.3}\n  - {name: d, address: 192.0.2.4}\n"
    probe = "probes:\n  icmp: {protocol: icmp, ip_families: [ipv6], to: [c, d]}\n"
    assert warnings(fleet, hosts + probe) == [
        ":7: probes.icmp.ip_families: are not those of any address in 'to' (ipv4), so that nothing is measured; "
        "change one of them"
    ]
    assert warnings(fleet, hosts + probe.replace("[c, d]", "[c, a]")) == []
    assert warnings(fleet, hosts + probe.replace("[ipv6]", "[ipv6, ipv4]")) == []


def test_a_body_that_comes_packed_and_is_looked_into_is_warned_of(fleet):
    probe = "{protocol: http, url: 'http://{address}/', headers: {accept-encoding: gzip}, expect_body: ok}"
    assert warnings(fleet, f"probes:\n  one: {probe}\n") == [
        ":5: probes.one.headers: asks for a body in 'gzip', which is not unpacked before expect_body is looked for; "
        "leave Accept-Encoding out"
    ]
    assert warnings(fleet, f"probes:\n  one: {probe.replace('gzip', 'identity')}\n") == []


MEANT = "too: it is measured under each name; remove one, unless that is meant"


@pytest.mark.parametrize("address", ["b.example", "B.example", "b.example."])
def test_hosts_of_one_address_are_warned_of_once(fleet, address):
    text = f"  - {{name: c, address: {address}}}\n  - {{name: d, address: b.example}}\n"
    assert warnings(fleet, text) == [
        f":4: hosts[2].address: '{address}' is the address of hosts[1], 'b' and 'd', {MEANT}"
    ]


def test_literal_addresses_are_compared_as_what_they_are(fleet):
    text = "  - {name: c, address: '2001:db8::1'}\n  - {name: d, address: '2001:DB8:0::0:1'}\n"
    assert warnings(fleet, text) == [
        f":5: hosts[3].address: '2001:DB8:0::0:1' is the address of hosts[2], 'c', {MEANT}"
    ]


DATABASE = "{type: postgresql, dbname: n8n, user: m, "


def test_databases_that_are_the_same_one_are_warned_of(fleet):
    text = f"databases:\n  - {DATABASE}name: x, host: b}}\n  - {DATABASE}name: y, host: b.example, interval: 30s}}\n"
    assert warnings(fleet, text) == [f":6: databases[1].name: is the same database as databases[0], 'x', {MEANT}"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("host: b", "host: b, port: 6432"),
        ("host: b", "host: a"),
        ("host: b", "host: b, query: SELECT 2"),
        ("host: 127.0.0.1, from: a", "host: 127.0.0.1, from: b"),
        ("socket: /run/postgresql, from: a", "socket: /run/postgresql, from: b"),
    ],
)
def test_databases_that_are_not_the_same_or_not_seen_from_one_host_are_not(fleet, one, other):
    assert warnings(fleet, f"databases:\n  - {DATABASE}name: x, {one}}}\n  - {DATABASE}name: y, {other}}}\n") == []


def test_endpoints_that_probe_the_same_are_warned_of(fleet):
    site = "probe: {protocol: http, url: 'https://site.example/', expect_body: ok}"
    text = f"endpoints:\n  - {{name: x, {site}}}\n  - {{name: y, {site}}}\n"
    assert warnings(fleet, text) == [f":6: endpoints[1].name: probes the same as endpoints[0], 'x', {MEANT}"]
    assert warnings(fleet, text.replace("expect_body: ok", "method: HEAD", 1).replace("expect_body: ok", "")) == []
    assert len(warnings(fleet, text.replace("expect_body: ok", "expect_body: ok, interval: 30s", 1))) == 1
    apart = text.replace("name: x,", "name: x, from: a,").replace("name: y,", "name: y, from: b,")
    assert warnings(fleet, apart) == []


@pytest.mark.parametrize(
    "other",
    [
        *("url: 'https://SITE.example/'", "url: 'https://site.example:443/'", "url: 'https://site.example'"),
        *("url: 'https://{address}/', address: site.example", "url: 'https://site.example/', ip_families: [ipv4]"),
    ],
)
def test_what_an_endpoint_asks_is_compared_however_it_is_written(fleet, other):
    text = (
        "endpoints:\n  - {name: x, probe: {protocol: http, url: 'https://site.example/'}}\n"
        f"  - {{name: y, probe: {{protocol: http, {other}}}}}\n"
    )
    assert warnings(fleet, text) == [f":6: endpoints[1].name: probes the same as endpoints[0], 'x', {MEANT}"]
    assert warnings(fleet, text.replace(other, "url: 'https://site.example/?a'")) == []
    assert warnings(fleet, text.replace(other, "url: 'http://site.example/'")) == []
    assert warnings(fleet, text.replace(other, "url: 'https://site.example/', ip_families: [ipv6]")) == []


def test_databases_at_one_socket_are_the_same_however_it_is_written(fleet):
    text = f"databases:\n  - {DATABASE}name: x, socket: /s/x}}\n  - {DATABASE}name: y, socket: /s//x/}}\n"
    assert warnings(fleet, text) == [f":6: databases[1].name: is the same database as databases[0], 'x', {MEANT}"]
    assert warnings(fleet, text.replace("/s//x/", "/s/y")) == []


def test_a_database_s_families_written_out_make_no_other_of_it(fleet):
    text = f"databases:\n  - {DATABASE}name: x, host: b}}\n  - {DATABASE}name: y, host: b, ip_families: [ipv4]}}\n"
    assert warnings(fleet, text) == [f":6: databases[1].name: is the same database as databases[0], 'x', {MEANT}"]
    assert warnings(fleet, text.replace("[ipv4]", "[ipv6]")) == []


def test_probes_that_are_equal_but_for_their_name_are_warned_of(fleet):
    text = "probes:\n  one: {protocol: icmp}\n  two: {protocol: icmp, ip_families: [ipv4], from: a}\n"
    same = "it is measured under each name; remove one, unless that is meant"
    assert warnings(fleet, text) == [f":6: probes.two: probes the same as probes.one: {same}"]
    assert warnings(fleet, text.replace("from: a", "dscp: 46")) == []
    assert warnings(fleet, text.replace("{protocol: icmp}", "{protocol: icmp, from: b}")) == []
    assert warnings(fleet, text.replace("{protocol: icmp}", "{protocol: icmp, to: b}").replace("from", "to")) == []


def test_one_public_name_in_two_spellings_is_warned_of(fleet):
    text = "stack:\n  public_names:\n    grafana.example: a\n    Grafana.Example: b\n"
    assert warnings(fleet, text) == [
        ":7: stack.public_names.\"Grafana.Example\": is the name 'grafana.example', too; keep one"
    ]


def test_an_endpoint_that_a_probe_of_the_hosts_reaches_already_is_warned_of(fleet):
    text = "probes:\n  icmp: {protocol: icmp}\nendpoints:\n  - {name: x, probe: icmp, address: B.example}\n"
    assert warnings(fleet, text) == [
        ":7: endpoints[0].name: probes the same as probes.icmp does of the host 'b': it is measured under each name; "
        "remove one, unless that is meant"
    ]
    assert warnings(fleet, text.replace("B.example", "c.example")) == []
    assert warnings(fleet, text.replace("probe: icmp", "probe: {protocol: icmp, dscp: 46}")) == []


def test_a_port_of_ours_is_not_warned_of(fleet):
    assert warnings(fleet, "probes:\n  tcp: {protocol: tcp, port: 9102}\n  icmp: {protocol: icmp}\n") == []


def test_a_maintenance_that_is_over_is_warned_of_and_one_that_is_not_is_no_news(fleet):
    over = "state: maintenance, until: 2001-02-03T04:05Z"
    loaded = fleet(
        f"""\
        hosts:
          - {{name: a, address: a.example, {over}}}
          - {{name: b, address: b.example, state: maintenance, until: 2999-12-31}}
          - {{name: c, address: c.example, state: maintenance}}
        """
    )
    (warning,) = loaded.warnings
    assert str(warning).removeprefix(loaded.source_file) == (
        ":2: hosts[0].until: the maintenance of 'a' is over since 2001-02-03 04:05 UTC: it alerts again; remove its "
        "state and until"
    )
