"""What is written is what is read: text stays text, and every key has its type and its default."""

import hashlib
import textwrap
import time
from pathlib import Path

import pytest

from collectors.terms import IpFamily
from exporter.fleet import BadFile, load, pairs_of, survey, who_am_i

CONFIG = Path(__file__).parents[3] / "config"
BUCKETS = (
    "0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.75 1 2.5 5 10"
)


@pytest.mark.parametrize("text", ["NO", "1.10", "22:22", "0755", "null", "~", "1e3", "true", "2026-11-21", "0x1f"])
def test_text_stays_the_text_that_was_written(fleet, text):
    (host,) = fleet(f"hosts: [{{name: {text}, address: a.example, country: {text}}}]").hosts
    assert (host.name, host.country) == (text, text)


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "tab\t", "\U0001f600", "ümlaut", "a b", "{}"])
def test_a_name_may_hold_whatever_is_text(fleet, name):
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    (host,) = fleet(f'hosts: [{{name: "{quoted}", address: a.example}}]').hosts
    assert host.name == name


def test_a_host_needs_no_more_than_name_and_address(fleet):
    (host,) = fleet("hosts: [{name: a, address: a.example}]").hosts
    assert (host.location, host.datacenter, host.country, host.exporter, host.scrape) == ("", "", "", True, {})


def test_the_defaults_are_those_of_the_contract(fleet):
    loaded = fleet("hosts: [{name: a, address: a.example}]")
    assert loaded.defaults.interval == 15
    assert loaded.defaults.timeout == 10
    assert loaded.defaults.ip_families == (IpFamily.IPV4,)
    assert loaded.defaults.resolve_interval == 60
    assert loaded.defaults.buckets == tuple(map(float, BUCKETS.split()))
    assert (loaded.scrape.interval, loaded.scrape.timeout, loaded.scrape.jobs) == (15, 10, {})


def test_the_defaults_of_probes_are_those_of_the_contract(fleet):
    probes = fleet("""
        hosts: [{name: a, address: a.example}]
        probes:
          icmp: {protocol: icmp}
          tcp: {protocol: tcp, port: 22}
          http: {protocol: http, url: "http://{address}/"}
    """).probes
    icmp, tcp, http = probes["icmp"], probes["tcp"], probes["http"]
    assert (icmp.to, tcp.to, http.to) == (("all",), ("exporters",), ("exporters",))
    assert {probe.histogram for probe in probes.values()} == {True}
    assert {probe.from_ for probe in probes.values()} == {None}
    assert (icmp.payload_bytes, icmp.dscp, icmp.source_address, tcp.source_address) == (56, 0, None, None)
    assert (http.method, http.headers, http.expect_status) == ("GET", {}, set(range(200, 300)))
    assert (http.expect_body, http.max_body_bytes, http.tls_ca_file, http.tls_verify) == (None, 65536, None, True)


def test_the_defaults_of_later_sections_are_those_of_the_contract(fleet):
    loaded = fleet("""
        hosts: [{name: a, address: a.example}]
        databases:
          - {name: p, type: postgresql, host: a, user: u}
          - {name: m, type: mysql, socket: /run/mysqld.sock}
        n8n: [{name: n, database: p}]
        scrape: {jobs: {node: {port: 9100}}}
        stack: {loki: {url: "http://loki.example:3100"}}
    """)
    postgres, mysql = loaded.databases
    assert (postgres.port, mysql.port) == (5432, 3306)
    assert (postgres.tls, postgres.interval, postgres.cold_interval, postgres.query) == (
        "verify-full",
        15,
        60,
        "SELECT 1",
    )
    (n8n,) = loaded.n8n
    assert (n8n.interval, n8n.schema_, n8n.table_prefix, n8n.nodes) == (15, "public", "", False)
    assert (n8n.max_workflows, n8n.max_node_series, n8n.state_file) == (500, 2000, None)
    job = loaded.scrape.jobs["node"]
    assert (job.scheme, job.path, job.keep_instance, job.user) == ("http", "/metrics", False, None)
    assert loaded.stack.loki.internal is False


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("15s", 15), ("1.5m", 90), ("1h", 3600), ("100ms", 0.1), ("24h", 86400)]
)
def test_a_duration_is_a_number_with_a_unit(fleet, text, seconds):
    loaded = fleet(f"defaults: {{interval: {text}, timeout: 10ms}}\nhosts: [{{name: a, address: a.example}}]")
    assert loaded.defaults.interval == pytest.approx(seconds)


def test_anchors_merges_and_sections_for_them_work(fleet):
    hosts = fleet("""
        x-usa: &usa {country: US, location: usa}
        x-dc: &dc {datacenter: dc1, location: dc}
        hosts:
          - {<<: *usa, name: a, address: a.example}
          - {name: b, <<: [*usa, *dc], address: b.example, country: CA}
    """).hosts
    assert [(host.location, host.datacenter, host.country) for host in hosts] == [
        ("usa", "", "US"),
        ("usa", "dc1", "CA"),
    ]


def test_a_quoted_merge_key_is_no_merge(fleet):
    with pytest.raises(BadFile, match='"<<": unknown key'):
        fleet('hosts: [{"<<": {name: a}, address: b.example}]')


def test_a_section_that_is_left_empty_is_as_if_not_written(fleet):
    loaded = fleet("""
        hosts: [{name: a, address: a.example}]
        scrape:
        #  jobs: {node: {port: 9100}}
        endpoints:
    """)
    assert (loaded.scrape.jobs, loaded.endpoints) == ({}, ())


def test_a_byte_order_mark_and_windows_lines_are_read_over(tmp_path):
    path = tmp_path / "fleet.yml"
    path.write_bytes(b"\xef\xbb\xbfhosts:\r\n  - name: a\r\n    address: a.example\r\n")
    assert load(path).hosts[0].name == "a"


def test_the_hash_tells_files_apart_and_is_exact_as_a_float(tmp_path):
    path = tmp_path / "fleet.yml"
    text = b"hosts: [{name: a, address: a.example}]"
    path.write_bytes(text)
    first = load(path).config_hash
    path.write_bytes(text + b"\n")
    assert first == int(hashlib.sha256(text).hexdigest()[:12], 16)
    assert load(path).config_hash != first
    assert int(float(first)) == first


def test_the_default_file_measures_this_machine_three_ways_at_once():
    loaded = load(CONFIG / "exporter.yml")
    me = who_am_i(loaded, flag=None, environ={}, hostname="anything")
    mine = pairs_of(loaded, me, {})
    assert [(pair.target, pair.protocol) for pair in mine] == [("localhost", name) for name in ("icmp", "tcp", "http")]
    assert max(pair.interval for pair in mine) + max(pair.timeout for pair in mine) < 10
    assert loaded.defaults.buckets[0] < 0.0001


@pytest.mark.parametrize(("host", "count"), [("wf001", 11), ("wf008", 10), ("wfdb01", 7), ("wfdb02", 0)])
def test_the_example_loads_for_each_of_its_hosts_and_needs_the_databases_password_where_it_is_used(host, count):
    loaded = load(CONFIG / "fleet.example.yml")
    assert loaded.warnings == ()
    have, missing = survey(loaded, who_am_i(loaded, flag=host, environ={}, hostname=""), {})
    assert len(have) == count
    assert [problem.message[:20] for problem in missing] == ["/run/secrets/n8n-pos"] * (host in {"wf001", "wf008"})


def test_the_example_shows_every_key():
    """Written or commented; so that nobody needs the source to find one."""
    text = (CONFIG / "fleet.example.yml").read_text()
    keys = """interval timeout ip_families buckets resolve_interval name address location datacenter country exporter
        scrape scheme port path user password_file ca_file protocol from to histogram payload_bytes dscp source_address
        url method headers expect_status expect_body max_body_bytes tls_ca_file tls_verify password_env probe type host
        cert_file key_file
        socket dbname tls cold_interval query database schema table_prefix nodes max_workflows max_node_series
        state_file jobs keep_instance peers stack prometheus alertmanager grafana victoriametrics loki pushgateway
        internal public_names rules runbook_url"""
    assert [key for key in keys.split() if f"{key}:" not in text and f"{key} " not in text] == []


def test_the_examples_comments_are_true(fleet):
    """The commented sections load, too, once their marks are removed."""
    lines = (CONFIG / "fleet.example.yml").read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("# scrape:"))
    uncommented = "\n".join(line.removeprefix("# ") for line in lines[start:])
    whole = "\n".join(lines[:start]) + "\n" + uncommented
    loaded = fleet(whole)
    assert set(loaded.scrape.jobs) == {"node", "cadvisor"}
    assert loaded.rules.runbook_url == "https://git.vya.digital/latency-exporter/blob/main/docs/runbook.md"
    assert loaded.peers.scheme == "https"
    assert loaded.stack.public_names == {"grafana.vya.digital": "wfdb01"}


@pytest.mark.clock
def test_ten_thousand_hosts_load_within_seconds(tmp_path):
    path = tmp_path / "fleet.yml"
    host = "  - {{name: h{0}, address: h{0}.example, location: l, datacenter: d, country: US}}\n"
    path.write_text(
        "hosts:\n"
        + "".join(host.format(number) for number in range(10_000))
        + textwrap.dedent("""
            probes:
              icmp: {protocol: icmp}
              ping: {protocol: http, url: "http://{address}:9102/ping"}
        """)
    )
    began = time.process_time()  # of the processor: others may load the machine
    loaded = load(path)
    assert len(pairs_of(loaded, loaded.hosts[0], {})) == 2 * 9_999
    assert time.process_time() - began < 5


@pytest.mark.clock
def test_thousands_of_endpoints_on_ten_thousand_hosts_load_within_seconds(tmp_path):
    path = tmp_path / "fleet.yml"
    host = "  - {{name: h{0}, address: h{0}.example}}\n"
    endpoint = "  - {{name: e{0}, probe: {{protocol: http, url: 'http://e{0}.example/'}}}}\n"
    hosts, endpoints = "".join(map(host.format, range(10_000))), "".join(map(endpoint.format, range(2_000)))
    path.write_text(f"hosts:\n{hosts}endpoints:\n{endpoints}")
    began = time.process_time()  # of the processor: others may load the machine
    assert len(load(path).endpoints) == 2_000
    assert time.process_time() - began < 5


@pytest.mark.clock
def test_ten_thousand_mistakes_are_told_within_seconds(tmp_path):
    path = tmp_path / "fleet.yml"
    path.write_text("hosts:\n" + "".join(f"  - {{name: h{number}, adress: h.example}}\n" for number in range(10_000)))
    began = time.process_time()  # of the processor: others may load the machine
    with pytest.raises(BadFile, match="did you mean 'address'") as caught:
        load(path)
    assert len(caught.value.problems) == 10_000
    assert time.process_time() - began < 5
