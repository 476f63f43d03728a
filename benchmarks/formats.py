"""``python -m benchmarks.formats``: a page as text and as protobuf, plain and by gzip; without root or network."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from collectors.contract import Facts
from collectors.replies import Exchange, Reply, RoundTrip
from collectors.terms import Clock, Phase
from exporter.recording.recorder import Recorder
from exporter.web.pages import in_blocks
from tests.exporter.pages import SameAddress, read

_TARGETS = 1000
_PROBES = {
    "icmp": "{protocol: icmp, interval: 5s, timeout: 4s}",
    "tcp": "{protocol: tcp, port: 9102}",
    "http": '{protocol: http, url: "http://{address}:9102/ping"}',
}
_ANSWERS = 200
"""Of each pair, about a log-normal distribution of its own: so a native histogram has some 20 buckets."""
_TIMES = 7
_Page = Callable[[], Iterator[bytes]]


def main() -> None:
    """Print a table, medians of seven pages: bytes and CPU of one, and those of protobuf as shares of the text's."""
    _write("| pairs | gzip | bytes, text | protobuf | share | CPU, text | protobuf | share |")
    _write("|---|---|---:|---:|---:|---:|---:|---:|")
    for probes in (("icmp",), ("tcp",), ("http",), tuple(_PROBES)):
        with tempfile.TemporaryDirectory() as folder:
            recorder = _filled(Path(folder), probes)
        for packed in (False, True):
            text, protobuf = (_figures(page, packed=packed) for page in (_text(recorder), recorder.messages))
            shares = [f"{theirs / ours:.2f}" for ours, theirs in zip(text, protobuf, strict=True)]
            _write(
                f"| {_TARGETS:,} {', '.join(probes)} | {'yes' if packed else 'no'} "
                f"| {text[0]:,} | {protobuf[0]:,} | {shares[0]} "
                f"| {text[1] * 1000:.1f} ms | {protobuf[1] * 1000:.1f} ms | {shares[1]} |"
            )


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _text(recorder: Recorder) -> _Page:
    return lambda: recorder.page(openmetrics=False)


def _filled(folder: Path, probes: tuple[str, ...]) -> Recorder:
    """Return a recorder that has had answers of every pair."""
    targets = "".join(
        f"  - {{name: wf{number:03}, address: wf{number:03}.example, location: wf{number:03}_usa, "
        f"datacenter: wf{number:03}, country: US}}\n"
        for number in range(_TARGETS + 1)
    )
    text = f"hosts:\n{targets}probes:\n" + "".join(f"  {name}: {_PROBES[name]}\n" for name in probes)
    fleet, host, pairs = read(folder / "fleet.yml", text, "wf000")
    recorder, facts, chance = Recorder("0", SameAddress()), Facts(hop_limit=57, status_code=200), random.Random(1)  # noqa: S311 - no secret
    recorder.configure(fleet, host, pairs)
    for pair in pairs:
        usual = chance.uniform(-6, -1)
        for _ in range(_ANSWERS):
            recorder.probe_ended(pair, facts, _answer(pair.protocol, chance.lognormvariate(usual, 0.3)))
    return recorder


def _answer(protocol: str, rtt: float) -> Reply:
    if protocol != "http":
        return RoundTrip(rtt=rtt, clock=Clock.KERNEL, egress_queue=None)
    phases = {Phase.CONNECT: rtt, Phase.PROCESSING: 1.1 * rtt, Phase.TRANSFER: rtt / 9}
    return Exchange(rtt=rtt, clock=Clock.KERNEL, response=1.1 * rtt, duration=3 * rtt, phases=phases)


def _figures(page: _Page, *, packed: bool) -> tuple[int, float]:
    """Return the bytes of a page and the CPU that it takes, in seconds."""
    sizes, spent = [], []
    for _ in range(_TIMES + 1):
        began = time.process_time()
        sizes.append(sum(map(len, asyncio.run(in_blocks(page(), packed=packed)))))
        spent.append(time.process_time() - began)
    return sizes[-1], statistics.median(spent[1:])  # the first page writes what all others share


if __name__ == "__main__":
    main()
