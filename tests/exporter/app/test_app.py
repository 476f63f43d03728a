"""The program, run: what it does at its start, at signals and until its end."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exporter.app.program import DEADLINE, Program
from tests.exporter.samples import Samples, heads

pytestmark = pytest.mark.programs

AT_ONCE = 5.0
"""Seconds: enough for a busy machine, and what hangs here hangs for ever."""
FLEET = """\
defaults: {{interval: 500ms, timeout: 200ms}}
hosts: [{{name: here, address: 127.0.0.1}}]
probes:
  tcp: {{protocol: tcp, port: {port}}}
  hangs: {{protocol: http, url: "http://{{address}}:{port}/"}}
"""


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """A target whose kernel accepts and that never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        listener.settimeout(DEADLINE)
        yield listener


@pytest.fixture
def fleet_file(tmp_path: Path, hanging: socket.socket) -> Path:
    file = tmp_path / "fleet.yml"
    file.write_text(FLEET.format(port=hanging.getsockname()[1]))
    return file


@pytest.fixture
def start(fleet_file: Path) -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def start(*flags: str, code: str = "") -> Program:
        programs.append(Program(fleet_file, *(flags or ("--web.listen-address=127.0.0.1:0",)), code=code))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.communicate()


Start = Callable[..., Program]


def test_the_first_probe_is_out_within_a_second_and_sigterm_ends_it_while_a_target_hangs(
    start: Start, hanging: socket.socket
) -> None:
    program = start()
    began = datetime.datetime.fromisoformat(program.logged("^listening on ")["ts"]).timestamp()
    hanging.accept()[0].close()
    assert time.time() - began < 3  # a second, and a busy machine
    samples = program.wait_for(lambda samples: samples.get("network_latency_rtt_seconds", probe="tcp"))
    assert samples.get("latency_exporter_config_last_reload_successful") == 1
    assert program.get("/-/ready") == "latency-exporter is ready.\n"
    scrape = socket.create_connection(("127.0.0.1", program.port()))
    scrape.sendall(b"GET /metrics HTTP/1.1\r\n")  # and then nothing: a client that hangs
    assert program.stop() < AT_ONCE
    scrape.close()
    assert program.process.returncode == 0
    program.logged("^stopping on SIGTERM$")
    assert not [line for line in program.log if line["level"] == "error"]


def test_a_target_that_hangs_is_a_timeout_and_delays_nobody(start: Start) -> None:
    program = start()
    samples = program.wait_for(
        lambda samples: (samples.get("network_latency_probe_failures_total", probe="hangs", reason="timeout") or 0) >= 2
    )
    assert samples.get("network_latency_probe_success", probe="tcp") == 1
    assert samples.get("network_latency_rtt_seconds", probe="hangs") is None
    assert samples.get("latency_exporter_probes_skipped_total") == 0


def test_every_series_stands_at_zero_as_soon_as_somebody_can_ask(start: Start) -> None:
    program = start()
    program.logged("^listening on ")
    page = program.get("/metrics")
    assert heads(page)["network_latency_probes_total"] == "counter"
    samples = Samples(page)
    assert samples.by("probe", "network_latency_probes_total").keys() == {"tcp", "hangs"}
    assert len(samples.all("network_latency_probe_failures_total", probe="tcp")) == 6
    assert samples.get("latency_exporter_config_last_reload_successful") == 1


def test_a_reload_by_sighup_keeps_what_stays_drops_what_goes_and_a_bad_file_changes_nothing(
    start: Start, fleet_file: Path
) -> None:
    program = start()
    counted = "network_latency_probes_total"
    before = program.wait_for(lambda samples: (samples.get(counted, probe="tcp") or 0) >= 1).get(counted, probe="tcp")

    fleet_file.write_text(fleet_file.read_text().replace("  hangs:", "  other:"))
    program.process.send_signal(signal.SIGHUP)
    program.logged("^reloaded: [+]1 probe, −1 probe, [+]1 pair, −1 pair, 1 pair kept$")
    samples = program.samples()
    assert samples.by("probe", counted).keys() == {"tcp", "other"}
    assert (samples.get(counted, probe="tcp") or 0) >= (before or 0) >= 1
    hash_before = samples.get("latency_exporter_config_hash")

    good = fleet_file.read_text()
    fleet_file.write_text(good.replace("address:", "adress:"))
    program.process.send_signal(signal.SIGHUP)
    assert program.logged("^not reloaded: ")["msg"] == (
        f"not reloaded: {fleet_file}:2: hosts[0].adress: unknown key; did you mean 'address'?"
    )
    samples = program.samples()
    assert samples.get("latency_exporter_config_last_reload_successful") == 0
    assert samples.get("latency_exporter_config_hash") == hash_before
    now = samples.get(counted, probe="tcp") or 0
    program.wait_for(lambda samples: (samples.get(counted, probe="tcp") or 0) > now)

    fleet_file.write_text(good + "# again\n")
    program.process.send_signal(signal.SIGHUP)
    samples = program.wait_for(lambda samples: samples.get("latency_exporter_config_last_reload_successful") == 1)
    assert samples.get("latency_exporter_config_hash") != hash_before


def test_a_reload_over_http_works_with_the_flag_and_tells_problems(start: Start, fleet_file: Path) -> None:
    program = start("--web.enable-lifecycle", "--web.listen-address=127.0.0.1:0")
    program.logged("^probing 2 pairs as here$")
    assert program.get("/-/reload", data=b"") == "reloaded: 2 pairs kept\n"
    fleet_file.write_text("hosts: [\n")
    with pytest.raises(urllib.error.HTTPError) as failed:
        program.get("/-/reload", data=b"")
    with contextlib.closing(failed.value) as response:
        assert response.code == 500
        assert response.read().decode().startswith(f"{fleet_file}:")


def test_the_fleet_is_shown_unless_a_flag_turns_it_off(start: Start) -> None:
    shown = start()
    assert "The fleet as asked from here by latency-exporter" in shown.get("/fleet")
    assert 'href="fleet"' in shown.get("/?format=html")
    off = start("--web.disable-fleet", "--web.listen-address=127.0.0.1:0")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        off.get("/fleet")
    assert "fleet" not in off.get("/?format=html")


def test_sigterm_ends_it_while_a_peer_hangs_that_was_asked_for_the_fleet(
    start: Start, fleet_file: Path, hanging: socket.socket
) -> None:
    port = hanging.getsockname()[1]
    hosts = "hosts: [{name: here, address: 127.0.0.2}, {name: there, address: 127.0.0.1}]"
    fleet_file.write_text(f"{hosts}\nscrape: {{jobs: {{latency: {{port: {port}}}}}}}\n")
    program = start("--host=here", "--web.listen-address=127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", program.port())) as look:
        look.sendall(b"GET /fleet HTTP/1.1\r\nHost: h\r\n\r\n")
        asked, _ = hanging.accept()
        with asked:
            assert asked.recv(1 << 10).startswith(b"GET /?format=json HTTP/1.1\r\n")
            assert program.stop() < AT_ONCE
    assert program.process.returncode == 0


def test_signals_that_come_while_it_starts_are_not_lost(start: Start) -> None:
    program = start()
    program.logged("^listening on ")  # before the first configuration is in force
    program.process.send_signal(signal.SIGHUP)
    program.logged("^reloaded: ")
    assert program.stop() < AT_ONCE
    assert program.process.returncode == 0


def test_a_target_that_is_this_machine_is_warned_of_at_the_start_and_at_a_reload(
    start: Start, fleet_file: Path
) -> None:
    text = fleet_file.read_text().replace("}]", "}, {name: there, address: localhost, exporter: false}]")
    fleet_file.write_text(text.replace("  hangs:", "  icmp: {protocol: icmp}\n  hangs:"))
    program = start("--web.listen-address=127.0.0.1:0", "--host=here")
    told = program.logged("is this machine's own address")
    assert "localhost, which is 127.0.0.1 here, is this machine's own address, while it is called 'here'" in told["msg"]
    assert told["level"] == "warn"
    program.log.clear()
    program.process.send_signal(signal.SIGHUP)
    program.logged("is this machine's own address")


def test_a_warning_of_the_fleet_file_is_a_line_of_the_log(start: Start, fleet_file: Path) -> None:
    fleet_file.write_text(f"{fleet_file.read_text()}  database: {{protocol: tcp, port: 5432}}\n")
    assert start().logged(r"fleet\.yml:\d+: probes\.database\.port: ")["level"] == "warn"


START = """\
import os, signal, sys
from exporter import __main__ as program
class Imports:
    def find_spec(self, name, *_):
        if name == "exporter.cli":
            os.kill(os.getpid(), signal.{signal})
sys.meta_path.insert(0, Imports())
sys.exit(program.main())
"""
"""A start that is sent a signal by itself: when the program's first line has run, and nothing is imported yet."""


END = """\
import os, signal, sys
from exporter import __main__ as program
code = program.main()
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
os.kill(os.getpid(), signal.SIGHUP)
sys.exit(code)
"""
"""An end in which a thread that has the signal unblocked, as those have that read files, is sent one."""


def test_a_hangup_that_comes_while_it_ends_does_not_end_it(start: Start) -> None:
    program = start(code=END)
    program.logged("^probing ")
    program.process.send_signal(signal.SIGHUP)
    program.logged("^reloaded: ")
    assert program.stop() < AT_ONCE
    assert program.process.returncode == 0


def test_a_hangup_before_the_first_import_is_remembered(start: Start) -> None:
    program = start(code=START.format(signal="SIGHUP"))
    program.logged("^reloaded: ")
    assert program.stop() < AT_ONCE
    assert program.process.returncode == 0


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 0), ("SIGINT", 130)])
def test_a_stop_before_the_first_import_ends_it_without_a_word(start: Start, number: str, code: int) -> None:
    program = start(code=START.format(signal=number))
    out, err = program.process.communicate(timeout=DEADLINE)
    assert (program.process.returncode, out, err) == (code, b"", b"")


@pytest.mark.parametrize("words", [(), ("run",), ("--log.level=debug",), ("check",)])
def test_until_python_runs_its_first_line_the_launcher_ignores_what_would_end_it(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    script = tmp_path / "latency-exporter"
    first_lines = Path(__file__).parents[3].joinpath("deploy", "launcher").read_text()
    ask = "import signal, sys; print(sys.argv[1:], *(signal.getsignal(n).name for n in (signal.SIGHUP, signal.SIGINT)))"
    script.write_text(first_lines.replace("@PYTHON@", sys.executable) + ask + "\n")
    script.chmod(0o755)
    out = subprocess.run([script, *words], capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
    assert out == f"{list(words)} {'SIG_DFL' if words == ('check',) else 'SIG_IGN'} SIG_IGN\n"


def test_a_hangup_is_the_end_of_any_other_command(fleet_file: Path) -> None:
    code = START.format(signal="SIGHUP")
    words = [sys.executable, "-c", code, "check", f"--config.file={fleet_file}"]
    ended = subprocess.run(words, cwd=Path(__file__).parents[3], capture_output=True, timeout=DEADLINE, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGHUP, b"")


def test_a_port_that_is_taken_is_exit_1_and_says_by_whom(start: Start, hanging: socket.socket) -> None:
    port = hanging.getsockname()[1]
    program = start(f"--web.listen-address=127.0.0.1:{port}")
    hanging.accept()[0].close()  # it asks what listens there
    out, err = program.process.communicate(timeout=DEADLINE)
    assert (program.process.returncode, out) == (1, b"")
    comm = Path("/proc/self/comm").read_text().strip()
    assert err.decode() == (
        f"latency-exporter: cannot listen on 127.0.0.1:{port}: the port is taken by {comm} (pid {os.getpid()}); "
        "choose another with --web.listen-address\n"
    )


def test_a_bad_file_is_exit_2_with_all_its_lines_and_no_traceback(start: Start, fleet_file: Path) -> None:
    fleet_file.write_text("hosts:\n  - {name: here, adress: 127.0.0.1}\nprobe: {}\n")
    program = start()
    out, err = program.process.communicate(timeout=DEADLINE)
    assert (program.process.returncode, out) == (2, b"")
    assert [line.partition(": ")[0] for line in err.decode().splitlines()] == [f"{fleet_file}:2", f"{fleet_file}:3"]


def test_it_listens_on_every_address_it_is_given_and_ends_on_sigint_too(start: Start) -> None:
    program = start("--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.2:0")
    program.logged("^probing ")
    places = [line["msg"].removeprefix("listening on ") for line in program.log if "listening" in line["msg"]]
    assert [place.partition(":")[0] for place in places] == ["127.0.0.1", "127.0.0.2"]
    for place in places:
        with urllib.request.urlopen(f"http://{place}/ping", timeout=DEADLINE) as response:
            assert response.read() == b"pong\n"
    assert program.stop(signal.SIGINT) < AT_ONCE
    assert program.process.returncode == 0
