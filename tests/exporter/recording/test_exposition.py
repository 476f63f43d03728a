"""Lines against those of prometheus_client, for the same values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_latest_openmetrics
from prometheus_client.registry import Collector

from exporter.recording.exposition import Exposition
from exporter.recording.families import Family, bucket_samples
from tests.exporter.samples import heads, parsed

BOUNDS = (1e-6, 0.0025, 1.0, 10.0)


@dataclasses.dataclass
class Owner:
    """A pair, as far as the families below know one."""

    labels: tuple[tuple[str, str], ...]
    gauge: float | None
    counter: int
    histogram: tuple[float, ...]
    summary: tuple[float, ...]


FAMILIES = (
    Family("a_gauge", "gauge", "A gauge.", lambda _: [("", ())], lambda owner, _: owner.gauge and (owner.gauge,)),
    Family("a_counter_total", "counter", "A counter.", lambda _: [("", ())], lambda owner, _: (owner.counter,)),
    Family(
        "a_histogram", "histogram", "A histogram.", lambda _: bucket_samples(BOUNDS), lambda owner, _: owner.histogram
    ),
    Family(
        "a_summary",
        "summary",
        "A summary.",
        lambda _: [(suffix, (("phase", "dns"),)) for suffix in ("_sum", "_count")],
        lambda owner, _: owner.summary,
    ),
)

OWNERS = (
    Owner((("target", "wf001"), ("probe", "icmp")), 0.327, 3, (0, 1, 2, 2, 3, 0.1 + 0.2, 3), (1e-7, 12)),
    Owner((("target", "wf008"), ("probe", "icmp")), None, 10**9, (5, 5, 5, 5, 5, 4.5e-6, 5), (0.0, 0)),
)


class Theirs(Collector):
    """The same families as the library has them."""

    def collect(self) -> Iterable[Metric]:
        names = [name for name, _ in OWNERS[0].labels]
        gauge = GaugeMetricFamily("a_gauge", "A gauge.", labels=names)
        counter = CounterMetricFamily("a_counter", "A counter.", labels=names)
        histogram = HistogramMetricFamily("a_histogram", "A histogram.", labels=names)
        summary = SummaryMetricFamily("a_summary", "A summary.", labels=[*names, "phase"])
        for owner in OWNERS:
            values = [value for _, value in owner.labels]
            if owner.gauge is not None:
                gauge.add_metric(values, owner.gauge)
            counter.add_metric(values, owner.counter)
            *buckets, total, _ = owner.histogram
            bounds = [*map(str, BOUNDS), "+Inf"]
            histogram.add_metric(values, list(zip(bounds, buckets, strict=True)), total)
            total, count = owner.summary
            summary.add_metric([*values, "dns"], count_value=int(count), sum_value=total)
        return [gauge, counter, histogram, summary]


def page_of(families: Iterable[Family], owners: Iterable[Owner]) -> Exposition:
    page = Exposition(tuple(families))
    for owner in owners:
        page.add(owner, owner.labels, owner)
    return page


def ours(page: Exposition, *, openmetrics: bool) -> str:
    text = b"".join(page.render(0.0, openmetrics=openmetrics)).decode()
    return text + "# EOF\n" * openmetrics


def test_a_page_reads_as_these_lines_and_no_others() -> None:
    assert ours(page_of(FAMILIES, OWNERS[:1]), openmetrics=False) == (
        "# HELP a_gauge A gauge.\n"
        "# TYPE a_gauge gauge\n"
        'a_gauge{target="wf001",probe="icmp"} 0.327\n'
        "# HELP a_counter_total A counter.\n"
        "# TYPE a_counter_total counter\n"
        'a_counter_total{target="wf001",probe="icmp"} 3\n'
        "# HELP a_histogram A histogram.\n"
        "# TYPE a_histogram histogram\n"
        'a_histogram_bucket{target="wf001",probe="icmp",le="1e-06"} 0\n'
        'a_histogram_bucket{target="wf001",probe="icmp",le="0.0025"} 1\n'
        'a_histogram_bucket{target="wf001",probe="icmp",le="1.0"} 2\n'
        'a_histogram_bucket{target="wf001",probe="icmp",le="10.0"} 2\n'
        'a_histogram_bucket{target="wf001",probe="icmp",le="+Inf"} 3\n'
        'a_histogram_sum{target="wf001",probe="icmp"} 0.30000000000000004\n'
        'a_histogram_count{target="wf001",probe="icmp"} 3\n'
        "# HELP a_summary A summary.\n"
        "# TYPE a_summary summary\n"
        'a_summary_sum{target="wf001",probe="icmp",phase="dns"} 1e-07\n'
        'a_summary_count{target="wf001",probe="icmp",phase="dns"} 12\n'
    )


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_page_says_what_the_library_says_of_the_same_values(*, openmetrics: bool) -> None:
    registry = CollectorRegistry()
    registry.register(Theirs())
    theirs = (generate_latest_openmetrics if openmetrics else generate_latest)(registry).decode()
    page = ours(page_of(FAMILIES, OWNERS), openmetrics=openmetrics)
    assert _in_order(parsed(page, openmetrics=openmetrics)) == _in_order(parsed(theirs, openmetrics=openmetrics))
    assert heads(page) == heads(theirs)
    assert _heads_only(page) == _heads_only(theirs)


def _in_order(families: list[Metric]) -> list[Metric]:
    """Sort each family's samples: the library has ``_count`` before ``_sum``, Go's has it behind, nobody minds."""
    for family in families:
        family.samples.sort(key=lambda sample: (sample.name, sorted(sample.labels.items())))
    return families


def _heads_only(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("#")]


def test_the_formats_differ_only_in_the_head_of_counters() -> None:
    text, openmetrics = (ours(page_of(FAMILIES, OWNERS), openmetrics=one).splitlines() for one in (False, True))
    assert openmetrics.pop() == "# EOF"
    assert [(one, other) for one, other in zip(text, openmetrics, strict=True) if one != other] == [
        ("# HELP a_counter_total A counter.", "# HELP a_counter A counter."),
        ("# TYPE a_counter_total counter", "# TYPE a_counter counter"),
    ]


@given(value=st.text(st.characters(exclude_categories=["Cs"])), number=st.floats(min_value=0, allow_infinity=False))
@pytest.mark.parametrize("openmetrics", [False, True])
def test_any_label_and_any_number_come_back_as_they_were(value: str, number: float, *, openmetrics: bool) -> None:
    owner = Owner((("target", value), ("probe", "100%a %s")), number, 0, (), ())
    page = Exposition([dataclasses.replace(FAMILIES[0], read=lambda owner, _: (owner.gauge,))])
    page.add(owner, owner.labels, owner)
    ((family,),) = [parsed(ours(page, openmetrics=openmetrics), openmetrics=openmetrics)]
    (sample,) = family.samples
    assert sample.labels == {"target": value, "probe": "100%a %s"}
    assert sample.value == number


@pytest.mark.parametrize("value", ['"', "\\", "\n", "\\n", '\\"', "a,b={}", "π ≈ 3,14 🛰", "%", "%%", "{x}", " ", "#"])
@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_awkward_label_values_come_back_as_they_were(value: str, *, openmetrics: bool) -> None:
    owner = Owner((("target", value), ("probe", value * 2)), 1.5, 0, (), ())
    ((family,),) = [parsed(ours(page_of(FAMILIES[:1], [owner]), openmetrics=openmetrics), openmetrics=openmetrics)]
    (sample,) = family.samples
    assert sample.labels == {"target": value, "probe": value * 2}


def test_what_has_no_value_has_no_line_but_its_family_keeps_its_head() -> None:
    nobody = dataclasses.replace(OWNERS[0], gauge=None)
    assert ours(page_of(FAMILIES[:1], [nobody]), openmetrics=False) == (
        "# HELP a_gauge A gauge.\n# TYPE a_gauge gauge\n"
    )


def test_a_help_text_stays_on_its_line() -> None:
    family = dataclasses.replace(FAMILIES[0], help="one\ntwo \\ three")
    assert family.head(openmetrics=False).splitlines()[0] == b"# HELP a_gauge one\\ntwo \\\\ three"


def test_a_large_page_comes_in_pieces_and_says_how_many_samples_it_can_have() -> None:
    owners = [dataclasses.replace(OWNERS[0], labels=(("target", str(number)),)) for number in range(1000)]
    page = page_of(FAMILIES, owners)
    pieces = list(page.render(0.0, openmetrics=False))
    assert len(b"".join(pieces).splitlines()) == 1000 * (1 + 1 + 7 + 2) + 2 * len(FAMILIES)
    assert max(piece.count(b"\n") for piece in pieces) <= 2000
    assert len(pieces) >= 5
