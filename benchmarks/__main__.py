"""``python -m benchmarks``: its flags, and all measurements in their order."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import accuracy, cost, load, page, pictures, tables
from benchmarks.bench import QUICK, Bench, MissingProgram, Seconds, Sizes, tell
from benchmarks.field import Field
from benchmarks.machine import facts
from benchmarks.programs import EXECUTABLES
from benchmarks.rows import Failure, Results
from tests.netlab import missing

MEASUREMENTS: dict[str, Callable[[Bench], None]] = {
    "icmp-cost": cost.icmp_cost,
    "icmp-truth": accuracy.icmp_truth,
    "tcp-cost": cost.tcp_cost,
    "http-cost": cost.http_cost,
    "tcp-truth": accuracy.tcp_truth,
    "http-truth": accuracy.http_truth,
    "page": page.page,
    "load": load.load,
}
_QUICK_SECONDS: Seconds = 3.0
_SECONDS: Seconds = 6.0


def main() -> int:
    """Measure, and write tables and pictures, also after an interrupt."""
    flags = _parser().parse_args()
    if lacking := missing():
        tell(f"the benchmark needs network namespaces: {', '.join(lacking)}")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that every program that runs is stopped
    results = Results(flags.output / "raw")
    results.begin()
    (flags.output / tables.MACHINE_FILE).write_text(facts(EXECUTABLES.values()), encoding="utf-8")
    try:
        _measure(flags, results)
    except KeyboardInterrupt:
        tell("interrupted; what was measured so far is kept")
        return 130
    except MissingProgram as program:
        tell(f"{program} is not installed: make bench does that, as root")
        return 1
    finally:
        if results.rows:
            tables.write(flags.output, results)
            pictures.draw(flags.output, results)
            tell(f"wrote {flags.output / tables.TABLE_FILE}")
    tell(missing_at_the_end(results.failures))
    return 1 if results.failures else 0


def missing_at_the_end(failures: Sequence[Failure]) -> str:
    """Return what is not in the tables and why: the last lines on the terminal."""
    if not failures:
        return "everything was measured"
    names = {failure.measurement for failure in failures}
    only = ",".join(name for name in MEASUREMENTS if any(f"{part}-".startswith(f"{name}-") for part in names))
    lines = [f"  {failure.subject}: {failure.why}" for failure in failures]
    return (
        "NOT MEASURED, although it was tried twice:\n" + "\n".join(lines) + "\n"
        "Everything else in the table stands. Other load on this machine is the usual cause. Again, in a folder of its "
        f'own: make bench BENCH_ARGS="--only {only} --output benchmarks/results/again"'
    )


def _measure(flags: argparse.Namespace, results: Results) -> None:
    began = time.monotonic()
    sizes = QUICK if flags.quick else Sizes()
    runs = flags.runs or (1 if flags.quick else 3)
    seconds = flags.seconds or (_QUICK_SECONDS if flags.quick else _SECONDS)
    with Field() as field:
        for run in range(1, runs + 1):
            bench = Bench(field, results, run, seconds, sizes)
            for name in flags.only:
                MEASUREMENTS[name](bench)
                tell(f"{name} of run {run} of {runs} is done, after {(time.monotonic() - began) / 60:.1f} minutes")


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {name:<12}{function.__doc__}" for name, function in MEASUREMENTS.items()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure cost and truth beside fping, smokeping_prober and blackbox_exporter. Needs root.",
        epilog="measurements, in this order:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--runs", type=int, metavar="N", help="how often all is measured (default: 3)")
    parser.add_argument("--seconds", type=float, metavar="S", help=f"how long each window is (default: {_SECONDS:g})")
    parser.add_argument(
        "--only", type=_names, default=list(MEASUREMENTS), metavar="NAME[,NAME]", help="which measurements"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("benchmarks/results"),
        metavar="DIR",
        help="where table.md, the pictures and raw/ go (default: %(default)s)",
    )
    quick = f"one run, few targets, windows of {_QUICK_SECONDS:g} s: whether it works, not how well"
    parser.add_argument("--quick", action="store_true", help=quick)
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        raise argparse.ArgumentTypeError(f"no measurement {unknown[0]!r}; there are {', '.join(MEASUREMENTS)}")
    return [name for name in MEASUREMENTS if name in names]


if __name__ == "__main__":
    sys.exit(main())
