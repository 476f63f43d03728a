"""`cert_file` and `key_file`: where they hold, and the messages about files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from collectors.transport.trust import OwnCertificate
from exporter.doctor.stack import stack_servers
from exporter.fleet import BadFile, pairs_of
from tests.authority import Authority

TWO = "hosts: [{name: a, address: a.example}, {name: b, address: b.example}]\n"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def client(authority, tmp_path):
    """A certificate and its key, as the fleet file beside them names them."""
    authority.file("a client").rename(tmp_path / "client.pem")
    return "cert_file: client.pem, key_file: client.pem"


def specs(fleet, name="a"):
    host = next(host for host in fleet.hosts if host.name == name)
    return {pair.probe: pair.aim for pair in pairs_of(fleet, host, {})}


def test_probes_and_databases_show_what_they_name(fleet, client, tmp_path):
    aims = specs(
        fleet(
            TWO
            + f"""
probes:
  page: {{protocol: http, url: "https://{{address}}/", {client}}}
endpoints:
  - {{name: site, probe: {{protocol: http, url: "https://site.example/", {client}}}}}
databases:
  - {{name: db, type: postgresql, host: b, user: m, {client}}}
"""
        )
    )
    ours = OwnCertificate(str(tmp_path / "client.pem"), str(tmp_path / "client.pem"))
    assert {probe: aim.own_certificate for probe, aim in aims.items()} == dict.fromkeys(
        ("page", "http", "login", "query"), ours
    )


def test_peers_are_shown_theirs_and_else_the_probes_own(fleet, client, authority, tmp_path):
    authority.file("another").rename(tmp_path / "peer.pem")
    text = f"""
probes:
  ping: {{protocol: http, url: "https://{{address}}:9102/ping", {client}}}
  page: {{protocol: http, url: "https://{{address}}:9102/", {client}}}
"""
    peers = "peers: {cert_file: peer.pem, key_file: peer.pem}\n"
    own, peer = (OwnCertificate(str(tmp_path / name), str(tmp_path / name)) for name in ("client.pem", "peer.pem"))
    assert {probe: aim.own_certificate for probe, aim in specs(fleet(TWO + text)).items()} == {
        "ping": own,
        "page": own,
    }
    assert {probe: aim.own_certificate for probe, aim in specs(fleet(TWO + text + peers)).items()} == {
        "ping": peer,
        "page": own,
    }


def test_the_doctor_shows_what_the_stack_names(fleet, client, tmp_path):
    (server,) = stack_servers(fleet(TWO + f"stack: {{prometheus: {{url: 'https://p.example', {client}}}}}"), {})
    assert server.own_certificate == OwnCertificate(str(tmp_path / "client.pem"), str(tmp_path / "client.pem"))


def encrypted(key_file: Path) -> bytes:
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)


def test_files_that_cannot_be_shown_are_problems_with_their_line_on_the_hosts_that_need_them(
    fleet, authority, tmp_path
):
    one, other = authority.file("one"), authority.file("other")
    one.rename(tmp_path / "one.pem")
    (tmp_path / "locked.pem").write_bytes(encrypted(other))
    other.rename(tmp_path / "other.pem")
    (tmp_path / "text").write_text("-----BEGIN NOTHING-----")
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    named = {
        "absent": ("none.pem", "one.pem"),
        "text": ("text", "text"),
        "mismatch": ("one.pem", "other.pem"),
        "locked": ("other.pem", "locked.pem"),
        "broken": ("broken.pem", "one.pem"),
    }
    lines = "".join(
        f"  {probe}: {{protocol: http, url: 'https://{{address}}/', from: a, cert_file: {cert}, key_file: {key}}}\n"
        for probe, (cert, key) in named.items()
    )
    loaded = fleet(TWO + "probes:\n" + lines)
    with pytest.raises(BadFile) as caught:
        specs(loaded)
    assert [str(problem).replace(str(tmp_path), "") for problem in caught.value.problems] == [
        "/fleet.yml:3: probes.absent.cert_file: /none.pem: cannot be read: No such file or directory; "
        "name the file of a certificate",
        "/fleet.yml:4: probes.text.cert_file: /text: holds no certificate in PEM form; "
        "name a file that begins with -----BEGIN",
        "/fleet.yml:4: probes.text.key_file: /text: holds no private key in PEM form; "
        "name a file that begins with -----BEGIN",
        "/fleet.yml:5: probes.mismatch.key_file: /other.pem: is the key of another certificate than cert_file's",
        "/fleet.yml:6: probes.locked.key_file: /locked.pem: "
        "is encrypted; decrypt it: nobody is there to type its password",
        "/fleet.yml:7: probes.broken.cert_file: /broken.pem: "
        "no usable certificate here or no usable key in key_file; both have to be PEM",
    ]
    assert specs(loaded, "b") == {}
