import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from exporter.fleet import BadFile, load, survey
from exporter.recording.metrics.cost import series
from exporter.scrape_configs import STANZAS, CannotWrite, changes, difference, files, targets_of, write

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "prometheus/scrape_configs"
IN_CONTAINER = "/etc/prometheus/scrape_configs"

HOSTS = """\
hosts:
  - {name: west, address: west.example, location: oslo, datacenter: dc1, country: NO}
  - {name: east, address: "2001:db8::1"}
  - {name: databases, address: 192.0.2.3, exporter: false, location: rio}
"""
EXAMPLE = f"""\
{HOSTS}probes:
  icmp: {{protocol: icmp}}
  tcp: {{protocol: tcp, port: 9102}}
  ping: {{protocol: http, url: "http://{{address}}:9102/ping"}}
"""
ODD = "a \"q\" 'q' \\ %{HOME} ${HOME} {{x}} \n \t é 😀 🏴\U000e0067\U000e007f \u2028 \ufeff : # [x] ~"
"""What some reader of JSON, of YAML or of templates takes for something else."""


@pytest.fixture
def fleet(tmp_path):
    def fleet_of(text):
        path = tmp_path / "fleet.yml"
        path.write_text(text)
        return load(path)

    return fleet_of


@pytest.fixture
def texts(fleet):
    return lambda text: files(fleet(text), "/sd")


def put(fleet, folder, place, **more):
    return write(changes(fleet, folder, place), **more)


def groups(text):
    return {group["targets"][0]: group["labels"] for group in json.loads(text)}


# What is scraped, and with which labels


def test_an_exporter_is_one_line_with_its_name_and_place_and_an_empty_label_is_left_out(texts):
    assert texts(HOSTS)["latency.json"] == (
        "[\n"
        '  {"targets": ["[2001:db8::1]:9102"], "labels": {"host": "east", "instance": "east", "source": "east"}},\n'
        '  {"targets": ["west.example:9102"], "labels": {"host": "west", "instance": "west", "source": "west", '
        '"source_country": "NO", "source_datacenter": "dc1", "source_location": "oslo"}}\n'
        "]\n"
    )


def test_other_jobs_have_all_hosts_with_their_places_as_plain_labels(texts):
    node = groups(texts(HOSTS + "scrape: {jobs: {node: {port: 9100}}}\n")["node.json"])
    assert node == {
        "192.0.2.3:9100": {"host": "databases", "instance": "databases", "location": "rio"},
        "[2001:db8::1]:9100": {"host": "east", "instance": "east"},
        "west.example:9100": {
            "host": "west",
            "instance": "west",
            "location": "oslo",
            "datacenter": "dc1",
            "country": "NO",
        },
    }


def test_a_job_that_keeps_its_instance_leaves_it_to_the_server(texts):
    by_name = texts(HOSTS + "scrape: {jobs: {node: {port: 9100, keep_instance: true}}}\n")
    assert groups(by_name["node.json"])["192.0.2.3:9100"] == {"host": "databases", "location": "rio"}


@pytest.mark.parametrize(
    ("own", "target", "more"),
    [
        ("{port: 443}", "h.example:443", {}),
        ("{address: proxy.example}", "proxy.example:9102", {}),
        ('{address: "::1", port: 1}', "[::1]:1", {}),
        ("{scheme: https}", "h.example:9102", {"__scheme__": "https"}),
        ("{scheme: http, path: /metrics}", "h.example:9102", {}),
        ("{path: /latency/metrics}", "h.example:9102", {"__metrics_path__": "/latency/metrics"}),
    ],
)
def test_a_host_may_differ_from_its_job(texts, own, target, more):
    text = f"hosts: [{{name: h, address: h.example, scrape: {{latency: {own}}}}}]"
    assert groups(texts(text)["latency.json"]) == {target: {"host": "h", "instance": "h", "source": "h"} | more}


def test_the_exporters_own_job_can_be_changed_for_the_whole_fleet(texts):
    by_name = texts(HOSTS + "scrape: {jobs: {latency: {port: 443, scheme: https, path: /x, ca_file: ca.pem}}}\n")
    targets = groups(by_name["latency.json"])
    assert set(targets) == {"west.example:443", "[2001:db8::1]:443"}
    assert targets["west.example:443"]["source_location"] == "oslo"
    (stanza,) = yaml.safe_load(by_name[STANZAS])
    assert (stanza["scheme"], stanza["metrics_path"], stanza["tls_config"]) == ("https", "/x", {"ca_file": "ca.pem"})


def test_a_fleet_without_exporters_has_an_empty_list_and_not_a_missing_file(texts):
    assert texts("hosts: [{name: h, address: h, exporter: false}]")["latency.json"] == "[]\n"


def test_the_order_of_hosts_and_jobs_in_the_file_changes_nothing(texts):
    hosts = ["{name: a, address: a}", "{name: b, address: b}", "{name: c, address: c, scrape: {node: {ca_file: x}}}"]
    jobs = ["node: {port: 1}", "cadvisor: {port: 2}", "zfs: {port: 3}"]
    first, second = (
        texts(f"hosts: [{', '.join(hosts[::step])}]\nscrape: {{jobs: {{{', '.join(jobs[::step])}}}}}")
        for step in (1, -1)
    )
    assert list(first.items()) == list(second.items())


# The stanzas


def test_the_stanza_says_everything_that_a_job_has(texts):
    text = HOSTS + (
        "scrape:\n  interval: 1m\n  timeout: 2.5s\n"
        "  jobs: {node: {port: 9100, scheme: https, path: /n, user: me, password_file: /p, ca_file: /c,\n"
        "    cert_file: /cert, key_file: /key}}\n"
    )
    assert texts(text)[STANZAS] == (
        "# Generated by `latency-exporter scrape-configs` from the fleet file: change that, and run it again.\n"
        "# Prometheus: paste the stanzas below `scrape_configs:`. "
        "VictoriaMetrics: name this file in `scrape_config_files:`.\n"
        '\n  - job_name: "latency"\n    scrape_interval: 60s\n    scrape_timeout: 2500ms\n'
        '    sample_limit: 1000\n    scheme: http\n    metrics_path: "/metrics"\n'
        '    file_sd_configs:\n      - files: ["/sd/latency.json"]\n'
        '\n  - job_name: "node"\n    scrape_interval: 60s\n    scrape_timeout: 2500ms\n'
        '    scheme: https\n    metrics_path: "/n"\n'
        '    basic_auth:\n      username: "me"\n      password_file: "/p"\n    tls_config:\n      ca_file: "/c"\n'
        '      cert_file: "/cert"\n      key_file: "/key"\n'
        '    file_sd_configs:\n      - files: ["/sd/node.json"]\n'
    )


def own_login(user):
    return f"{{name: {user}-host, address: h, scrape: {{latency: {{user: {user}, password_file: /p}}}}}}"


def test_hosts_with_a_login_of_their_own_share_a_stanza_and_keep_their_job(texts):
    hosts = f"{own_login('x')}, {own_login('x').replace('x-host', 'y-host')}, {{name: plain, address: h}}"
    by_name = texts(f"hosts: [{hosts}]")
    plain, own = yaml.safe_load(by_name[STANZAS])
    assert plain["job_name"] == "latency"
    assert "basic_auth" not in plain
    assert own["basic_auth"] == {"username": "x", "password_file": "/p"}
    assert own["file_sd_configs"] == [{"files": [f"/sd/{own['job_name']}.json"]}]
    members = json.loads(by_name[f"{own['job_name']}.json"])
    assert [(group["labels"]["host"], group["labels"]["job"]) for group in members] == [
        ("x-host", "latency"),
        ("y-host", "latency"),
    ]


def test_a_pasted_stanza_stays_true_when_hosts_come_and_go(texts):
    before = texts(f"hosts: [{own_login('x')}]")
    after = texts(f"hosts: [{own_login('a')}, {{name: new, address: n}}, {own_login('x')}]")
    stanzas_before, stanzas_after = (yaml.safe_load(by_name[STANZAS]) for by_name in (before, after))
    assert all(stanza in stanzas_after for stanza in stanzas_before)
    assert len(stanzas_after) == 3


def test_a_host_with_a_certificate_of_its_own_has_a_stanza_of_its_own(texts):
    host = "{name: a, address: a, scrape: {node: {cert_file: /a.pem, key_file: /a.key}}}"
    by_name = texts(f"hosts: [{host}, {{name: b, address: b}}]\nscrape: {{jobs: {{node: {{port: 1, ca_file: /c}}}}}}\n")
    _, plain, own = yaml.safe_load(by_name[STANZAS])
    assert plain["tls_config"] == {"ca_file": "/c"}
    assert own["tls_config"] == {"ca_file": "/c", "cert_file": "/a.pem", "key_file": "/a.key"}
    assert list(groups(by_name[f"{own['job_name']}.json"])) == ["a:1"]


@pytest.mark.parametrize(
    ("interval", "written"),
    [("15s", "15s"), ("1h", "3600s"), ("1.5s", "1500ms"), ("500ms", "500ms"), ("100.4ms", "100ms")],
)
def test_durations_have_no_decimals_because_prometheus_knows_none(texts, interval, written):
    by_name = texts(f"{HOSTS}scrape: {{interval: {interval}, timeout: 0.1ms}}\n")
    (stanza,) = yaml.safe_load(by_name[STANZAS])
    assert (stanza["scrape_interval"], stanza["scrape_timeout"]) == (written, "1ms")


def test_odd_names_survive_readers_of_json_and_of_yaml(texts):
    host = {"name": ODD, "address": "h", "location": ODD}
    by_name = texts(yaml.safe_dump({"hosts": [host], "scrape": {"jobs": {ODD: {"port": "1"}}}}))
    for name, body in by_name.items():
        if name != STANZAS:
            assert json.loads(body) == yaml.safe_load(body)
            assert "%{" not in body
    stanza = next(stanza for stanza in yaml.safe_load(by_name[STANZAS]) if stanza["job_name"] == ODD)
    file = Path(stanza["file_sd_configs"][0]["files"][0])
    assert str(file.parent) == "/sd"
    assert json.loads(by_name[file.name])[0]["labels"] == {"host": ODD, "instance": ODD, "location": ODD}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "hosts: [{name: h, address: h}]\nscrape: {jobs: {node: {port: 1, path: /m?x=1}}}",
            "fleet.yml:2: scrape.jobs.node.path: '/m?x=1' holds '?', which Prometheus escapes; leave it out",
        ),
        (
            f"hosts: [{{name: h, address: h}}]\nscrape: {{jobs: {{{'é' * 45}: {{port: 1}}}}}}",
            f"fleet.yml:2: scrape.jobs.{'é' * 45}: becomes a file's name of more than 255 bytes, in which letters "
            "beyond ASCII count several times; choose a shorter name",
        ),
        (
            "hosts:\n- name: h\n  address: h\n  scrape:\n    latency: {path: /a%20b}",
            "fleet.yml:5: hosts[0].scrape.latency.path: '/a%20b' holds '%', which Prometheus escapes; leave it out",
        ),
        (
            "hosts:\n- name: h\n  address: h\n  scrape: {latency: {user: me}}",
            "fleet.yml:4: hosts[0].scrape.latency.user: has no password_file, neither here nor in the job; add it",
        ),
        (
            "hosts:\n- name: h\n  address: h\n  scrape: {latency: {password_file: /p}}",
            "fleet.yml:4: hosts[0].scrape.latency.password_file: has no user, neither here nor in the job; add it",
        ),
        (
            "hosts:\n- name: h\n  address: h\n  scrape: {latency: {user: 'a:b', password_file: /p}}",
            "fleet.yml:4: hosts[0].scrape.latency.user: 'a:b' must not hold ':'; HTTP ends the user there",
        ),
    ],
)
def test_what_no_server_understands_alike_is_a_problem_of_the_fleet_file(texts, tmp_path, text, message):
    with pytest.raises(BadFile) as bad:
        texts(text)
    assert str(bad.value) == f"{tmp_path}/{message}"


def test_a_host_that_writes_out_its_jobs_login_stays_in_its_jobs_stanza(texts):
    by_name = texts(
        "hosts: [{name: h, address: h, scrape: {node: {user: me, password_file: /p}}}]\n"
        "scrape: {jobs: {node: {port: 1, user: me, password_file: /p}}}"
    )
    assert list(by_name) == ["latency.json", "node.json", STANZAS]


def test_a_host_may_change_only_the_password_of_its_job(texts):
    by_name = texts(
        "hosts: [{name: h, address: h, scrape: {node: {password_file: /own}}}]\n"
        "scrape: {jobs: {node: {port: 1, user: me, password_file: /p}}}"
    )
    logins = [stanza.get("basic_auth") for stanza in yaml.safe_load(by_name[STANZAS])]
    assert {"username": "me", "password_file": "/own"} in logins
    assert by_name["node.json"] == "[]\n"


# The folder


def test_the_folder_is_made_and_named_in_the_stanza_absolutely(fleet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = put(fleet(HOSTS), Path("new/folder"), None)
    assert written == [Path("new/folder/latency.json"), Path("new/folder/jobs.yml")]
    assert f'["{tmp_path}/new/folder/latency.json"]' in Path("new/folder/jobs.yml").read_text()


def test_files_that_are_current_are_left_alone(fleet, tmp_path):
    out = tmp_path / "out"
    put(fleet(HOSTS), out, "/sd")
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert put(fleet(HOSTS), out, "/sd") == []
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert put(fleet(HOSTS.replace("oslo", "rome")), out, "/sd") == [out / "latency.json"]


def test_servers_that_run_as_another_user_can_read_the_files_whatever_the_umask(fleet, tmp_path):
    umask = os.umask(0o077)
    try:
        (tmp_path / "out").mkdir()
        written = put(fleet(HOSTS), tmp_path / "out", "/sd")
    finally:
        os.umask(umask)
    assert [oct(path.stat().st_mode & 0o777) for path in written] == ["0o644", "0o644"]


def test_servers_can_enter_the_folders_that_were_made_whatever_the_umask(fleet, tmp_path):
    before = os.umask(0o077)
    try:
        put(fleet(HOSTS), tmp_path / "new/deep", "/sd")
    finally:
        os.umask(before)
    assert [oct(folder.stat().st_mode)[-3:] for folder in (tmp_path / "new", tmp_path / "new/deep")] == ["755", "755"]


def test_what_a_killed_writer_has_left_is_taken_away_and_what_another_is_writing_stays(fleet, tmp_path):
    for name, age in ((".new-left", 100), (".new-busy", 0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, times=(time.time() - age,) * 2)
    put(fleet(HOSTS), tmp_path, "/sd")
    assert [path.name for path in tmp_path.glob(".new-*")] == [".new-busy"]


def test_targets_may_be_served_at_a_literal_ipv6_address(fleet):
    assert "http://[::1]:9102" in files(fleet(HOSTS), "http://[::1]:9102", "http-sd")[STANZAS]


def test_the_targets_of_a_job_that_is_gone_become_an_empty_list_and_other_peoples_files_stay(fleet, tmp_path):
    out = tmp_path / "out"
    put(fleet(HOSTS + "scrape: {jobs: {node: {port: 1}, 'c/d': {port: 2}}}"), out, "/sd dir")
    (out / "package.json").write_text("{}")
    assert put(fleet(HOSTS), out, "/sd dir", force=True) == [out / "c%2Fd.json", out / "node.json", out / "jobs.yml"]
    assert (out / "node.json").read_text() == (out / "c%2Fd.json").read_text() == "[]\n"
    assert (out / "package.json").read_text() == "{}"
    assert put(fleet(HOSTS), out, "/sd dir") == []


def test_a_write_that_fails_leaves_the_old_files_and_nothing_else(fleet, tmp_path, monkeypatch):
    out = tmp_path / "out"
    put(fleet(HOSTS), out, "/sd")
    before = {path: path.read_bytes() for path in out.iterdir()}

    def full(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite) as error:
        put(fleet(HOSTS.replace("oslo", "rome")), out, "/sd")
    assert str(error.value) == (
        f"{out}/latency.json: cannot be written: No space left on device; name another folder with --output-dir, "
        f"or let this program, which runs as uid {os.geteuid()}, write there"
    )
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(fleet, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        CannotWrite, match=r"/file/out/latency.json: cannot be written: Not a directory; name another folder"
    ):
        put(fleet(HOSTS), tmp_path / "file/out", "/sd")


def test_a_folder_whose_name_is_a_pattern_to_the_servers_is_refused(fleet, tmp_path):
    with pytest.raises(CannotWrite) as error:
        put(fleet(HOSTS), tmp_path, "/s[1]")
    assert str(error.value) == "--targets-dir: '/s[1]' holds '[', which servers misread; name another"


def test_a_reader_never_sees_half_a_file(fleet, tmp_path):
    out, many = tmp_path / "out", "\n".join(f"  - {{name: h{n}, address: h}}" for n in range(300))
    fleets = [fleet(HOSTS), fleet(HOSTS + many)]
    whole = {files(each, "/sd")["latency.json"] for each in fleets}
    put(fleets[0], out, "/sd")
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add((out / "latency.json").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(60):
        put(fleets[turn % 2], out, "/sd", force=True)
    done.set()
    reader.join()
    assert seen == whole


WRITERS = """
import os, signal, sys
from pathlib import Path
from exporter.fleet import load
from exporter.scrape_configs import changes, write
fleets, out = [load(Path(file)) for file in sys.argv[2:]], Path(sys.argv[1])
def killed_before(step):
    def count(event, _):
        nonlocal step
        step -= event == "open" or event.startswith("os.")
        if not step:
            os.kill(os.getpid(), signal.SIGKILL)
    return count
for step in sys.stdin:
    writer = os.fork()
    if not writer:
        sys.addaudithook(killed_before(int(step)))
    while not writer:
        for fleet in fleets:
            write(changes(fleet, out, "/sd"), force=True)
    os.wait()
    print("gone", flush=True)
"""
"""For each number that is read a writer, killed before that step of its own with files; they are imported once."""


@pytest.mark.programs
def test_a_writer_that_is_killed_leaves_every_file_whole(fleet, tmp_path):
    out, many = tmp_path / "out", "\n".join(f"  - {{name: h{n}, address: h}}" for n in range(300))
    small, large = fleet(HOSTS), fleet(HOSTS + many)
    put(small, out, "/sd")
    for name, hosts in (("small.yml", HOSTS), ("large.yml", HOSTS + many)):
        (tmp_path / name).write_text(hosts)
    whole = [files(each, "/sd") for each in (small, large)]
    command = [sys.executable, "-c", WRITERS, out, tmp_path / "small.yml", tmp_path / "large.yml"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as writers:
        assert writers.stdin
        assert writers.stdout
        for step in range(1, 41):
            writers.stdin.write(b"%d\n" % step)
            assert writers.stdout.readline() == b"gone\n"
            for name in whole[0]:
                assert (out / name).read_text() in {texts[name] for texts in whole}, name
        writers.stdin.close()


@pytest.mark.clock
def test_a_thousand_hosts_with_fifty_peers_each_take_well_under_two_seconds(fleet, tmp_path):
    names = [f"host{n}" for n in range(1000)]
    hosts = "".join(f"  - {{name: {name}, address: {name}.example, location: here}}\n" for name in names)
    probes = "".join(
        f"  {kind}{start}: {{protocol: {kind}, {more}from: {group}, to: {group}}}\n"
        for start in range(0, 1000, 50)
        for group in [names[start : start + 50]]
        for kind, more in (("icmp", ""), ("tcp", "port: 9102, "), ("http", 'url: "http://{address}/", '))
    )
    large = fleet(f"hosts:\n{hosts}probes:\n{probes}scrape: {{jobs: {{node: {{port: 1}}, cadvisor: {{port: 2}}}}}}")
    began = time.process_time()
    assert len(put(large, tmp_path / "out", "/sd")) == 4
    assert time.process_time() - began < 2


def test_a_list_that_would_lose_more_than_half_of_its_targets_is_refused_unless_that_is_meant(fleet, tmp_path):
    def of(count):
        return fleet("hosts:\n" + "".join(f"  - {{name: h{n}, address: h}}\n" for n in range(count)))

    out = tmp_path / "out"
    put(of(10), out, "/sd")
    before = {path: path.read_text() for path in out.iterdir()}
    with pytest.raises(CannotWrite) as error:
        put(of(4), out, "/sd")
    assert str(error.value) == (
        f"{out}/latency.json: would shrink from 10 targets to 4\nnothing was written; if that is meant, add --force"
    )
    assert {path: path.read_text() for path in before} == before
    assert put(of(5), out, "/sd")
    assert put(of(1), out, "/sd", force=True)


@pytest.mark.parametrize("text", ["", "[", "{}", "7", '[{"labels": {}}]', "[1]"])
def test_a_list_that_somebody_has_broken_is_replaced(fleet, tmp_path, text):
    put(fleet(HOSTS), tmp_path, "/sd")
    (tmp_path / "latency.json").write_text(text)
    assert put(fleet(HOSTS), tmp_path, "/sd") == [tmp_path / "latency.json"]


def test_a_difference_is_a_line_per_host_and_writes_nothing(fleet, tmp_path):
    put(fleet(HOSTS), tmp_path, "/sd")
    before = (tmp_path / "latency.json").read_text()
    lines = difference(changes(fleet(HOSTS.replace("oslo", "rome")), tmp_path, "/sd")).splitlines()
    assert lines[:2] == [f"--- {tmp_path}/latency.json", f"+++ {tmp_path}/latency.json"]
    assert [line[0] for line in lines[3:]] == [" ", " ", "-", "+", " "]
    assert (tmp_path / "latency.json").read_text() == before
    assert difference(changes(fleet(HOSTS), tmp_path / "new", "/sd")).startswith("--- /dev/null\n+++ ")


# Other formats


def test_a_file_for_scrape_config_files_has_the_key_that_prometheus_wants_there(fleet):
    by_name = files(fleet(HOSTS), "/sd", "prometheus-include")
    assert [stanza["job_name"] for stanza in yaml.safe_load(by_name[STANZAS])["scrape_configs"]] == ["latency"]
    assert by_name["latency.json"] == files(fleet(HOSTS), "/sd")["latency.json"]


def test_targets_that_are_asked_of_an_exporter_are_asked_for_each_stanza_with_the_exporters_login(fleet):
    text = (
        f"hosts: [{own_login('x')}, {{name: plain, address: h}}]\n"
        "scrape: {jobs: {latency: {port: 1, user: me, password_file: /p, ca_file: /c}, 'a b': {port: 2}}}"
    )
    by_name = files(fleet(text), "http://h:9102", "http-sd")
    assert list(by_name) == [STANZAS]
    asked = {stanza["job_name"]: stanza["http_sd_configs"] for stanza in yaml.safe_load(by_name[STANZAS])}
    assert [one["url"] for (one,) in asked.values()] == [
        "http://h:9102/sd/prometheus?job=a%20b",
        "http://h:9102/sd/prometheus?job=latency",
        f"http://h:9102/sd/prometheus?job={list(asked)[2].replace('@', '%40')}",
    ]
    for (one,) in asked.values():
        assert one["basic_auth"] == {"username": "me", "password_file": "/p"}
        assert one["tls_config"] == {"ca_file": "/c"}
    assert set(targets_of(fleet(text))) == set(asked)


def test_what_is_served_is_what_is_written(fleet):
    one = fleet(HOSTS + "scrape: {jobs: {node: {port: 9100}}}\n")
    written = files(one, "/sd")
    assert targets_of(one) == {"latency": written["latency.json"], "node": written["node.json"]}


# What a page may cost


@pytest.mark.parametrize("how", ["paste", "prometheus-include", "http-sd", "victoriametrics", "otel", "alloy"])
def test_native_histograms_are_asked_for_where_a_server_reads_that_and_only_of_the_exporters(fleet, how):
    text = f"{HOSTS}scrape: {{native_histograms: true, jobs: {{node: {{port: 9100}}}}}}\n"
    (stanzas,) = [file for name, file in files(fleet(text), "/sd", how).items() if name.startswith("jobs.")]
    reads_it = how in {"paste", "prometheus-include", "http-sd"}
    assert stanzas.count("    scrape_native_histograms: true\n") == reads_it
    assert ("Prometheus 3.8 or later" in stanzas) == reads_it
    if reads_it:
        own, node = stanzas.partition("job_name: ")[2].split("job_name: ")
        assert ("scrape_native_histograms" in own, "scrape_native_histograms" in node) == (True, False)
    without = files(fleet(text.replace("true", "false")), "/sd", how)
    assert without == files(fleet(text.replace("native_histograms: true, ", "")), "/sd", how)


@pytest.mark.parametrize("native", ["true", "false"])
def test_the_stanzas_for_victoriametrics_are_those_to_paste_without_the_key_that_it_refuses(fleet, native):
    one = fleet(f"{HOSTS}scrape: {{native_histograms: {native}}}\n")
    pasted, taken = (files(one, "/sd", how)[STANZAS].partition("\n  - ")[2] for how in ("paste", "victoriametrics"))
    assert taken == pasted.replace("    scrape_native_histograms: true\n", "")
    assert (taken == pasted) == (native == "false")


def test_native_histograms_lower_what_a_fleet_costs_and_not_what_its_pages_may_have(fleet):
    classic = fleet(EXAMPLE)
    native = fleet(EXAMPLE.replace("hosts:", "scrape: {native_histograms: true}\nhosts:", 1))
    pairs, native_pairs = (survey(each, each.hosts[0])[0] for each in (classic, native))
    histograms = sum({"icmp": 1, "tcp": 1, "http": 3}[pair.protocol] for pair in pairs)
    assert series(classic, pairs) - series(native, native_pairs) == histograms * (23 + 3 - 1)
    limits = [re.findall("sample_limit: .*", files(each, "/sd")[STANZAS]) for each in (classic, native)]
    assert limits[0] == limits[1]


def test_the_exporters_pages_may_have_half_more_samples_than_the_largest_can_have(fleet):
    probes = "probes: {icmp: {protocol: icmp}, tcp: {protocol: tcp, port: 1, from: [west]}}\n"
    one = fleet(HOSTS + "scrape: {jobs: {node: {port: 9100}}}\n" + probes)
    most = max(series(one, survey(one, host)[0]) for host in one.hosts)
    assert most == 2 * 40 + 41
    latency, node = yaml.safe_load(files(one, "/sd")[STANZAS])
    assert latency["sample_limit"] == math.ceil(1.5 * most) + 1000
    assert "sample_limit" not in node


def test_the_committed_files_are_those_of_the_example_fleet():
    expected = files(load(ROOT / "config/fleet.example.yml"), IN_CONTAINER)
    assert {path.name: path.read_text() for path in COMMITTED.iterdir()} == expected, (
        "run: latency-exporter scrape-configs --config.file config/fleet.example.yml "
        f"--output-dir prometheus/scrape_configs --targets-dir {IN_CONTAINER}"
    )
