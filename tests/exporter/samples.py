"""Pages read back, by prometheus_client's parsers and by their heads."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text


class Samples:
    """A page in the text format, by value; two samples of one identity are an error."""

    def __init__(self, page: str) -> None:
        self._values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in parse_text(page):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self._values, f"twice on one page: {key}"
                self._values[key] = sample.value

    def all(self, name: str, **labels: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return the samples of a name that bear at least these labels."""
        wanted = labels.items()
        return {of: value for (known, of), value in self._values.items() if known == name and of >= set(wanted)}

    def get(self, name: str, **labels: str) -> float | None:
        """Return the value of the one sample with at least these labels, None if there is none."""
        series = self.all(name, **labels)
        assert len(series) < 2, f"{name} {labels} is not one series: {list(series)}"
        return next(iter(series.values()), None)

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Return the samples of a name by one of their labels."""
        return {dict(of)[label]: value for of, value in self.all(name, **labels).items()}


def parsed(page: str, *, openmetrics: bool) -> list[Metric]:
    """Return the families as the library's strict (OpenMetrics) or lenient (text) parser finds them."""
    return list((parse_openmetrics if openmetrics else parse_text)(page))


def heads(page: str) -> dict[str, str]:
    """Return the type of each family; its HELP stands before its TYPE, both once, and its samples behind them."""
    types: dict[str, str] = {}
    described, current = "", ""
    for line in page.splitlines():
        if line.startswith("# HELP "):
            described = line.split(" ", 3)[2]
            assert line.split(" ", 3)[3].strip(), f"no help: {line}"
        elif line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current == described, f"TYPE without HELP: {line}"
            assert current not in types, f"the family is split: {line}"
            types[current] = kind
        elif line != "# EOF":
            assert _belongs(line, current, types[current]), f"{line} does not belong to {current}"
    return types


def _belongs(line: str, family: str, kind: str) -> bool:
    name = line.partition(" ")[0].partition("{")[0]
    suffixes: Mapping[str, tuple[str, ...]] = {
        "histogram": ("_bucket", "_sum", "_count"),
        "summary": ("_sum", "_count"),
        "counter": ("", "_total"),
        "info": ("_info",),
    }
    return name in {family + suffix for suffix in suffixes.get(kind, ("",))}
