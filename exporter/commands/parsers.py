"""The flags of every command, with the names that Prometheus' exporters use."""

from __future__ import annotations

import argparse
import sys
import typing
from pathlib import Path
from typing import Any

from exporter import __version__, logs, scrape_configs
from exporter.commands import dashboards, examples, flag_values
from exporter.commands.terminal import print_data
from exporter.web import listen

_USAGE = """\
latency-exporter [run]            measure, and serve :9102
latency-exporter check            read the configuration and print what it means
latency-exporter probe TARGET     one probe of each kind now, phase by phase
latency-exporter scrape-configs   write Prometheus' and VictoriaMetrics' configuration
latency-exporter dashboards       write the dashboards for Grafana
latency-exporter doctor           ask the whole stack whether the data really arrives
latency-exporter example NAME     print what a clone has: a fleet file, rules, a unit and more
latency-exporter healthcheck      ask the program on this machine whether it is well (for containers)

Each has its own --help.
"""
_THIS_MACHINE = "; where there is none, this machine alone is taken"
DEFAULT_FLEET = Path("config/exporter.yml")
"""The fleet file where none is named. Compared by identity (``is``): a user who types the same path has named one."""


class _Parser(argparse.ArgumentParser):
    """Prints help and version as the commands print data: a reader that has ended is no traceback."""

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401 - whatever argparse writes to
        if file is not sys.stdout:
            super()._print_message(message, file)
        elif code := print_data(message):
            sys.exit(code)


def run_parser() -> argparse.ArgumentParser:
    """Return the flags of ``run``, the default command."""
    parser = _parser("run", "Measure, and serve what was measured.", epilog=_USAGE)
    _add_fleet(parser, without=_THIS_MACHINE)
    parser.add_argument(
        "--config.auto-reload",
        dest="auto_reload",
        action="store_true",
        help="read the fleet file again when it has changed, as on SIGHUP",
    )
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
        type=flag_values.path,
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
        "--web.disable-fleet",
        dest="disable_fleet",
        action="store_true",
        help="do not serve /fleet, which asks the other exporters of the fleet for their pages",
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
    _add_fleet(parser, without=_THIS_MACHINE)
    _add_host(parser)
    parser.add_argument(
        "--discover",
        action="store_true",
        help="ask for the lists of hosts_from, too; else nobody is asked for anything",
    )
    return parser


def probe_parser() -> argparse.ArgumentParser:
    """Return the flags of ``probe``."""
    parser = _parser("probe", "Probe a target of the fleet file once, now, and print it phase by phase.")
    parser.add_argument("target", metavar="TARGET", help="a host or an endpoint that this host measures")
    parser.add_argument("--probe", metavar="NAME", help="only this one of the target's probes")
    parser.add_argument("--route", action="store_true", help="print the path there too (needs a raw socket)")
    _add_fleet(parser, without=_THIS_MACHINE)
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
        choices=typing.get_args(scrape_configs.StanzaFormat),
        default="paste",
        help="paste: stanzas for any prometheus.yml; victoriametrics: the same for VictoriaMetrics and vmagent, which "
        "refuse the key that asks for native histograms; prometheus-include: a file for scrape_config_files of "
        "Prometheus 2.43 or later; http-sd: the servers ask an exporter for the targets; otel: a receiver for "
        "OpenTelemetry's Collector; alloy: a component for Grafana Alloy (default: %(default)s)",
    )
    parser.add_argument(
        "--sd-url",
        dest="sd_url",
        type=flag_values.url,
        metavar="URL",
        help="with --format=http-sd: the exporter that is asked, as the servers reach it, such as http://wf001:9102",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--diff", action="store_true", help="print what would change, and write nothing")
    mode.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if a file is not current, or promtool or VictoriaMetrics refuses the stanzas",
    )
    mode.add_argument("--force", action="store_true", help="write even if a list would shrink by more than half")
    return parser


def dashboards_parser() -> argparse.ArgumentParser:
    """Return the flags of ``dashboards``."""
    parser = _parser("dashboards", "Write the dashboards for Grafana, and the files by which it shows them.")
    parser.add_argument(
        "--output-dir",
        dest="output_dir",
        type=Path,
        default=Path("grafana"),
        metavar="DIR",
        help="where the folders dashboards and provisioning go (default: %(default)s)",
    )
    parser.add_argument(
        "--exporter-url",
        dest="exporter_url",
        type=flag_values.exporter_url,
        default=dashboards.EXPORTER_URL,
        metavar="URL",
        help="where browsers find the exporter of a host, whose name stands for {source} (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there with other content")
    return parser


def doctor_parser() -> argparse.ArgumentParser:
    """Return the flags of ``doctor``."""
    parser = _parser("doctor", "Ask the servers of `stack` whether the data of the whole fleet really arrives.")
    _add_fleet(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--timeout",
        type=flag_values.duration,
        default="5s",
        metavar="DURATION",
        help="how long each server may take for all that it is asked, such as 500ms or 10s (default: %(default)s)",
    )
    return parser


def example_parser() -> argparse.ArgumentParser:
    """Return the flags of ``example``."""
    parser = _parser("example", "Print a file that a clone has, or write it into a folder.")
    parser.add_argument("name", metavar="NAME", type=flag_values.example, help=f"one of {', '.join(examples.NAMES)}")
    parser.add_argument(
        "--output-dir",
        dest="output_dir",
        type=Path,
        metavar="DIR",
        help="write there instead, under the names that the clone has",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there with other content")
    _add_fleet(parser, without="; rules take their links from it, if it is there")
    return parser


def healthcheck_parser() -> argparse.ArgumentParser:
    """Return the flags of ``healthcheck``."""
    parser = _parser("healthcheck", "Ask the program on this machine whether it answers, with or without TLS.")
    _add_listen(parser)
    return parser


def _parser(command: str, text: str, epilog: str | None = None) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"latency-exporter {command}",
        description=text,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"latency-exporter {__version__}")
    return parser


def _add_fleet(parser: argparse.ArgumentParser, *, without: str = "") -> None:
    """Add the flag of the fleet file; ``without`` says what holds where there is none."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        default=DEFAULT_FLEET,
        metavar="FILE",
        help=f"the fleet file (default: %(default)s{without})",
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
        type=flag_values.listen_address,
        action="append",
        metavar="[HOST]:PORT",
        help=f"where to listen; may be given several times (default: {listen.DEFAULT})",
    )
