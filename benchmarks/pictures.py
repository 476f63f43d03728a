"""Two pictures: how wrong single round trips are, and what a probe costs. Without matplotlib there are none."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench import tell
from benchmarks.medians import medians
from benchmarks.programs import BLACKBOX, FPING, OURS, PROGRAMS, PROTOCOLS, SMOKEPING
from benchmarks.rows import Errors, Results

ERROR_FILE, COST_FILE = "error.svg", "cost.svg"
_COLOURS = {OURS: "#0072b2", FPING: "#009e73", SMOKEPING: "#e69f00", BLACKBOX: "#cc79a7"}
"""Of Okabe and Ito: most eyes can distinguish them."""
_STYLES = ("o-", "s--", "^:")
"""Markers and lines, by protocol."""
_SIZE = (7.5, 4.2)
_MOST_POINTS = 400
"""Of one line, so that the picture stays small."""
_LEAST_US = 0.1
"""Of a logarithmic axis; floats hold stamps to a quarter of a microsecond."""


def draw(folder: Path, results: Results) -> None:
    """Draw what there are figures for; what an earlier benchmark drew goes."""
    for name in (ERROR_FILE, COST_FILE):
        (folder / name).unlink(missing_ok=True)
    try:
        pyplot: Any = _pyplot()
    except ImportError:
        tell("no pictures: matplotlib is missing; make bench installs it")
        return
    _draw_errors(pyplot, folder / ERROR_FILE, results)
    _draw_costs(pyplot, folder / COST_FILE, results)


def _pyplot() -> Any:  # noqa: ANN401 - it is not there where types are checked
    """Import what only ``make bench`` installs; the same figures make the same file."""
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "latency-exporter",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
        }
    )
    return importlib.import_module("matplotlib.pyplot")


def _draw_errors(pyplot: Any, path: Path, results: Results) -> None:  # noqa: ANN401 - see _pyplot
    lines = list(_error_lines(results.errors))
    if not lines:
        return
    figure, axes = pyplot.subplots(figsize=_SIZE, layout="constrained")
    for label, colour, style, errors in lines:
        axes.plot(*_distribution(errors), style, color=colour, label=label, drawstyle="steps-post")
    axes.set(
        xscale="log",
        xlabel="error of a single ICMP round trip, µs (reported minus wire, by size)",
        ylabel="share of probes with at most this error",
    )
    axes.xaxis.set_major_formatter("{x:g}")
    _finish(pyplot, figure, axes, path)


def _distribution(errors: list[float]) -> tuple[list[float], list[float]]:
    """Return sizes of errors and the shares up to them; of very many only some, and the largest."""
    sizes = sorted(max(abs(error), _LEAST_US) for error in errors)
    step = len(sizes) // _MOST_POINTS + 1
    ranks = [*range(0, len(sizes) - 1, step), len(sizes) - 1]
    return [sizes[rank] for rank in ranks], [(rank + 1) / len(sizes) for rank in ranks]


def _error_lines(errors: list[Errors]) -> Iterator[tuple[str, str, str, list[float]]]:
    """Yield label, colour, style and errors of all runs, at the largest number of targets."""
    most = max((group.targets for group in errors if group.measurement == "icmp-truth"), default=0)
    for measurement, note, style in (("icmp-truth", "", "-"), ("load-icmp", ", under load", "--")):
        for program in PROGRAMS:
            key = (measurement, program, most)
            values = [
                value
                for group in errors
                if (group.measurement, group.program, group.targets) == key
                for value in group.values
            ]
            if values:
                yield f"{program}{note}", _COLOURS[program], style, values


def _draw_costs(pyplot: Any, path: Path, results: Results) -> None:  # noqa: ANN401 - see _pyplot
    values = medians(results.rows)
    figure, axes = pyplot.subplots(figsize=_SIZE, layout="constrained")
    for protocol, style in zip(PROTOCOLS, _STYLES, strict=True):
        for program in PROGRAMS:
            points = sorted(
                (targets, cost)
                for (measurement, named, targets, name), cost in values.items()
                if (measurement, named, name) == (f"{protocol}-cost", program, "cpu_us")
            )
            if points:
                label = f"{program}, {protocol}"
                axes.plot(*zip(*points, strict=True), style, color=_COLOURS[program], label=label, markersize=4)
    if axes.lines:
        axes.set(xscale="log", yscale="log", xlabel="targets, each probed once a second", ylabel="CPU per probe, µs")
        axes.set_xticks(sorted({targets for line in axes.lines for targets in line.get_xdata()}), minor=False)
        axes.set_xticks([], minor=True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
        _finish(pyplot, figure, axes, path)
    else:
        pyplot.close(figure)


def _finish(pyplot: Any, figure: Any, axes: Any, path: Path) -> None:  # noqa: ANN401 - see _pyplot
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
