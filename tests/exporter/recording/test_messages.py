"""The page in protobuf against the page as text, and native buckets against the values that were observed."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.contract import DuplicateReply, Facts, LateReply, ProbeFailed
from collectors.replies import Exchange, Login, Query, Reply, RoundTrip
from collectors.terms import Clock, Phase, Reason
from exporter.fleet import Pair
from exporter.recording.exposition import Exposition
from exporter.recording.families import Family, bucket_samples
from exporter.recording.histogram import Histogram
from exporter.recording.native import NATIVE_BOUNDS
from tests.exporter.messages import Decoded, DecodedFamily, Key, Native, decoded, samples_of
from tests.exporter.pages import ANSWERS, DATABASE, SMALL, Small, Time
from tests.exporter.readings import N8N
from tests.exporter.samples import heads, parsed

BOUNDS = (0.001, 0.1, 1.0)
OF_THE_MOMENT = ("process_", "python_gc_")


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr("exporter.recording.recorder.time", time)
    monkeypatch.setattr("exporter.clock.time", time)
    return time


def messages(small: Small) -> list[DecodedFamily]:
    return decoded(b"".join(small.recorder.messages()))


def in_text(small: Small) -> dict[Key, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parsed(small.page(), openmetrics=False)
        for sample in family.samples
    }


def stay(samples: dict[Key, float]) -> dict[Key, float]:
    """Leave out what changes from one page to the next by itself."""
    return {key: value for key, value in samples.items() if not key[0].startswith(OF_THE_MOMENT)}


def answer(pair: Pair, chance: random.Random) -> Reply:
    took = chance.lognormvariate(-3, 2)
    clock = chance.choice(list(Clock))
    match pair.probe if pair.database else pair.protocol:
        case "http":
            phases = dict.fromkeys(chance.sample(list(Phase), 3), took / 3)
            return Exchange(rtt=took, clock=clock, response=2 * took, duration=3 * took, phases=phases)
        case "login":
            return Login(rtt=took, clock=clock, duration=3 * took, round_trips=chance.randrange(9), phases={})
        case "query":
            return Query(response=took, clock=clock)
        case "n8n":
            return ANSWERS["n8n"]
        case _:
            return RoundTrip(rtt=took, clock=clock, egress_queue=chance.choice([None, took / 1000]))


def live(small: Small, time: Time, chance: random.Random) -> None:
    """Let things happen to a fleet, as many as chance has it."""
    for _ in range(chance.randrange(400)):
        time.passed += chance.uniform(0, 2)
        pair = chance.choice(small.pairs)
        facts = Facts(hop_limit=chance.randrange(255), status_code=chance.choice([None, 200, 503]))
        if chance.random() < 0.2:
            small.recorder.probe_ended(pair, facts, ProbeFailed(chance.choice(list(Reason))))
        else:
            small.recorder.probe_ended(pair, facts, answer(pair, chance))
        small.recorder.started_late(chance.lognormvariate(-7, 2), chance.randrange(9))
        small.recorder.ping_received(chance.choice(["wf008", None]))
        small.recorder.request_answered("metrics", chance.choice([200, 500]), chance.random())
        aim = small.pair("wf008", "icmp").aim
        small.recorder.notice(LateReply(aim) if chance.random() < 0.5 else DuplicateReply(aim))


@pytest.mark.parametrize("seed", range(20))
def test_the_page_in_protobuf_says_what_the_text_says_value_by_value(tmp_path: Path, time: Time, seed: int) -> None:
    small = Small(tmp_path, SMALL + DATABASE + N8N)
    small.recorder.watch_names(["wf008"])
    live(small, time, random.Random(seed))
    assert stay(samples_of(messages(small))) == stay(in_text(small))
    if seed % 2:
        small.reload(SMALL.replace("[0.001, 0.1]", "[0.01, 0.2, 3]"))
        live(small, time, random.Random(-seed))
        assert stay(samples_of(messages(small))) == stay(in_text(small))


def test_families_have_the_names_types_and_helps_of_the_text_and_come_once_if_there_is_anything_in_them(
    tmp_path: Path, time: Time
) -> None:
    small = Small(tmp_path, SMALL + DATABASE + N8N)
    small.answer_all()
    families = messages(small)
    assert all(family.metrics for family in families)
    assert len({family.name for family in families}) == len(families)
    types = heads(small.page())
    assert {family.name: family.kind for family in families}.items() <= types.items()
    without = types.keys() - {family.name for family in families}
    assert not [name for name, _ in in_text(small) if name in without]
    helps = dict(line.split(" ", 3)[2:] for line in small.page().splitlines() if line.startswith("# HELP "))
    for family in families:
        assert helps[family.name] == family.help.replace("\\", "\\\\").replace("\n", "\\n")


def test_what_counts_says_since_when_and_a_reload_changes_that_only_for_what_begins_anew(
    tmp_path: Path, time: Time
) -> None:
    small = Small(tmp_path)
    began = time.time()
    assert created_of(small, "network_latency_probes_total") == {"wf008": began, "grafana": began}
    time.passed += 100
    small.reload(SMALL.replace("[0.001, 0.1]", "[0.5]").replace("grafana,", "other,"))
    assert created_of(small, "network_latency_probes_total") == {"wf008": began, "other": began + 100}
    assert created_of(small, "network_latency_phase_seconds") == {"wf008": began, "other": began + 100}
    assert created_of(small, "network_latency_rtt_distribution_seconds") == dict.fromkeys(
        ("wf008", "other"), began + 100
    )
    assert created_of(small, "network_latency_probe_success") == {}
    own = {family.name: family.metrics[0].created for family in messages(small) if family.kind != "gauge"}
    assert own["latency_exporter_probes_skipped_total"] == own["latency_exporter_probe_lateness_seconds"] == began
    assert own["network_latency_pings_received_total"] == began


def created_of(small: Small, name: str) -> dict[str, float]:
    metrics = [metric for family in messages(small) if family.name == name for metric in family.metrics]
    return {dict(next(iter(m.samples))[1])["target"]: m.created for m in metrics if m.created is not None}


def test_a_page_is_of_the_moment_at_which_it_began_though_others_run_between_its_pieces(
    tmp_path: Path, time: Time
) -> None:
    small = Small(tmp_path, SMALL + DATABASE + N8N)
    small.answer_all()
    before = stay(in_text(small))
    pieces = small.recorder.messages()
    begun = [next(pieces)]
    small.answer_all()
    of_pairs = samples_of(decoded(b"".join([*begun, *pieces])))
    for (name, labels), value in before.items():
        if not name.startswith("latency_exporter_"):
            assert of_pairs[name, labels] == value, name


def test_a_reload_in_the_middle_of_a_page_does_not_change_the_page(tmp_path: Path, time: Time) -> None:
    small = Small(tmp_path)
    small.answer_all()
    before = stay(in_text(small))
    pieces = small.recorder.messages()
    begun = [next(pieces)]
    small.reload(SMALL.replace("[0.001, 0.1]", "[0.5]").replace("grafana,", "other,"))
    small.answer_all()
    of_pairs = samples_of(decoded(b"".join([*begun, *pieces])))
    measured = {key: value for key, value in before.items() if "probe" in dict(key[1])}
    assert {key: of_pairs.get(key) for key in measured} == measured
    assert not [key for key in of_pairs if ("target", "other") in key[1] and "probe" in dict(key[1])]


# Native buckets


def of(values: Iterable[float], times: int = 1) -> Decoded:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value, times)
    family = Family(
        "a_seconds", "histogram", "A.", lambda _: bucket_samples(BOUNDS), lambda _s, _n: (), lambda state: state
    )
    page = Exposition([family])
    page.add(None, (("target", "100 %"),), histogram)
    ((metric,),) = [family.metrics for family in decoded(b"".join(page.messages(0.0)))]
    return metric


def native_of(values: Iterable[float], times: int = 1) -> Native:
    native = of(values, times).native
    assert native
    return native


@given(st.lists(st.floats(min_value=0, max_value=1e6)), st.integers(1, 1 << 40))
def test_each_value_is_counted_in_the_bucket_whose_bounds_it_lies_between(values: list[float], times: int) -> None:
    native = native_of(values, times)
    assert native.zero_count == times * sum(value <= native.zero_threshold for value in values)
    assert sum(native.buckets.values()) + native.zero_count == times * len(values)
    assert all(native.buckets.values())
    exact = Counter(math.ceil(round(math.log2(value) * 8, 9)) for value in values if value > native.zero_threshold)
    if native.schema == 3:
        assert native.buckets == {index: times * count for index, count in exact.items()}


@pytest.mark.parametrize("power", range(-29, 20))
def test_a_bound_belongs_to_the_bucket_that_ends_there_and_what_is_just_above_to_the_next(power: int) -> None:
    assert native_of([2.0**power]).buckets == {8 * power: 1}
    assert native_of([math.nextafter(2.0**power, math.inf)]).buckets == {8 * power + 1: 1}


def test_the_bounds_grow_by_an_eighth_of_an_octave() -> None:
    assert NATIVE_BOUNDS[0] == 2.0**-30
    for index, bound in enumerate(NATIVE_BOUNDS):
        assert bound == pytest.approx(2.0 ** (index / 8 - 30), rel=1e-15)


def test_without_observations_it_is_a_native_histogram_all_the_same() -> None:
    assert native_of([]) == Native(schema=3, zero_threshold=2.0**-30, zero_count=0, buckets={})
    assert native_of([0.0]).zero_count == 1


def test_beyond_160_buckets_each_two_become_one() -> None:
    values = [math.sqrt(low * high) for low, high in pairwise(NATIVE_BOUNDS)]
    fine, coarse = native_of(values[:160]), native_of([0.0, *values[:161], values[0]])
    assert (fine.schema, len(fine.buckets)) == (3, 160)
    assert (coarse.schema, coarse.zero_count) == (2, 1)
    assert len(coarse.buckets) <= 81
    assert sum(coarse.buckets.values()) == 162
    expected: Counter[int] = Counter()
    for value in [*values[:161], values[0]]:
        expected[math.ceil(math.log2(value) * 4)] += 1
    assert coarse.buckets == dict(expected)


@pytest.mark.parametrize(
    "times", [1, 127, 128, (1 << 14) - 1, 1 << 14, 1 << 21, (1 << 27) - 1, 1 << 27, 1 << 28, 1 << 35]
)
def test_counts_of_any_size_come_back_as_they_were(times: int) -> None:
    values = [0.0005, 0.05, 0.0505, 0.5, 5.0]
    metric = of(values, times)
    assert metric.native
    places = Counter(bisect_left(NATIVE_BOUNDS, value) - 240 for value in values)
    assert metric.native.buckets == {index: times * count for index, count in places.items()}
    by_bound = {dict(labels).get("le"): count for (_, labels), count in metric.samples.items()}
    assert [by_bound[bound] for bound in ("0.001", "0.1", "1.0", "+Inf")] == [n * times for n in (1, 3, 4, 5)]


def test_what_is_counted_later_fills_gaps_between_rows_of_buckets() -> None:
    histogram = Histogram(BOUNDS)
    family = Family("a", "histogram", "A.", lambda _: bucket_samples(BOUNDS), lambda _s, _n: (), lambda state: state)
    page = Exposition([family])
    page.add(None, (), histogram)
    for value, indexes in ((1.0, [0]), (4.0, [0, 16]), (1.09, [0, 1, 16]), (0.5, [-8, 0, 1, 16])):
        histogram.observe(value)
        ((metric,),) = [family.metrics for family in decoded(b"".join(page.messages(0.0)))]
        assert metric.native
        assert list(metric.native.buckets) == indexes


def test_histograms_that_are_written_together_come_back_each_as_its_own() -> None:
    middles = [math.sqrt(low * high) for low, high in pairwise(NATIVE_BOUNDS)]
    values: list[list[float]] = [[], [0.0], [0.05] * 300, middles[:161], [0.0, 1.0, 2.0e6], [0.002, 3600.0]]
    for times in (1, 1 << 27, 1 << 40):
        histograms = [filled(*few, times=times if number == 2 else 1) for number, few in enumerate(values)]
        for number, histogram in enumerate(histograms):  # counted before the clock was set, and after
            histogram.created = 1.5 * (number % 2) + 2.0e9 * (number % 3)
        together = written(histograms)
        assert [metric.created for metric in together] == pytest.approx([one.created for one in histograms], abs=1e-6)
        alone = [written([histogram])[0] for histogram in histograms]
        assert [(m.native, sorted(m.samples.values())) for m in together] == [
            (m.native, sorted(m.samples.values())) for m in alone
        ]
        assert [m.native.schema for m in together if m.native] == [3, 3, 3, 2, 3, 3]


def filled(*values: float, times: int) -> Histogram:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value, times)
    return histogram


def written(histograms: Sequence[Histogram]) -> list[Decoded]:
    family = Family("a", "histogram", "A.", lambda _: bucket_samples(BOUNDS), lambda _s, _n: (), lambda state: state)
    page = Exposition([family])
    for number, histogram in enumerate(histograms):
        page.add(None, (("target", "a" * number),), histogram)
    ((*metrics,),) = [family.metrics for family in decoded(b"".join(page.messages(0.0)))]
    return metrics
