"""Who measures whom, over what, and with which labels."""

import math

import pytest

from collectors.http.target import HttpTarget
from collectors.icmp.target import IcmpTarget
from collectors.n8n.target import N8nTarget
from collectors.secret import Secret
from collectors.tcp import TcpTarget
from collectors.terms import IpFamily
from exporter.fleet import BadFile, host_header, in_maintenance, pairs_of

THREE = """
hosts:
  - {name: a, address: a.example, location: la, datacenter: da, country: NO}
  - {name: b, address: b.example}
  - {name: c, address: c.example, exporter: false}
"""


def seen(fleet, name="a", environ=None):
    host = next(host for host in fleet.hosts if host.name == name)
    return pairs_of(fleet, host, environ or {})


def targets(fleet, name="a"):
    return [pair.target for pair in seen(fleet, name)]


def test_a_pair_bears_the_labels_of_its_target(fleet):
    (pair, _) = seen(fleet(THREE + "probes: {echo: {protocol: icmp}}"), "b")
    assert pair.identity == ("", "a", "la", "da", "NO", "echo", "icmp", "ipv4")
    assert pair.aim == IcmpTarget(
        address="a.example", ip_family=IpFamily.IPV4, payload_bytes=56, dscp=0, source_address=None
    )
    assert (pair.interval, pair.timeout, pair.histogram) == (15, 10, True)


def test_a_probe_overrides_the_defaults(fleet):
    probe = "{protocol: tcp, port: 22, interval: 2s, timeout: 1s, histogram: false}"
    (pair,) = seen(fleet(THREE + f"probes: {{ssh: {probe}}}"))
    assert (pair.interval, pair.timeout, pair.histogram) == (2, 1, False)
    assert pair.aim == TcpTarget(address="b.example", ip_family=IpFamily.IPV4, port=22, source_address=None)


def test_a_fleet_of_one_probes_itself(fleet):
    assert targets(fleet("hosts: [{name: a, address: a.example}]\nprobes: {icmp: {protocol: icmp}}")) == ["a"]


def test_in_a_larger_fleet_nobody_probes_itself(fleet):
    loaded = fleet(THREE + "probes: {icmp: {protocol: icmp, to: [a, b, c]}}")
    assert (targets(loaded, "a"), targets(loaded, "b")) == (["b", "c"], ["a", "c"])


@pytest.mark.parametrize(
    ("protocol", "to", "expected"),
    [
        ("protocol: icmp", "", ["b", "c"]),
        ("protocol: icmp", ", to: exporters", ["b"]),
        ("protocol: tcp, port: 1", "", ["b"]),
        ("protocol: tcp, port: 1", ", to: [exporters, c]", ["b", "c"]),
        ("protocol: tcp, port: 1", ", to: c", ["c"]),
        ("protocol: tcp, port: 1", ", to: all", ["b", "c"]),
        ('protocol: http, url: "http://{address}/"', "", ["b"]),
        ('protocol: http, url: "http://{address}/"', ", to: [c]", ["c"]),
    ],
)
def test_a_host_without_an_exporter_is_asked_by_tcp_and_http_only_where_to_says_so(fleet, protocol, to, expected):
    assert targets(fleet(THREE + f"probes: {{p: {{{protocol}{to}}}}}")) == expected


def test_a_host_without_an_exporter_measures_nothing(fleet):
    assert targets(fleet(THREE + "probes: {icmp: {protocol: icmp, from: all}}"), "c") == []


@pytest.mark.parametrize(("source", "measuring"), [("", "ab"), (", from: b", "b"), (", from: exporters", "ab")])
def test_from_says_who_measures(fleet, source, measuring):
    loaded = fleet(THREE + f"probes: {{icmp: {{protocol: icmp{source}}}}}")
    assert "".join(name for name in "abc" if targets(loaded, name)) == measuring


def test_two_families_are_two_pairs(fleet):
    measured = seen(fleet(THREE + "probes: {icmp: {protocol: icmp, to: b, ip_families: [ipv4, ipv6]}}"))
    assert [(pair.identity[-1], pair.aim.ip_family) for pair in measured] == [("ipv4", "ipv4"), ("ipv6", "ipv6")]


@pytest.mark.parametrize(
    ("address", "families", "expected"),
    [
        ("192.0.2.1", "", ["ipv4"]),
        ("2001:db8::1", "", ["ipv6"]),
        ("192.0.2.1", ", ip_families: [ipv4, ipv6]", ["ipv4"]),
        ("2001:db8::1", ", ip_families: [ipv4]", []),
        ("b.example", ", ip_families: [ipv6]", ["ipv6"]),
    ],
)
def test_a_literal_address_has_its_own_family_alone(fleet, address, families, expected):
    loaded = fleet(f"""
        hosts: [{{name: a, address: a.example}}, {{name: b, address: "{address}"}}]
        probes: {{icmp: {{protocol: icmp{families}}}}}
    """)
    assert [pair.ip_family for pair in seen(loaded)] == expected


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("b.example", "http://b.example:9102/x"),
        ("192.0.2.1", "http://192.0.2.1:9102/x"),
        ("2001:db8::1", "http://[2001:db8::1]:9102/x"),
    ],
)
def test_a_url_is_filled_with_the_address_in_brackets_where_it_is_ipv6(fleet, address, url):
    loaded = fleet(f"""
        hosts: [{{name: a, address: a.example}}, {{name: b, address: "{address}"}}]
        probes: {{p: {{protocol: http, url: "http://{{address}}:9102/x"}}}}
    """)
    assert [pair.aim.url for pair in seen(loaded)] == [url]


def test_a_ping_says_who_asks_and_other_requests_do_not(fleet):
    loaded = fleet(
        THREE
        + """
probes:
  ping: {protocol: http, url: "http://{address}:9102/ping", headers: {Accept: text/plain}}
  page: {protocol: http, url: "http://{address}:9102/"}
endpoints:
  - {name: gateway, probe: ping, address: gateway.example}
"""
    )
    headers = {(pair.target, pair.probe): pair.aim.headers for pair in seen(loaded)}
    assert headers == {
        ("b", "ping"): (("Accept", "text/plain"), ("Latency-Exporter-Host", "a")),
        ("b", "page"): (),
        ("gateway", "ping"): (("Accept", "text/plain"),),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("wf001", "wf001"), ("a b", "a%20b"), ("100%", "100%25"), ("é\n", "%C3%A9%0A"), ('q"\\', 'q"\\')],
)
def test_a_name_becomes_a_header_of_printable_ascii(name, value):
    assert host_header(name) == value


def test_peers_hold_for_pings_of_hosts_alone(fleet, tmp_path):
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "password").chmod(0o600)
    loaded = fleet(
        THREE
        + """
probes:
  ping: {protocol: http, url: "http://{address}:9102/ping"}
  page: {protocol: http, url: "http://{address}:9102/"}
peers: {scheme: https, user: peer, password_file: password}
"""
    )
    ping, page = (pair.aim for pair in seen(loaded))
    assert (ping.url, ping.user, ping.password.reveal()) == ("https://b.example:9102/ping", "peer", "hunter2")
    assert (page.url, page.user, page.password) == ("http://b.example:9102/", None, None)


def test_an_endpoint_is_measured_by_its_own_probe_or_a_named_one(fleet):
    loaded = fleet(
        THREE
        + """
probes:
  echo: {protocol: icmp, from: b, dscp: 46}
endpoints:
  - {name: dns, probe: echo, address: 192.0.2.53, country: DE, from: a}
  - {name: gate, probe: {protocol: tcp, port: 443, address: gate.example}}
  - {name: site, probe: {protocol: http, url: "https://site.example/", expect_status: [301], expect_body: "^o"}}
"""
    )
    dns, gate, site = seen(loaded)
    assert dns.identity == ("", "dns", "", "", "DE", "echo", "icmp", "ipv4")
    assert dns.aim.dscp == 46
    assert gate.identity == ("", "gate", "", "", "", "tcp", "tcp", "ipv4")
    assert gate.aim.address == "gate.example"
    assert site.identity[:7] == ("", "site", "", "", "", "http", "http")
    assert isinstance(site.aim, HttpTarget)
    assert site.aim.expect_status == frozenset({301})
    assert site.aim.expect_body is not None
    assert site.aim.expect_body.search("ok")
    assert [pair.target for pair in seen(loaded, "b")] == ["a", "c", "gate", "site"]


def test_a_url_with_a_literal_address_implies_its_family(fleet):
    loaded = fleet(THREE + 'endpoints: [{name: s, probe: {protocol: http, url: "http://[2001:db8::1]/"}}]')
    assert [pair.ip_family for pair in seen(loaded)] == ["ipv6"]


def test_the_order_is_that_of_the_file_and_the_same_every_time(fleet):
    text = THREE + "probes: {z: {protocol: icmp}, b: {protocol: tcp, port: 1, to: all}}"
    order = [(pair.probe, pair.target) for pair in seen(fleet(text))]
    assert order == [("z", "b"), ("z", "c"), ("b", "b"), ("b", "c")]
    assert seen(fleet(text)) == seen(fleet(text))


def test_identities_are_unique(fleet):
    text = THREE + "probes: {i: {protocol: icmp, ip_families: [ipv4, ipv6]}, j: {protocol: icmp}}"
    identities = [pair.identity for pair in seen(fleet(text))]
    assert len(set(identities)) == len(identities) == 6


def test_certificates_that_cannot_be_used_are_problems_of_this_host_alone(fleet, tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    loaded = fleet(
        THREE
        + """
probes:
  one: {protocol: http, url: "https://{address}/", tls_ca_file: empty.pem, from: a}
  two: {protocol: http, url: "https://{address}/", tls_ca_file: missing.pem, from: a}
"""
    )
    with pytest.raises(BadFile) as caught:
        seen(loaded)
    empty, missing = (str(problem).replace(str(tmp_path), "") for problem in caught.value.problems)
    assert empty == (
        "/fleet.yml:8: probes.one.tls_ca_file: /empty.pem: holds no certificate in PEM form; "
        "name a file that begins with -----BEGIN"
    )
    assert missing == (
        "/fleet.yml:9: probes.two.tls_ca_file: /missing.pem: cannot be read: No such file or directory; "
        "name a file of certificates"
    )
    assert len(seen(loaded, "b")) == 0


N8N = """
hosts:
  - {name: a, address: a.example}
  - {name: b, address: b.example, location: lb}
databases:
  - {name: db, type: postgresql, host: b, port: 6432, user: me, password_file: password, dbname: n8n, from: b}
n8n:
  - {name: orders, database: db, from: a, interval: 30s, schema: flow, table_prefix: n8n_, nodes: true,
     state_file: kept.json}
"""


def test_an_n8n_is_read_by_one_host_with_the_password_that_another_logs_in_with(fleet, password, tmp_path):
    loaded = fleet(N8N)
    (pair,) = seen(loaded, "a")
    assert pair.identity == ("", "orders", "", "", "", "read", "n8n", "ipv4")
    assert (pair.name, pair.place, pair.interval, pair.timeout) == ("orders", "b.example", 30, 10)
    assert pair.aim == N8nTarget(
        address="b.example",
        ip_families=(IpFamily.IPV4, IpFamily.IPV6),
        port=6432,
        socket=None,
        user="me",
        password=Secret("canary-7f3a"),
        dbname="n8n",
        tls="verify-full",
        tls_ca_file=None,
        schema="flow",
        table_prefix="n8n_",
        nodes=True,
        state_file=str(tmp_path / "kept.json"),
        timeout=10.0,
    )
    assert [other.probe for other in seen(loaded, "b")] == ["login", "query"]


@pytest.mark.parametrize(
    ("socket", "port", "expected"),
    [
        ("/run/postgresql", 5433, ("/run/postgresql", 5433)),
        ("/run/postgresql/.s.PGSQL.5434", 5432, ("/run/postgresql", 5434)),
        ("/run/.s.PGSQL.x", 5432, ("/run/.s.PGSQL.x", 5432)),
    ],
)
def test_a_socket_is_the_folder_that_it_is_in(fleet, socket, port, expected):
    (pair,) = seen(
        fleet(
            "hosts: [{name: a, address: a.example}]\n"
            f"databases: [{{name: db, type: postgresql, socket: {socket}, port: {port}, user: me, from: a}}]\n"
            "n8n: [{name: orders, database: db}]\n"
        )
    )[2:]
    assert (pair.aim.socket, pair.aim.port) == expected


def test_a_state_files_folder_has_to_be_there_on_the_host_that_reads(fleet, password, tmp_path):
    loaded = fleet(N8N.replace("kept.json", "gone/kept.json"))
    with pytest.raises(BadFile) as caught:
        seen(loaded, "a")
    assert str(caught.value) == (
        f"{tmp_path}/fleet.yml:9: n8n[0].state_file: {tmp_path}/gone: no such folder; "
        "create it, and let this program write there"
    )
    assert len(seen(loaded, "b")) == 2


def test_a_pair_knows_the_maintenance_of_the_host_toward_which_it_is(fleet):
    loaded = fleet(
        """
        hosts:
          - {name: a, address: a.example, state: maintenance}
          - {name: b, address: b.example, state: maintenance, until: 2001-02-03T04:05Z}
          - {name: c, address: c.example, state: maintenance}
          - {name: d, address: d.example}
        probes: {icmp: {protocol: icmp}}
        endpoints: [{name: site, probe: icmp, address: c.example}]
        databases:
          - {name: db, type: mysql, host: c}
          - {name: flow, type: postgresql, host: b, user: me, tls: disable, from: d}
        n8n: [{name: orders, database: flow, from: a}]
        """
    )
    ends = {pair.name: pair.maintenance for pair in seen(loaded)}
    assert ends == {"b": 981173100.0, "c": math.inf, "d": None, "site": None, "db": math.inf, "orders": 981173100.0}
    assert in_maintenance(loaded.hosts, 981173099.0) == {"a": math.inf, "b": 981173100.0, "c": math.inf}
    assert in_maintenance(loaded.hosts, 981173100.0) == {"a": math.inf, "c": math.inf}
