"""A page in protobuf read back, by the field numbers of client_model's metrics.proto; any other is an error."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Sequence
from typing import Any

TYPES = ("counter", "gauge", "summary", "untyped", "histogram")
Wire = int | bytes
Key = tuple[str, frozenset[tuple[str, str]]]


@dataclasses.dataclass
class Native:
    """Native buckets, by their indexes."""

    schema: int
    zero_threshold: float
    zero_count: int
    buckets: dict[int, int]

    def bound(self, index: int) -> float:
        """Return the upper bound of a bucket."""
        return float(2.0 ** (index / 2**self.schema))


@dataclasses.dataclass
class Decoded:
    """A message Metric: its samples as the text formats have them, and what those cannot have."""

    samples: dict[Key, float]
    created: float | None = None
    native: Native | None = None


@dataclasses.dataclass
class DecodedFamily:
    name: str
    help: str
    kind: str
    metrics: list[Decoded]


def decoded(page: bytes) -> list[DecodedFamily]:
    """Return the families of a page."""
    families, at = [], 0
    while at < len(page):
        size, at = _varint(page, at)
        families.append(_family(page[at : at + size]))
        at += size
    assert at == len(page)
    return families


def samples_of(families: Sequence[DecodedFamily]) -> dict[Key, float]:
    """Return all samples; two of one identity are an error."""
    samples: dict[Key, float] = {}
    for family in families:
        for metric in family.metrics:
            assert samples.keys().isdisjoint(metric.samples)
            samples |= metric.samples
    return samples


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            assert shift <= 70, "longer than any parser reads"
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 1:
                yield key >> 3, data[at : at + 8]
                at += 8
            case 2:
                size, at = _varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size
            case _:
                raise ValueError(key)
    assert at == len(data)


def _once(data: bytes) -> dict[int, Any]:
    fields = list(_fields(data))
    assert len(fields) == len(dict(fields)), "a field that stands once stands twice"
    return dict(fields)


def _double(data: bytes) -> float:
    (value,) = struct.unpack("<d", data)
    return float(value)


def _signed(number: int) -> int:
    return number >> 1 if number % 2 == 0 else -(number + 1 >> 1)


def _family(data: bytes) -> DecodedFamily:
    head: dict[int, Any] = {}
    metrics: list[bytes] = []
    for field, value in _fields(data):
        if field == 4 and isinstance(value, bytes):
            metrics.append(value)
        else:
            assert field not in head
            head[field] = value
    assert head.keys() == {1, 2, 3}
    name, kind = head[1].decode(), TYPES[head[3]]
    return DecodedFamily(name, head[2].decode(), kind, [_metric(name, kind, metric) for metric in metrics])


def _metric(name: str, kind: str, data: bytes) -> Decoded:
    fields = list(_fields(data))
    labels = frozenset(_label(value) for field, value in fields if field == 1 and isinstance(value, bytes))
    ((field, value),) = [(field, value) for field, value in fields if field != 1]
    assert field == {"gauge": 2, "counter": 3, "summary": 4, "untyped": 5, "histogram": 7}[kind]
    assert isinstance(value, bytes)
    if kind == "histogram":
        return _histogram(name, labels, value)
    of = _once(value)
    if kind == "summary":
        assert of.keys() <= {1, 2, 4}
        return Decoded({(f"{name}_count", labels): of[1], (f"{name}_sum", labels): _double(of[2])}, _created(of.get(4)))
    assert of.keys() <= ({1, 3} if kind == "counter" else {1})
    return Decoded({(name, labels): _double(of[1])}, _created(of.get(3)))


def _label(data: bytes) -> tuple[str, str]:
    pair = _once(data)
    assert pair.keys() == {1, 2}
    return pair[1].decode(), pair[2].decode()


def _created(data: bytes | None) -> float | None:
    if data is None:
        return None
    time = _once(data)
    assert time.keys() <= {1, 2}
    return float(time[1] + time.get(2, 0) / 1e9)


def _histogram(name: str, labels: frozenset[tuple[str, str]], data: bytes) -> Decoded:
    repeated: dict[int, list[bytes]] = {3: [], 12: []}
    of: dict[int, Any] = {}
    for field, value in _fields(data):
        if field in repeated and isinstance(value, bytes):
            repeated[field].append(value)
        else:
            assert field not in of
            of[field] = value
    assert of.keys() <= {1, 2, 5, 6, 7, 13, 15}
    samples: dict[Key, float] = {(f"{name}_count", labels): of[1], (f"{name}_sum", labels): _double(of[2])}
    for bucket in repeated[3]:
        fields = _once(bucket)
        bound = repr(_double(fields[2]))
        samples[f"{name}_bucket", labels | {("le", bound)}] = fields[1]
    samples[f"{name}_bucket", labels | {("le", "+Inf")}] = of[1]
    native = _native(of, [_once(span) for span in repeated[12]]) if 5 in of else None
    return Decoded(samples, _created(of.get(15)), native)


def _native(of: dict[int, Any], spans: Sequence[dict[int, Any]]) -> Native:
    deltas, at = [], 0
    while at < len(of[13]):
        delta, at = _varint(of[13], at)
        deltas.append(_signed(delta))
    buckets: dict[int, int] = {}
    index = count = 0
    for span in spans:
        index += _signed(span[1])
        for _ in range(span[2]):
            count += deltas.pop(0)
            buckets[index] = count
            index += 1
    assert not deltas
    return Native(_signed(of[5]), _double(of[6]), of.get(7, 0), buckets)
