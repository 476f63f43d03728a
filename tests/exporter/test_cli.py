"""Commands, flags and exit codes; what runs for long is in app/test_app.py."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import __version__
from exporter.cli import COMMANDS, main
from exporter.commands.parsers import check_parser, run_parser
from exporter.configuration import Options, configuration
from exporter.fleet import BadFile
from tests.exporter.pages import SMALL

BAD = "hosts:\n  - {name: wf001, adress: 192.0.2.1}\nprobes:\n  icmp: {protocol: icmp, interval: 5}\n"


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.yml"
    file.write_text(SMALL)
    return file


def stopped(*arguments: str) -> int | str | None:
    """Return the exit code that argparse ends with."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def test_run_is_the_default_command_with_the_exporters_customary_flags() -> None:
    flags = run_parser().parse_args([])
    assert vars(flags) == {
        "config_file": Path("config/exporter.yml"),
        "auto_reload": False,
        "host": None,
        "listen": None,
        "web_config_file": None,
        "telemetry_path": "/metrics",
        "enable_lifecycle": False,
        "disable_fleet": False,
        "log_level": "info",
        "log_format": "logfmt",
    }


def test_the_listen_address_may_be_given_several_times() -> None:
    flags = run_parser().parse_args(["--web.listen-address=:9102", "--web.listen-address", "[::1]:9103"])
    assert flags.listen == [("", 9102), ("::1", 9103)]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help_and_the_version_on_stdout(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert stopped(command, "--help") == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: latency-exporter {command} ")
    assert err == ""
    assert stopped(command, "--version") == 0
    assert capsys.readouterr().out == f"latency-exporter {__version__}\n"


@pytest.mark.programs
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["check", "--help"], ["example", "rules"]])
def test_a_reader_that_ends_before_the_command_is_one_line_on_stderr(words: list[str]) -> None:
    """As in ``latency-exporter --help | true``."""
    program = [sys.executable, "-m", "exporter", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == "latency-exporter: cannot write to stdout: Broken pipe\n"
    assert process.returncode == 1


def test_the_version_needs_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped("--version") == 0
    assert capsys.readouterr().out == f"latency-exporter {__version__}\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("chek", "latency-exporter: unknown command 'chek'; did you mean 'check'?\n"),
        ("frobnicate", "latency-exporter: unknown command 'frobnicate'; there are " + ", ".join(COMMANDS) + "\n"),
    ],
)
def test_an_unknown_command_is_exit_2_with_a_remedy(
    capsys: pytest.CaptureFixture[str], word: str, message: str
) -> None:
    assert main([word]) == 2
    assert capsys.readouterr() == ("", message)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--web.listen-address=9102", "'9102' is no listen address; write :9102, 127.0.0.1:9102 or [::1]:9102"),
        ("--web.telemetry-path=metrics", "'metrics' is no path; it has to begin with /"),
        ("--web.telemetry-path=/ping", "'/ping' is what this program answers otherwise; choose another path"),
        ("--web.telemetry-path=/{x}", "'/{x}' is no path; it may hold letters, digits and any of /._~-"),
        ("--log.level=loud", "invalid choice: 'loud'"),
        ("--config", "unrecognized arguments: --config"),
    ],
)
def test_a_bad_flag_is_exit_2_with_the_reason(capsys: pytest.CaptureFixture[str], flag: str, message: str) -> None:
    with pytest.raises(SystemExit) as end:  # not by main(): a flag that is wrongly let through would start a server
        run_parser().parse_args([flag])
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_check_warns_of_a_target_that_is_this_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "fleet.yml"
    file.write_text(
        "hosts: [{name: a, address: 198.51.100.1}, {name: b, address: 127.0.0.1}]\nprobes: {icmp: {protocol: icmp}}\n"
    )
    assert main(["check", f"--config.file={file}", "--host=a"]) == 0
    assert capsys.readouterr().err.startswith(
        f"warning: {file}:1: hosts[1].address: 127.0.0.1 is this machine's own address, while it is called 'a' here"
    )


def test_check_prints_the_table_on_stdout_and_nothing_else(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    assert main(["check", f"--config.file={fleet_file}", "--host=wf008"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-2] == "wf008: 4 pairs, at most 131 series of theirs, 0.4 probes per second"
    assert err == ""


def test_a_kind_of_probe_without_series_is_refused_by_check_and_at_the_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fleet_file: Path
) -> None:
    monkeypatch.setattr("exporter.recording.metrics.pairs.PROTOCOLS", ("icmp", "http"))
    assert main(["check", f"--config.file={fleet_file}", "--host=wf008"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        re.escape(str(fleet_file)) + r":\d+: probes.tcp.protocol: a probe of protocol 'tcp' would run without metrics, "
        "which is a fault of this program: leave it out until exporter/recording/metrics knows the protocol\n",
        err,
    )
    with pytest.raises(BadFile, match="would run without metrics"):
        configuration(Options(fleet_file, "wf008", "/metrics", enable_lifecycle=False, web_config_file=None))


def test_check_warns_on_stderr(capsys: pytest.CaptureFixture[str], fleet_file: Path) -> None:
    fleet_file.write_text(SMALL.replace("port: 9102}", "port: 5432}"))
    assert main(["check", f"--config.file={fleet_file}", "--host=wf001"]) == 0
    assert capsys.readouterr().err.startswith(f"warning: {fleet_file}:7: probes.tcp.port: ")


@pytest.mark.parametrize("command", ["check", "run", "scrape-configs"])
def test_a_bad_file_is_exit_2_with_a_line_per_problem(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fleet_file: Path, command: str
) -> None:
    monkeypatch.setattr("exporter.logs.configure", lambda *_: None)  # pytest's own handlers are to stay
    fleet_file.write_text(BAD)
    assert main([command, f"--config.file={fleet_file}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith(f"{fleet_file}:2: hosts[0].adress: unknown key; did you mean 'address'?")
    assert lines[-1].startswith(f"{fleet_file}:4: probes.icmp.interval: ")
    assert all(line.startswith(str(fleet_file)) for line in lines)


def test_a_host_that_is_not_in_the_fleet_is_exit_2_with_those_that_are(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    assert main(["check", f"--config.file={fleet_file}", "--host=wf01"]) == 2
    assert "the fleet has only: wf001, wf008" in capsys.readouterr().err


def test_the_host_may_come_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fleet_file: Path
) -> None:
    monkeypatch.setenv("LATENCY_EXPORTER_HOST", "wf008")
    assert main(["check", f"--config.file={fleet_file}"]) == 0
    assert capsys.readouterr().out.splitlines()[-2].startswith("wf008: 4 pairs")


def test_a_missing_file_is_exit_2_with_a_remedy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", f"--config.file={tmp_path}/none.yml"]) == 2
    assert capsys.readouterr() == (
        "",
        f"{tmp_path}/none.yml: no such file; create it, or name another one with --config.file\n",
    )


def test_the_default_file_is_checked_from_the_projects_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["check"]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^localhost: 3 pairs, .* 0\.6 probes per second$", out, re.MULTILINE)
    assert err == ""


def test_scrape_configs_tells_what_it_wrote(capsys: pytest.CaptureFixture[str], fleet_file: Path) -> None:
    folder = fleet_file.parent / "out"
    assert main(["scrape-configs", f"--config.file={fleet_file}", f"--output-dir={folder}"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert {line for line in err.splitlines() if line.startswith("wrote ")} == {
        f"wrote {path}" for path in folder.iterdir()
    }


def test_scrape_configs_shows_a_difference_or_checks_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], fleet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    folder = fleet_file.parent / "out"
    words = ["scrape-configs", f"--config.file={fleet_file}", f"--output-dir={folder}"]
    assert main([*words, "--diff"]) == 0
    assert capsys.readouterr().out.startswith(f"--- /dev/null\n+++ {folder}/latency.json\n")
    assert main([*words, "--check"]) == 1
    assert f"{folder}/jobs.yml: not current" in capsys.readouterr().err
    assert not folder.exists()
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    assert "neither promtool nor VictoriaMetrics is on the PATH" in capsys.readouterr().err
    assert main([*words, "--diff"]) == 0
    assert capsys.readouterr().out == ""


def test_targets_that_are_asked_of_an_exporter_need_its_url(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    folder = fleet_file.parent / "out"
    words = ["scrape-configs", f"--config.file={fleet_file}", f"--output-dir={folder}", "--format=http-sd"]
    assert main(words) == 2
    assert "--format=http-sd needs --sd-url" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--sd-url=wf001:9102"])
    assert "is no URL such as http://wf001:9102" in capsys.readouterr().err
    assert main([*words, "--sd-url=http://wf001:9102/"]) == 0
    assert "http://wf001:9102/sd/prometheus?job=latency" in (folder / "jobs.yml").read_text()


def test_a_folder_that_cannot_be_written_is_exit_1_without_a_traceback(
    capsys: pytest.CaptureFixture[str], fleet_file: Path
) -> None:
    assert main(["scrape-configs", f"--config.file={fleet_file}", f"--output-dir={fleet_file}/out"]) == 1
    assert f"{fleet_file}" in capsys.readouterr().err


def test_a_healthcheck_of_nobody_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert main(["healthcheck", f"--web.listen-address=127.0.0.1:{port}"]) == 1
    assert capsys.readouterr().err.startswith(f"latency-exporter: 127.0.0.1:{port} is not well: ")


def test_check_has_no_flags_of_the_server() -> None:
    with pytest.raises(SystemExit):
        check_parser().parse_args(["--web.listen-address=:9102"])


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest's own handlers are to stay."""
    monkeypatch.setattr("exporter.logs.configure", lambda *_: None)


HERE = """\
hosts: [{{name: here, address: 127.0.0.1}}]
probes:
  tcp: {{protocol: tcp, port: {port}}}
  closed: {{protocol: tcp, port: 1}}
endpoints:
  - {{name: secret, probe: {{protocol: http, url: "http://127.0.0.1/", user: me, password_file: nowhere}}}}
"""


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        file = tmp_path / "fleet.yml"
        file.write_text(HERE.format(port=listener.getsockname()[1]))
        yield file


@pytest.mark.usefixtures("quiet")
def test_probe_prints_what_is_well_and_needs_no_secret_of_another_target(
    capsys: pytest.CaptureFixture[str], listening: Path
) -> None:
    assert main(["probe", f"--config.file={listening}", "here", "--probe=tcp"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("here tcp: handshake with 127.0.0.1 port ")
    assert out.splitlines()[-1] == "  verdict: fine"
    assert err == ""


@pytest.mark.usefixtures("quiet")
def test_probe_of_what_fails_is_exit_1(capsys: pytest.CaptureFixture[str], listening: Path) -> None:
    assert main(["probe", f"--config.file={listening}", "here"]) == 1
    out = capsys.readouterr().out
    assert "verdict: peer: the host is up, and nothing listens on this port" in out
    assert out.count("verdict") == 2


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hero"], "this host measures no target 'hero'; did you mean 'here'?"),
        (["here", "--probe=udp"], "this host measures no probe 'udp' toward here; there are: closed, tcp"),
        (["secret"], "password_file: "),
    ],
)
def test_probe_of_what_cannot_be_probed_is_exit_2_with_the_reason(
    capsys: pytest.CaptureFixture[str], listening: Path, words: list[str], message: str
) -> None:
    assert main(["probe", f"--config.file={listening}", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith(str(listening))


def test_an_interrupted_command_is_exit_130_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "check", (check_parser, interrupted))
    assert main(["check"]) == 130
    assert capsys.readouterr() == ("", "")
