"""The commands: their work, their exit codes, and text for people on stderr.

Their flags are in ``exporter.commands.parsers``.

Exit 0: fine; 1: a fault of the moment; 2: bad configuration or command line.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from exporter import logs, scrape_configs
from exporter.app import App
from exporter.commands import check, examples, healthcheck, parsers, probe_now
from exporter.configuration import Configuration, Options, configuration, identified
from exporter.fleet import BadFile, Fleet, doubles, load, survey
from exporter.probing import single
from exporter.recording import metrics
from exporter.web import listen
from exporter.wording import did_you_mean

_log = logging.getLogger(__name__)

FINE, FAULT, BAD_CONFIGURATION = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT
"""As shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words.pop(0) if words and not words[0].startswith("-") else "run"
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS, f"there are {', '.join(COMMANDS)}")
        return _complain(f"latency-exporter: unknown command {name!r}; {hint}", BAD_CONFIGURATION)
    make_parser, command = COMMANDS[name]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on an interrupt may have to clean up
    try:
        return command(make_parser().parse_args(words))
    except BadFile as bad:
        return _complain("\n".join(map(str, bad.problems)), BAD_CONFIGURATION)
    except (listen.CannotListen, scrape_configs.CannotWrite) as error:
        return _complain(f"latency-exporter: {error}", FAULT)
    except KeyboardInterrupt:
        return INTERRUPTED


def _find_fleet(flags: argparse.Namespace, say: Callable[[str], None] | None = None) -> None:
    """Take the default fleet where no fleet file is named and none is at the default path.

    Only for commands about this machine: the others write or judge a whole fleet.
    """
    if flags.config_file is parsers.DEFAULT_FLEET and not examples.is_there(flags.config_file):
        (say or _tell)(f"there is no {flags.config_file} here: this is the default fleet, {examples.DEFAULT_FLEET}")
        flags.config_file = examples.DEFAULT_FLEET


def _run(flags: argparse.Namespace) -> int:
    logs.configure(flags.log_level, flags.log_format)
    _find_fleet(flags, _log.info)
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
    _find_fleet(flags)
    fleet, host = identified(flags.config_file, flags.host)
    pairs, missing = survey(fleet, host)
    metrics.ensure_recorded(fleet, pairs)
    if missing and flags.host is None:
        raise BadFile(missing)
    for problem in missing:  # --host may look at a host from elsewhere, without its secrets
        _tell(f"warning: needed on {host.name}, and not to be had here: {problem}")
    for warning in check.warnings(fleet, pairs):
        _tell(warning)
    if double := doubles.warning(fleet, host):
        _tell(f"warning: {double}")
    return _print(check.describe(fleet, host, pairs))


def _probe(flags: argparse.Namespace) -> int:
    logs.configure("error", "logfmt")
    _find_fleet(flags)
    fleet, host = identified(flags.config_file, flags.host)
    try:
        asked = single.chosen(survey(fleet, host)[0], flags.target, flags.probe)
    except single.NoSuchPair as error:
        return _complain(f"{flags.config_file}: {error}", BAD_CONFIGURATION)
    together, missing = survey(fleet, host, target=flags.target)
    if missing:
        raise BadFile(missing)
    answers = asyncio.run(probe_now.probe_now(together))
    text, well = probe_now.describe(answers, asked)
    printed = _print(text)
    walked = [answer for answer in answers if answer.pair in asked]
    for line in probe_now.routes(walked) if flags.route and printed == FINE else ():
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
    verdicts = list(dry_run.complaints(texts[scrape_configs.STANZAS], flags.format))
    for name, complaint in verdicts:
        _tell(f"{name}: " + ("content" if complaint is None else f"refuses it:\n{complaint}"))
    if not verdicts:
        _tell("neither promtool nor VictoriaMetrics is on the PATH: what they would say is not known")
    return FAULT if changed or any(complaint is not None for _, complaint in verdicts) else FINE


def _doctor(flags: argparse.Namespace) -> int:
    from exporter import doctor  # noqa: PLC0415 - `run` has no use for an HTTP client, and is measured by the MB

    logs.configure("error", "logfmt")
    environ = os.environ  # noqa: TID251 - passwords may lie in a folder that it names
    report = doctor.examine(load(flags.config_file), environ, flags.timeout, doctor.Progress(sys.stderr))
    printed = _print(report.json() if flags.json else report.text())
    return printed or (FAULT if report.broken else FINE)


def _example(flags: argparse.Namespace) -> int:
    if flags.output_dir is None:
        return _print(examples.text(flags.name))
    written = examples.save(flags.name, flags.output_dir, force=flags.force)
    for path in written:
        _tell(f"wrote {path}")
    if not written:
        _tell(f"{flags.output_dir}: all files are there already")
    return FINE


def _healthcheck(flags: argparse.Namespace) -> int:
    host, port = (flags.listen or [listen.parse(":9102")])[0]
    problem = healthcheck.problem_of(host, port)
    return _complain(f"latency-exporter: {problem}", FAULT) if problem else FINE


COMMANDS: dict[str, tuple[Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace], int]]] = {
    "run": (parsers.run_parser, _run),
    "check": (parsers.check_parser, _check),
    "probe": (parsers.probe_parser, _probe),
    "scrape-configs": (parsers.scrape_configs_parser, _scrape_configs),
    "doctor": (parsers.doctor_parser, _doctor),
    "example": (parsers.example_parser, _example),
    "healthcheck": (parsers.healthcheck_parser, _healthcheck),
}


def _print(text: str) -> int:
    """Write data to stdout; its reader may have gone."""
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may know less than Unicode
        print(text, end="", flush=True)
    except OSError as error:
        sys.stdout = None  # else Python complains once more when it ends
        return _complain(f"latency-exporter: cannot write to stdout: {error.strerror}", FAULT)
    return FINE


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _complain(lines: str, code: int) -> int:
    _tell(lines)
    return code
