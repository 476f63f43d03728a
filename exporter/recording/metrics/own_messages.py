"""The families of ``prometheus_client`` in protobuf, which it does not write itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.samples import Sample

from exporter.recording.families import Labels
from exporter.recording.histogram_messages import HistogramWriter
from exporter.recording.messages import family_message
from exporter.recording.metric_messages import Behind, NumberWriter, labels_in_message

_OURS = "latency_exporter_"


def own_messages(families: Iterable[Metric], created: float) -> Iterator[bytes]:
    """Yield the messages; ``created`` is when this program began, since when its own families count."""
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        since = created if name.startswith(_OURS) else None
        write = _histograms if family.type == "histogram" else _numbers
        yield from family_message(name, family.type, family.documentation, list(write(family, since)))


def _numbers(family: Metric, created: float | None) -> Iterator[bytes]:
    for sample in family.samples:
        behind = Behind(family.type, created, labels_in_message(tuple(sample.labels.items())))
        one = NumberWriter(family.type, [b""], behind.in_value, len(behind.written))
        yield one.write((sample.value,), behind.written)


def _histograms(family: Metric, created: float | None) -> Iterator[bytes]:
    for labels, group in itertools.groupby(family.samples, _without_bound):
        samples = list(group)
        values = {sample.name.removeprefix(family.name): sample.value for sample in samples}
        buckets = [(float(sample.labels["le"]), int(sample.value)) for sample in samples if "le" in sample.labels]
        behind = Behind(family.type, created, labels_in_message(labels))
        one = HistogramWriter([bound for bound, _ in buckets[:-1]], behind.in_value)
        counts = (count for _, count in buckets)
        yield one.write((*counts, values["_sum"], values["_count"]), behind.written)


def _without_bound(sample: Sample) -> Labels:
    return tuple((name, value) for name, value in sample.labels.items() if name != "le")
