"""Where the other exporters are asked, and with what: as the probe of their ``/ping`` asks, or as ``peers`` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.secret import Secret
from exporter.fleet import own_probes, peers_of
from tests.authority import Authority

HOSTS = """
hosts:
  - {name: a, address: a.example}
  - {name: b, address: b.example}
  - {name: c, address: "2001:db8::1"}
  - {name: d, address: d.example, exporter: false}
"""


def urls(fleet, environ=None):
    peers, problems = peers_of(fleet, fleet.hosts[0], environ or {})
    assert problems == ()
    return {peer.name: peer.url for peer in peers}


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ('probes: {ping: {protocol: http, url: "http://{address}:9444/ping"}}', "http://b.example:9444"),
        (
            'probes: {ping: {protocol: http, url: "http://{address}:9444/ping?x=1"}}\npeers: {scheme: https}',
            "https://b.example:9444",
        ),
        ('probes: {ping: {protocol: http, url: "https://{address}/ping"}}', "https://b.example"),
        ('probes: {ping: {protocol: http, url: "http://elsewhere/ping"}}', "http://b.example:9102"),
        ('probes: {page: {protocol: http, url: "http://{address}:80/"}}', "http://b.example:9102"),
        ("peers: {scheme: https}", "https://b.example:9102"),
        ("scrape: {jobs: {latency: {port: 9103, scheme: https}}}", "http://b.example:9103"),
    ],
)
def test_a_peer_is_asked_where_its_ping_is_and_else_at_the_port_of_its_job(fleet, lines, url):
    assert urls(fleet(HOSTS + lines))["b"] == url


def test_every_other_host_with_an_exporter_is_a_peer(fleet):
    assert urls(fleet(HOSTS)) == {"b": "http://b.example:9102", "c": "http://[2001:db8::1]:9102"}


@pytest.mark.parametrize("probes", ['probes: {ping: {protocol: http, url: "https://{address}:9102/ping"}}', ""])
def test_peers_say_the_login_and_the_certificates_with_a_ping_and_without(fleet, tmp_path, probes):
    (tmp_path / "password").write_text("canary")
    (tmp_path / "password").chmod(0o600)
    authority = Authority(tmp_path)
    authority.file("a client").rename(tmp_path / "client.pem")
    ca = Path(authority.ca_file).name
    access = f"user: me, password_file: password, ca_file: {ca}, cert_file: client.pem, key_file: client.pem"
    loaded = fleet(f"{HOSTS}{probes}\npeers: {{scheme: https, {access}}}")
    (peer, _), problems = peers_of(loaded, loaded.hosts[0], {})
    assert problems == ()
    assert (peer.url, peer.user, peer.password) == ("https://b.example:9102", "me", Secret("canary"))
    assert (peer.ca_file, peer.own_certificate) == (str(tmp_path / ca), (str(tmp_path / "client.pem"),) * 2)
    assert "canary" not in repr(peer)


def test_a_password_that_lacks_is_a_problem_with_its_line(fleet):
    loaded = fleet(f"{HOSTS}peers: {{user: me, password_file: nowhere}}")
    (problem,) = peers_of(loaded, loaded.hosts[0], {})[1]
    assert str(problem).startswith(f"{loaded.source_file}:7: peers.password_file: ")


def test_probes_of_the_exporters_themselves_are_known_by_their_port(fleet):
    loaded = fleet(
        HOSTS
        + """
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9444}
  ssh: {protocol: tcp, port: 22}
  ping: {protocol: http, url: "http://{address}:9444/ping"}
  page: {protocol: http, url: "http://{address}:80/"}
"""
    )
    assert own_probes(loaded) == {"tcp", "ping"}
