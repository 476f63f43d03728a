"""The rules that give the names of blackbox_exporter and smokeping_prober, against these names.

They are written down here, of two versions each; the programs themselves are asked where they can be had.
"""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.docs.markdown import PAGES, words
from tests.netlab import wait_until
from tests.ports import free_port
from tests.prometheus.test_rules import rules


def with_labels(lines: str) -> dict[str, set[str]]:
    return {name: set(labels) for name, *labels in map(str.split, lines.strip().splitlines())}


PROBE = with_labels("""
    probe_dns_lookup_time_seconds
    probe_duration_seconds
    probe_failed_due_to_bytes
    probe_failed_due_to_regex
    probe_http_content_length
    probe_http_duration_seconds phase
    probe_http_last_modified_timestamp_seconds
    probe_http_redirects
    probe_http_ssl
    probe_http_status_code
    probe_http_uncompressed_body_length
    probe_http_version
    probe_icmp_duration_seconds phase
    probe_icmp_reply_hop_limit
    probe_ip_addr_hash
    probe_ip_protocol
    probe_ssl_earliest_cert_expiry
    probe_ssl_last_chain_expiry_timestamp_seconds
    probe_ssl_last_chain_info fingerprint_sha256 issuer serialnumber subject subjectalternative
    probe_success
    probe_tls_cipher_info cipher
    probe_tls_version_info version
""")
"""What blackbox_exporter 0.23 to 0.28 says of a probe by icmp, tcp or http, and by which labels."""
SMOKEPING = with_labels("""
    smokeping_prober_build_info branch goarch goos goversion revision tags version
    smokeping_prober_config_last_reload_success_timestamp_seconds
    smokeping_prober_config_last_reload_successful
    smokeping_receive_errors_total
    smokeping_requests_total host ip source tos
    smokeping_response_duplicates_total host ip source tos
    smokeping_response_duration_seconds_bucket host ip source tos le
    smokeping_response_duration_seconds_count host ip source tos
    smokeping_response_duration_seconds_sum host ip source tos
    smokeping_response_ttl host ip source tos
    smokeping_send_errors_total host ip source tos
""")
"""What smokeping_prober 0.6 to 0.11 says."""
BY_THE_SCRAPE = {"job", "instance"}
LABELS_NOT_GIVEN = {"ip", "tos"}
KINDS = [
    ("legacy-blackbox.yml", "blackbox_exporter's, not given", PROBE),
    ("legacy-smokeping.yml", "smokeping_prober's, not given", SMOKEPING),
]
PEERS = Path(__file__).parents[2] / ".cache/peers/usr/bin"
"""What `tests/servers.sh peers` could get."""


def recorded(file: str) -> dict[str, set[str]]:
    """Return the labels of each series that a file of rules records: what its aggregation leaves, and its own."""
    return {
        rule["record"]: set(re.split(r",\s*", re.findall(r"\Amax by \((.*?)\)", rule["expr"])[0]))
        | set(rule.get("labels", {}))
        for rule in rules(file)
    }


@pytest.mark.parametrize(("file", "heading", "theirs"), KINDS, ids=["blackbox", "smokeping"])
def test_every_name_is_recorded_with_its_labels_or_the_migration_says_why_not(
    file: str, heading: str, theirs: dict[str, set[str]]
) -> None:
    ours = recorded(file)
    page = PAGES["migration"]
    explained = {name for row in page.table(f"`{file}` records") for name in words(row[0])}
    not_given = {word for row in page.table(heading) for word in words(row[0])}
    assert explained == set(ours)
    assert not_given & set(ours) == set()
    assert {*ours, *not_given} - LABELS_NOT_GIVEN - {"source"} == set(theirs)
    for name, labels in ours.items():
        assert labels >= (theirs[name] - LABELS_NOT_GIVEN) | BY_THE_SCRAPE, name
        assert labels >= {"source", "ip_family"}, name


def program(name: str) -> str:
    """Find a program, installed or unpacked by `tests/servers.sh peers`; empty if it is neither."""
    return shutil.which(name) or shutil.which(name, path=str(PEERS)) or ""


BLACKBOX_EXPORTER, SMOKEPING_PROBER = map(program, ("prometheus-blackbox-exporter", "prometheus-smokeping-prober"))
MODULES = """\
modules:
  icmp: {{prober: icmp, icmp: {{preferred_ip_protocol: ip4}}}}
  tcp: {{prober: tcp}}
  http: {{prober: http, http: {{tls_config: {{ca_file: {ca_file}}}}}}}
"""


@contextmanager
def running(*command: str) -> Iterator[str]:
    """Run a program with an address to listen at, and give its url."""
    at = f"127.0.0.1:{free_port()}"
    command = (*command, f"--web.listen-address={at}")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: asked(f"http://{at}/metrics"), f"{command[0]} answers", 30)
            yield f"http://{at}"
        finally:
            process.terminate()


@contextmanager
def a_site(context: ssl.SSLContext) -> Iterator[int]:
    """Serve this folder's list of files over TLS; give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def asked(url: str) -> str:
    """Return a page; nothing while nobody serves it."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def names_and_labels(page: str, beginning: str) -> dict[str, set[str]]:
    """Return what a page has, each name with all labels that it bears anywhere."""
    labels_of: dict[str, set[str]] = {}
    for name, labels in re.findall(rf"^({beginning}\w+)(?:{{(.*)}})? ", page, re.MULTILINE):
        labels_of.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return labels_of


@pytest.mark.root
@pytest.mark.skipif(not BLACKBOX_EXPORTER, reason="blackbox_exporter could not be had (tests/servers.sh peers)")
def test_blackbox_exporter_itself_has_no_other_names_and_all_that_are_recorded(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "blackbox.yml").write_text(MODULES.format(ca_file=authority.ca_file))
    with (
        a_site(authority.server("127.0.0.1")) as port,
        running(BLACKBOX_EXPORTER, f"--config.file={tmp_path}/blackbox.yml") as url,
    ):
        targets = {"icmp": "127.0.0.1", "tcp": f"127.0.0.1:{port}", "http": f"https://127.0.0.1:{port}/"}
        pages = {module: asked(f"{url}/probe?module={module}&target={at}") for module, at in targets.items()}
    assert {module for module, page in pages.items() if "\nprobe_success 1\n" in page} == set(targets)
    served = names_and_labels("".join(pages.values()), "probe_")
    assert served.keys() <= PROBE.keys()
    assert all(labels <= PROBE[name] for name, labels in served.items())
    assert recorded("legacy-blackbox.yml").keys() <= served.keys()


@pytest.mark.root
@pytest.mark.skipif(not SMOKEPING_PROBER, reason="smokeping_prober could not be had (tests/servers.sh peers)")
def test_smokeping_prober_itself_has_no_other_names_and_those_that_are_recorded() -> None:
    with running(SMOKEPING_PROBER, "--config.file=", "--ping.interval=100ms", "127.0.0.1") as url:
        wait_until(lambda: "\nsmokeping_response_ttl{" in asked(f"{url}/metrics"), "a reply", 30)
        served = names_and_labels(asked(f"{url}/metrics"), "smokeping_")
    assert served.keys() <= SMOKEPING.keys()
    assert all(labels <= SMOKEPING[name] for name, labels in served.items())
    younger = {"smokeping_send_errors_total"}  # than 0.6
    assert recorded("legacy-smokeping.yml").keys() - younger <= served.keys()
