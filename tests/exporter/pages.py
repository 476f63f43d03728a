"""A small fleet, and what its recorder shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Exchange, Login, Query, Reply, RoundTrip
from collectors.terms import Clock, Phase, Reason
from exporter.fleet import Fleet, Host, Pair, load, pairs_of, who_am_i
from exporter.probing import NameAndFamily
from exporter.recording.moves import Choice
from exporter.recording.recorder import Recorder
from tests.exporter.readings import reading
from tests.exporter.samples import Samples

SMALL = """\
defaults: {buckets: [0.001, 0.1]}
hosts:
  - {name: wf001, address: 192.0.2.1, location: wf001_usa, datacenter: wf001, country: US}
  - {name: wf008, address: wf008.example, location: wf008_brazil, datacenter: wf008, country: BR}
probes:
  icmp: {protocol: icmp, interval: 5s, timeout: 4s}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping"}
endpoints:
  - {name: grafana, probe: {protocol: http, url: "https://grafana.example/api/health"}, location: wfdb01_usa}
"""

EXCHANGE = Exchange(
    rtt=0.0625,
    clock=Clock.KERNEL,
    response=0.078125,
    duration=0.25,
    phases={Phase.DNS: 0.03125, Phase.CONNECT: 0.0625, Phase.PROCESSING: 0.078125, Phase.TRANSFER: 0.015625},
)
ANSWERS: Mapping[str, Reply] = {
    "icmp": RoundTrip(rtt=0.05, clock=Clock.KERNEL, egress_queue=2e-6),
    "tcp": RoundTrip(rtt=0.06, clock=Clock.KERNEL, phases={Phase.CONNECT: 0.06}),
    "http": EXCHANGE,
    "login": Login(
        rtt=0.0625,
        clock=Clock.KERNEL,
        duration=0.5,
        round_trips=6,
        phases={Phase.CONNECT: 0.0625, Phase.TLS: 0.125, Phase.AUTH: 0.3125, Phase.QUERY: 0.0625},
    ),
    "query": Query(response=0.125, clock=Clock.KERNEL),
    "n8n": reading(),
}
"""One good answer per protocol, or probe of a database; those of http are exact in binary, so that sums are too."""
DATABASE = """\
databases:
  - {name: n8n-postgres, type: postgresql, host: wf008, user: monitor, dbname: n8n, tls: require}
"""
TIMEOUT = ProbeFailed(Reason.TIMEOUT)


@dataclasses.dataclass
class Time:
    """Stands where ``exporter.recording.recorder`` has the module ``time``."""

    passed: float = 1000.0

    def monotonic(self) -> float:
        return self.passed

    def time(self) -> float:
        return 1_700_000_000.0 + self.passed


class SameAddress:
    """Chooses no other address, whoever answers."""

    def unreached(self, _name: NameAndFamily, _address: str) -> None: ...
    def reached(self, _name: NameAndFamily, _address: str) -> None: ...


class Small:
    """A recorder, configured with a fleet as one of its hosts sees it."""

    def __init__(self, folder: Path, text: str = SMALL, host: str = "wf001", choice: Choice | None = None) -> None:
        self._file, self._host = folder / "fleet.yml", host
        self.recorder = Recorder("1.2.3", choice or SameAddress())
        self.reload(text)

    def reload(self, text: str) -> None:
        """Take another fleet; pairs that are the same stay the same objects, as in the program."""
        before: Iterable[Pair] = self.__dict__.get("pairs", ())
        unchanged = {pair: pair for pair in before}
        self.fleet, self.host, pairs = read(self._file, text, self._host)
        self.pairs = tuple(unchanged.get(pair, pair) for pair in pairs)
        self.recorder.configure(self.fleet, self.host, self.pairs)

    def pair(self, target: str, probe: str) -> Pair:
        (one,) = (pair for pair in self.pairs if (pair.target, pair.probe) == (target, probe))
        return one

    def decide(self, target: str, probe: str, outcome: Reply | ProbeFailed, facts: Facts | None = None) -> None:
        self.recorder.probe_ended(self.pair(target, probe), facts or Facts(), outcome)

    def answer_all(self) -> None:
        """Let every pair have one good answer and all the facts that there can be."""
        facts = Facts(
            hop_limit=57,
            status_code=200,
            certificate_not_before=1.8e9,
            certificate_expiry=1.9e9,
            peer_processing=0.0001,
        )
        for pair in self.pairs:
            self.recorder.probe_ended(pair, facts, ANSWERS[pair.probe if pair.database else pair.protocol])

    def page(self, *, openmetrics: bool = False) -> str:
        return b"".join(self.recorder.page(openmetrics=openmetrics)).decode()

    def samples(self) -> Samples:
        return Samples(self.page())


def read(file: Path, text: str, host: str) -> tuple[Fleet, Host, tuple[Pair, ...]]:
    """Read a fleet file with this text, as that host."""
    file.write_text(text)
    fleet = load(file)
    me = who_am_i(fleet, flag=host, environ={}, hostname="")
    return fleet, me, pairs_of(fleet, me, {})
