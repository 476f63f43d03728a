"""How each program is started on the prober's host, toward the same targets, and surely stopped."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.field import REPOSITORY, WEB_PORT, Field
from tests.netlab import Program

Seconds = float
OURS, FPING, SMOKEPING, BLACKBOX = "latency-exporter", "fping", "smokeping_prober", "blackbox_exporter"
PROGRAMS = (OURS, FPING, SMOKEPING, BLACKBOX)
EXECUTABLES = {
    FPING: "fping",
    SMOKEPING: "prometheus-smokeping-prober",
    BLACKBOX: "prometheus-blackbox-exporter",
}
"""As Debian calls them."""
OUR_PORT = 9102

_FPING_ROUND_MS = 100
"""In which fping sends to all its targets once a second, but no slower than its usual 10 ms between two packets and no
faster than 0.1: as our slots do, it then works in bursts, which is what costs it least."""
_PROBES = {
    "icmp": "icmp: {protocol: icmp, to: all}",
    "tcp": f"tcp: {{protocol: tcp, port: {WEB_PORT}, to: all}}",
    "http": f'http: {{protocol: http, url: "http://{{address}}:{WEB_PORT}/ping", to: all}}',
}
PROTOCOLS = tuple(_PROBES)
"""Those of the exporter that another program measures too; ``queries`` and ``sizing`` measure databases."""
_BLACKBOX_MODULES = """\
modules:
  icmp: {prober: icmp, timeout: 1s, icmp: {preferred_ip_protocol: ip4}}
  tcp: {prober: tcp, timeout: 1s, tcp: {preferred_ip_protocol: ip4}}
  http: {prober: http, timeout: 1s, http: {preferred_ip_protocol: ip4}}
"""
_BLACKBOX_TARGET = {"icmp": "{}", "tcp": f"{{}}:{WEB_PORT}", "http": f"http://{{}}:{WEB_PORT}/ping"}
BLACKBOX_METRICS = {
    ("icmp", "rtt"): 'probe_icmp_duration_seconds{phase="rtt"}',
    ("tcp", "rtt"): "probe_duration_seconds",
    ("http", "rtt"): 'probe_http_duration_seconds{phase="connect"}',
    ("http", "response"): 'probe_http_duration_seconds{phase="processing"}',
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A program: what starts it, where it answers, and how long until it is as it will stay."""

    name: str
    command: Callable[[Field, Sequence[str]], list[str]]
    port: int = 0
    """0: it serves nothing."""
    ready_path: str = "/"
    warm: Seconds = 2.0
    warm_per_target: Seconds = 0.0
    asked: str = ""
    """The protocol of its probes, where an asker has to ask for each of them."""
    end: signal.Signals = signal.SIGTERM

    def warm_up(self, targets: int) -> Seconds:
        """Return how long to wait after its first answer."""
        return self.warm + self.warm_per_target * targets


def ours(
    *protocols: str,
    interval: str = "1s",
    timeout: str = "900ms",
    launcher: Sequence[str] = ("-m", "exporter"),
    silent: int = 0,
    flags: Sequence[str] = (),
) -> Recipe:
    """Return the exporter with a probe of each protocol; ``silent`` targets more never answer."""

    def command(field: Field, targets: Sequence[str]) -> list[str]:
        names = [*targets, *field.silent_addresses(silent)]
        hosts = [f"  - {{name: {name}, address: {name}, exporter: false}}" for name in names]
        path = field.folder / "fleet.yml"
        lines = [f"defaults: {{interval: {interval}, timeout: {timeout}}}", "hosts:"]
        lines += ["  - {name: prober, address: 127.0.0.1}", *hosts, "probes:"]
        lines += [f"  {_PROBES[protocol]}" for protocol in protocols]
        path.write_text("\n".join(lines) + "\n", encoding="ascii")
        return [sys.executable, *launcher, "run", f"--config.file={path}", "--host=prober", *flags]

    return Recipe(OURS, command, OUR_PORT, "/-/ready", warm=4.0)


def fping(*, quiet: bool) -> Recipe:
    """Return fping as a loop; not quiet, it prints each round trip with its number."""

    def command(field: Field, targets: Sequence[str]) -> list[str]:
        path = field.folder / "targets"
        path.write_text("\n".join(targets) + "\n", encoding="ascii")
        between = min(10.0, max(0.1, _FPING_ROUND_MS / len(targets)))
        return [EXECUTABLES[FPING], "-l", "-q" if quiet else "-D", "-p", "1000", "-i", f"{between:g}", "-f", str(path)]

    return Recipe(FPING, command, end=signal.SIGINT)


def smokeping(interval: str = "1s") -> Recipe:
    """Return smokeping_prober on datagram sockets; raw, each of its sockets would get all replies."""

    def command(_: Field, targets: Sequence[str]) -> list[str]:
        return [EXECUTABLES[SMOKEPING], "--config.file=", "--no-privileged", f"--ping.interval={interval}", *targets]

    return Recipe(SMOKEPING, command, port=9374, warm=4.0, warm_per_target=0.002)


def blackbox(protocol: str) -> Recipe:
    """Return blackbox_exporter, asked for each target once a second."""

    def command(field: Field, _: Sequence[str]) -> list[str]:
        path = field.folder / "blackbox.yml"
        path.write_text(_BLACKBOX_MODULES, encoding="ascii")
        return [EXECUTABLES[BLACKBOX], f"--config.file={path}", "--log.level=error"]

    return Recipe(BLACKBOX, command, port=9115, ready_path="/-/healthy", warm=3.0, asked=protocol)


def is_installed(recipe: Recipe, field: Field) -> bool:
    """Tell whether the program is installed here."""
    return shutil.which(recipe.command(field, ["127.0.0.1"])[0]) is not None


@contextlib.contextmanager
def running(field: Field, recipe: Recipe, targets: Sequence[str]) -> Iterator[Program]:
    """Start a program, wait until it answers, and start its asker; stop both at the end in any case."""
    with contextlib.ExitStack() as end:
        program = field.prober.popen(recipe.command(field, targets), cwd=REPOSITORY)
        end.callback(stop, program, recipe.end)
        if recipe.port:
            field.wait_for(program, recipe.port, recipe.ready_path)
        if recipe.asked:
            end.callback(stop, _start_asker(field, recipe, targets))
        yield program
        if program.poll() is not None:
            raise ChildProcessError(f"{recipe.name} has ended: {program.error_output()[-500:]}")


@contextlib.contextmanager
def helper(field: Field, module: str, *arguments: str) -> Iterator[Program]:
    """Run a module of this package on the prober's host while entered."""
    program = field.prober.popen([sys.executable, "-m", f"benchmarks.{module}", *arguments], cwd=REPOSITORY)
    try:
        yield program
    finally:
        stop(program)


def stop(program: Program, kind: signal.Signals = signal.SIGTERM, grace: Seconds = 2.0) -> None:
    """Stop a program: first by a signal, then by force."""
    if program.poll() is None:
        program.send_signal(kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(grace)
    program.stop()


def asker_notes(field: Field) -> Path:
    """Return where the asker of the running blackbox_exporter writes."""
    return field.folder / "answers"


def _start_asker(field: Field, recipe: Recipe, targets: Sequence[str]) -> Program:
    path, notes = field.folder / "asked", asker_notes(field)
    written = _BLACKBOX_TARGET[recipe.asked]
    path.write_text("".join(f"{target} {written.format(target)}\n" for target in targets), encoding="ascii")
    metrics = [metric for (protocol, _), metric in BLACKBOX_METRICS.items() if protocol == recipe.asked]
    arguments = [str(recipe.port), recipe.asked, str(path), str(notes), *metrics]
    return field.prober.popen([sys.executable, "-m", "benchmarks.asker", *arguments], cwd=REPOSITORY)
