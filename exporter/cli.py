"""The command line: flags as Prometheus' exporters have them, exit codes, and text for people on stderr.

Exit 0: fine; 1: a fault of the moment; 2: bad configuration or command line.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import io
import os
import re
import signal
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from collectors.contract import Seconds
from exporter import (
    __version__,
    check,
    healthcheck,
    listen,
    logs,
    on_request,
    probe_now,
    scrape_configs,
    server,
)
from exporter.app import App, Configuration, Options, configuration, identified
from exporter.fleet import BadFile, Fleet, load, survey
from exporter.fleet.values import Duration

FINE, FAULT, BAD_CONFIGURATION = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT
"""As shells have it."""

_USAGE = """\
latency-exporter [run]            measure, and serve :9102
latency-exporter check            read the configuration and print what it means
latency-exporter probe TARGET     one probe of each kind now, phase by phase
latency-exporter scrape-configs   write Prometheus' and VictoriaMetrics' configuration
latency-exporter doctor           ask the whole stack whether the data really arrives
latency-exporter healthcheck      ask the program on this machine whether it is well (for containers)

Each has its own --help.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words.pop(0) if words and not words[0].startswith("-") else "run"
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(COMMANDS)}"
        return _complain(f"latency-exporter: unknown command {name!r}{hint}", BAD_CONFIGURATION)
    make_parser, command = COMMANDS[name]
    try:
        return command(make_parser().parse_args(words))
    except BadFile as bad:
        return _complain("\n".join(map(str, bad.problems)), BAD_CONFIGURATION)
    except (listen.CannotListen, scrape_configs.CannotWrite) as error:
        return _complain(f"latency-exporter: {error}", FAULT)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(flags: argparse.Namespace) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever is just starting reads the files anyway
    logs.configure(flags.log_level, flags.log_format)
    options = Options(
        flags.config_file, flags.host, flags.telemetry_path, flags.enable_lifecycle, flags.web_config_file
    )
    first = configuration(options)
    for warning in (*check.warnings(first.fleet, first.pairs), *first.web.warnings):
        _tell(str(warning))
    sockets = listen.open_sockets(flags.listen or [listen.parse(":9102")])

    async def serve(options: Options, first: Configuration) -> None:
        await App(options, first).run(sockets)

    asyncio.run(serve(options, first))
    return FINE


def _check(flags: argparse.Namespace) -> int:
    fleet, host = identified(flags.config_file, flags.host)
    found, missing = survey(fleet, host)
    if missing and flags.host is None:
        raise BadFile(missing)
    for problem in missing:  # whoever names a host may look at it from elsewhere, where its secrets are not
        _tell(f"warning: needed on {host.name}, and not to be had here: {problem}")
    for warning in check.warnings(fleet, found):
        _tell(warning)
    return _print(check.describe(fleet, host, found))


def _probe(flags: argparse.Namespace) -> int:
    logs.configure("error", "logfmt")
    fleet, host = identified(flags.config_file, flags.host)
    try:
        asked = on_request.chosen(survey(fleet, host)[0], flags.target, flags.probe)
    except server.Refused as refused:
        return _complain(f"{flags.config_file}: {refused}", BAD_CONFIGURATION)
    together, missing = survey(fleet, host, target=flags.target)
    if missing:
        raise BadFile(missing)
    answers = asyncio.run(probe_now.probe_now(together))
    text, well = probe_now.describe(answers, asked)
    printed = _print(text)
    for line in probe_now.routes(asked) if flags.route and printed == FINE else ():
        printed = printed or _print(line)
    return printed or (FINE if well else FAULT)


def _scrape_configs(flags: argparse.Namespace) -> int:
    place = flags.sd_url if flags.format == "http-sd" else flags.targets_dir
    if flags.format == "http-sd" and not place:
        return _complain(
            "latency-exporter: --format=http-sd needs --sd-url, the exporter that the servers ask for their targets, "
            "such as --sd-url=http://wf001:9102",
            BAD_CONFIGURATION,
        )
    fleet = load(flags.config_file)
    if flags.check:
        return _check_scrape_configs(fleet, flags, place)
    changed = scrape_configs.changes(fleet, flags.output_dir, place, flags.format)
    if flags.diff:
        return _print(scrape_configs.difference(changed))
    written = scrape_configs.write(changed, force=flags.force)
    for path in written:
        _tell(f"wrote {path}")
    if not written:
        _tell(f"{flags.output_dir}: all files are current")
    elif flags.output_dir / scrape_configs.STANZAS in written:
        _tell("the jobs have changed: paste their stanzas into prometheus.yml (or include them) and reload")
    return FINE


def _check_scrape_configs(fleet: Fleet, flags: argparse.Namespace, place: str | None) -> int:
    from exporter.scrape_configs import dry_run  # noqa: PLC0415 - `run` has no use for subprocess, and pays for it

    changed = scrape_configs.changes(fleet, flags.output_dir, place, flags.format)
    for change in changed:
        _tell(f"{change.path}: not current; run the command without --check")
    texts = scrape_configs.files(fleet, place or str(flags.output_dir.absolute()), flags.format)
    asked = list(dry_run.complaints(texts[scrape_configs.STANZAS], flags.format))
    for name, complaint in asked:
        _tell(f"{name}: " + ("content" if complaint is None else f"refuses it:\n{complaint}"))
    if not asked:
        _tell("neither promtool nor VictoriaMetrics is on the PATH: what they would say is not known")
    return FAULT if changed or any(complaint is not None for _, complaint in asked) else FINE


def _doctor(flags: argparse.Namespace) -> int:
    from exporter import doctor  # noqa: PLC0415 - `run` has no use for an HTTP client, and is measured by the MB

    logs.configure("error", "logfmt")
    environ = os.environ  # noqa: TID251 - passwords may lie in a folder that it names
    report = doctor.examine(load(flags.config_file), environ, flags.timeout, doctor.Progress(sys.stderr))
    printed = _print(report.json() if flags.json else report.text())
    return printed or (FAULT if report.broken else FINE)


def _healthcheck(flags: argparse.Namespace) -> int:
    host, port = (flags.listen or [listen.parse(":9102")])[0]
    problem = healthcheck.problem_of(host, port)
    return _complain(f"latency-exporter: {problem}", FAULT) if problem else FINE


def run_parser() -> argparse.ArgumentParser:
    """Return the flags of ``run``, the default command."""
    parser = _parser("run", "Measure, and serve what was measured.", epilog=_USAGE)
    _add_fleet(parser)
    _add_host(parser)
    _add_listen(parser)
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        type=Path,
        metavar="FILE",
        help="TLS and users, in the format of Prometheus' exporter-toolkit",
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        type=_path,
        default="/metrics",
        metavar="PATH",
        help="where the metrics are (default: %(default)s)",
    )
    parser.add_argument(
        "--web.enable-lifecycle",
        dest="enable_lifecycle",
        action="store_true",
        help="allow POST /-/reload; SIGHUP always reloads",
    )
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=logs.LEVELS,
        default="info",
        help="what is logged to stderr (default: %(default)s)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        choices=("logfmt", "json"),
        default="logfmt",
        help="how it is written (default: %(default)s)",
    )
    return parser


def check_parser() -> argparse.ArgumentParser:
    """Return the flags of ``check``."""
    parser = _parser("check", "Read the configuration and print what it means for one host.")
    _add_fleet(parser)
    _add_host(parser)
    return parser


def probe_parser() -> argparse.ArgumentParser:
    """Return the flags of ``probe``."""
    parser = _parser("probe", "Probe a target of the fleet file once, now, and print it phase by phase.")
    parser.add_argument("target", metavar="TARGET", help="a host or an endpoint that this host measures")
    parser.add_argument("--probe", metavar="NAME", help="only this one of the target's probes")
    parser.add_argument("--route", action="store_true", help="print the path there too (needs a raw socket)")
    _add_fleet(parser)
    _add_host(parser)
    return parser


def scrape_configs_parser() -> argparse.ArgumentParser:
    """Return the flags of ``scrape-configs``."""
    parser = _parser("scrape-configs", "Write the scrape configuration of the whole fleet.")
    _add_fleet(parser)
    parser.add_argument(
        "--output-dir",
        dest="output_dir",
        type=Path,
        default=Path("prometheus/scrape_configs"),
        metavar="DIR",
        help="where the files go (default: %(default)s)",
    )
    parser.add_argument(
        "--targets-dir",
        dest="targets_dir",
        default=None,
        metavar="DIR",
        help="the same folder as Prometheus sees it, in its container (default: DIR of --output-dir, absolute)",
    )
    parser.add_argument(
        "--format",
        choices=typing.get_args(scrape_configs.Format),
        default="paste",
        help="paste: stanzas for any prometheus.yml, which VictoriaMetrics includes as they are; prometheus-include: a "
        "file for scrape_config_files of Prometheus 2.43 or later; http-sd: the servers ask an exporter for the "
        "targets (default: %(default)s)",
    )
    parser.add_argument(
        "--sd-url",
        dest="sd_url",
        type=_url,
        metavar="URL",
        help="with --format=http-sd: the exporter that is asked, as the servers reach it, such as http://wf001:9102",
    )
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--diff", action="store_true", help="print what would change, and write nothing")
    doing.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if a file is not current, or promtool or VictoriaMetrics refuses the stanzas",
    )
    doing.add_argument("--force", action="store_true", help="write even if a list would shrink by more than half")
    return parser


def doctor_parser() -> argparse.ArgumentParser:
    """Return the flags of ``doctor``."""
    parser = _parser("doctor", "Ask the servers of `stack` whether the data of the whole fleet really arrives.")
    _add_fleet(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--timeout",
        type=_duration,
        default="5s",
        metavar="DURATION",
        help="how long each server may take for all that it is asked, such as 500ms or 10s (default: %(default)s)",
    )
    return parser


def healthcheck_parser() -> argparse.ArgumentParser:
    """Return the flags of ``healthcheck``."""
    parser = _parser("healthcheck", "Ask the program on this machine whether it answers, with or without TLS.")
    _add_listen(parser)
    return parser


COMMANDS: dict[str, tuple[Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace], int]]] = {
    "run": (run_parser, _run),
    "check": (check_parser, _check),
    "probe": (probe_parser, _probe),
    "scrape-configs": (scrape_configs_parser, _scrape_configs),
    "doctor": (doctor_parser, _doctor),
    "healthcheck": (healthcheck_parser, _healthcheck),
}


def _parser(command: str, text: str, epilog: str | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"latency-exporter {command}",
        description=text,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"latency-exporter {__version__}")
    return parser


def _add_fleet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        default=Path("config/exporter.yml"),
        metavar="FILE",
        help="the fleet file (default: %(default)s)",
    )


def _add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host",
        metavar="NAME",
        help="which host of the fleet this is (default: $LATENCY_EXPORTER_HOST, then the machine's own name)",
    )


def _add_listen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        type=_listen_address,
        action="append",
        metavar="[HOST]:PORT",
        help="where to listen; may be given several times (default: :9102)",
    )


def _listen_address(text: str) -> tuple[str, int]:
    try:
        return listen.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _duration(text: str) -> Seconds:
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#%{}]+(/[A-Za-z0-9/._~-]*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no URL such as http://wf001:9102")
    return text.rstrip("/")


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is no path; it has to begin with /")
    if not re.fullmatch("[A-Za-z0-9/._~-]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no path; it may hold letters, digits and any of /._~-")
    if text != "/" and text in server.ROUTES:
        raise argparse.ArgumentTypeError(f"{text!r} is what this program answers otherwise; choose another path")
    return text


def _print(text: str) -> int:
    """Write data to stdout; whoever was to read it may have gone."""
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may know less than Unicode
        print(text, end="", flush=True)
    except OSError as error:
        sys.stdout = None  # or else Python would complain once more when it ends
        return _complain(f"latency-exporter: cannot write to stdout: {error.strerror}", FAULT)
    return FINE


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _complain(lines: str, code: int) -> int:
    _tell(lines)
    return code
