"""A fleet and its faults as series, for promtool: what Prometheus has of them, scrape by scrape."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.fleet.ring import dealt

STEP = 15
"""Seconds between two scrapes, as in the example configuration."""
INTERVALS = {"icmp": 5, "tcp": 15, "http": 15}
"""Seconds between two probes of a path, by protocol."""
PROBES = {"icmp": "icmp", "tcp": "tcp", "http": "ping"}
"""What the probes are called in the example of a fleet file."""
SYNS = 4
"""How often a handshake is tried within the timeout of 10 s: after 0, 1, 3 and 7 s."""
REASONS = ("timeout", "unreachable", "local")
"""Of those that are always there, the ones that the rules add up; others make the same sums, and more work."""
QUERY, LOGIN = 15, 60
"""Seconds between two queries to a database, and between two logins."""
ROUND_TRIP = {True: 0.001, False: 0.080}
"""Seconds, within a datacenter and between two."""

Series = dict[str, str]
"""Name and labels -> values in promtool's notation."""


@dataclass(frozen=True)
class Fault:
    """What is broken from one second until another; paths are told by source and target."""

    begins: float
    ends: float
    loses: Callable[[str, str], float] = lambda _source, _target: 0.0
    """The share of all packets that gets lost on a path, there or back."""
    loses_flows: Callable[[str, str], float] = lambda _source, _target: 0.0
    """The share of handshakes of which every SYN gets lost, while ICMP does not."""
    loses_icmp: Callable[[str, str], bool] = lambda _source, _target: False
    """Whether all ICMP of a path gets lost."""
    slows: Callable[[str, str], float] = lambda _source, _target: 1.0
    unscraped: frozenset[str] = frozenset()
    """Hosts of which Prometheus gets nothing."""
    hanging: frozenset[str] = frozenset()
    """Exporters that accept connections and do no more; Prometheus gets nothing of them either."""
    late: frozenset[str] = frozenset()
    """Exporters that start all probes late."""
    skipping: frozenset[str] = frozenset()
    """Exporters that leave out as many probes as they send."""
    restarted: frozenset[str] = frozenset()
    """Exporters whose counters begin anew when the fault begins."""
    families: frozenset[str] = frozenset({"ipv4", "ipv6"})
    """Whose packets get lost or are slow."""
    databases: Mapping[str, str] = field(default_factory=dict)
    """Database -> the reason for which its logins and queries fail."""
    logins: Mapping[str, str] = field(default_factory=dict)
    """Database -> the reason for which its logins alone fail."""


@dataclass(frozen=True)
class Noise:
    """What a real path does every day."""

    loss: float = 0.0
    jitter: float = 0.0
    """Seconds, at most, added to a round trip."""
    swing: float = 0.0
    """How much longer a round trip is at the worst hour than at the best."""
    seed: int = 0


@dataclass(frozen=True)
class Fleet:
    """Hosts, each with its datacenter, that probe each other from second 0 to the end: all, or a sample."""

    datacenters: Mapping[str, str]
    seconds: int
    faults: tuple[Fault, ...] = ()
    noise: Noise = field(default_factory=Noise)
    protocols: tuple[str, ...] = ("icmp", "tcp", "http")
    step: int = STEP
    """Seconds between two scrapes."""
    starts: int = 0
    """The second before which there is nothing."""
    maintenance: Mapping[str, int] = field(default_factory=dict)
    """Host -> the second until which it is in maintenance, as every exporter says."""
    families: tuple[str, ...] = ("ipv4",)
    without_exporter: frozenset[str] = frozenset()
    """Hosts, or endpoints, that are only probed, and by ICMP alone."""
    by_http: frozenset[str] = frozenset()
    """Endpoints that are only probed, and by HTTP alone."""
    databases: Mapping[str, str] = field(default_factory=dict)
    """Database -> the host on which it is; every host with an exporter measures it."""
    sample: tuple[int, int] | None = None
    """How many hosts each probes, within its datacenter and of each other one; None: all."""

    def series(self) -> Series:
        """Return all series of all hosts, and what Prometheus itself knows of them."""
        pages: Series = {}
        for source in filter(self.has_exporter, self.datacenters):
            pages |= self._own(source)
            for target, family in itertools.product(self.targets(source), self.families):
                pages |= self._path(source, target, family)
            for database, target in self.databases.items():
                pages |= self._database(source, database, target)
        return pages

    def targets(self, source: str) -> list[str]:
        """List the hosts that a host probes."""
        if self.sample is None:
            return [target for target in self.datacenters if target != source]
        sources = [host for host in self._beside(source) if self.has_exporter(host)]
        targets: list[str] = []
        for datacenter in dict.fromkeys(self.datacenters.values()):
            there = [host for host, name in self.datacenters.items() if name == datacenter]
            within = datacenter == self.datacenters[source]
            targets += dealt(sources, there, self.sample[not within], within=within)[source]
        return targets

    def _beside(self, host: str) -> list[str]:
        return [other for other, name in self.datacenters.items() if name == self.datacenters[host]]

    @property
    def _times(self) -> range:
        return range(0, self.seconds + self.step, self.step)

    def _at(self, time: float) -> list[Fault]:
        return [fault for fault in self.faults if fault.begins <= time < fault.ends]

    def has_exporter(self, host: str) -> bool:
        return host not in self.without_exporter | self.by_http

    def protocols_toward(self, target: str) -> tuple[str, ...]:
        if target in self.by_http:
            return ("http",)
        return self.protocols if self.has_exporter(target) else ("icmp",)

    def _is_scraped(self, host: str, time: float) -> bool:
        return not any(host in fault.unscraped | fault.hanging for fault in self._at(time))

    def _labels(self, source: str) -> str:
        return f'job="latency", instance="{source}", host="{source}", source="{source}"{self._place("source", source)}'

    def _place(self, end: str, host: str) -> str:
        """Return the labels of a host's place; an empty one has none."""
        datacenter = self.datacenters[host]
        return datacenter and f', {end}_location="{datacenter}_x", {end}_datacenter="{datacenter}"'

    def _own(self, host: str) -> Series:
        labels = self._labels(host)
        steady = {
            f'latency_exporter_build_info{{{labels}, version="1"}}': 1,
            f"latency_exporter_config_hash{{{labels}}}": 7,
            f"latency_exporter_config_last_reload_successful{{{labels}}}": 1,
            f'latency_exporter_self_info{{{labels}, self="{host}"}}': 1,
            f'latency_exporter_pairs{{{labels}, protocol="icmp"}}': len(self.datacenters) - 1,
        }
        for target, until in self.maintenance.items():
            steady[f'latency_exporter_maintenance_until_timestamp_seconds{{{labels}, target="{target}"}}'] = until
        pages = {name: self._written(host, [float(value)] * len(self._times)) for name, value in steady.items()}
        ups = [float(self._is_scraped(host, time)) if time >= self.starts else None for time in self._times]
        pages[f"up{{{labels}}}"] = notation(ups)
        sent = [True] * len(self._times)
        in_time = [not any(host in fault.late for fault in self._at(time)) for time in self._times]
        skipped = [any(host in fault.skipping for fault in self._at(time)) for time in self._times]
        counts = {"probe_lateness_seconds_count": sent, "probes_skipped_total": skipped}
        for name, counted in counts.items():
            pages[f"latency_exporter_{name}{{{labels}}}"] = self._probes(host, counted)
        for bound, counted in (("0.001", in_time), ("0.1", in_time), ("1", sent), ("+Inf", sent)):
            name = f'latency_exporter_probe_lateness_seconds_bucket{{{labels}, le="{bound}"}}'
            pages[name] = self._probes(host, counted)
        return pages

    def _probes(self, host: str, counted: Sequence[bool]) -> str:
        """Count all probes of the steps that count; the first step is the start and has none."""
        totals = itertools.accumulate((float(self.step // 3 * counts) for counts in counted[1:]), initial=0.0)
        return self._written(host, self._counted(host, list(totals)))

    def _path(self, source: str, target: str, family: str) -> Series:
        """Return what all probes of a path meet."""
        chance = random.Random(f"{self.noise.seed} {source} {target}")
        path = f'{self._labels(source)}, target="{target}"{self._place("target", target)}, ip_family="{family}"'
        pages: Series = {}
        for protocol in self.protocols_toward(target):
            pair = f'{path}, probe="{PROBES[protocol]}", protocol="{protocol}"'
            meets = [self.meets(source, target, protocol, family, time) for time in self._times]
            pages |= self._counters(source, protocol, meets, pair, chance)
            trips = [
                self._round_trip(source, target, time, chance) if lost < 0.9 else None
                for time, (lost, _, _) in zip(self._times, meets, strict=True)
            ]
            pages[f"network_latency_rtt_seconds{{{pair}}}"] = self._written(source, trips)
        return pages

    def _database(self, source: str, database: str, target: str) -> Series:
        """Return what the queries and logins of a host meet at a database."""
        place = self._place("target", target)
        labels = f'{self._labels(source)}, database="{database}", db_type="postgresql", target="{target}"{place}'
        chance = random.Random(f"{self.noise.seed} {source} {database}")
        pages: Series = {}
        for mode, interval in (("warm", QUERY), ("cold", LOGIN)):
            due = [time % interval == 0 and time > 0 for time in self._times]
            met = [self.meets_at_database(source, database, mode, time, chance) for time in self._times]
            counts = {f'probes_total{{{labels}, mode="{mode}"}}': due}
            for reason in {"timeout", "local", *filter(None, met)}:
                failed = [now and why == reason for now, why in zip(due, met, strict=True)]
                counts[f'probe_failures_total{{{labels}, mode="{mode}", reason="{reason}"}}'] = failed
            for name, happened in counts.items():
                totals = [float(total) for total in itertools.accumulate(happened)]
                pages[f"database_{name}"] = self._written(source, self._counted(source, totals))
        return pages

    def meets_at_database(
        self, source: str, database: str, mode: str, time: float, chance: random.Random
    ) -> str | None:
        """Return why a login or query fails; None where it does not."""
        now = self._at(time)
        reasons = [fault.databases.get(database) for fault in now]
        reasons += [fault.logins.get(database) for fault in now if mode == "cold"]
        target = self.databases[database]
        if any(fault.loses(source, target) >= 0.9 for fault in now):
            reasons.append("timeout")
        if mode == "cold" and any(chance.random() < fault.loses_flows(source, target) for fault in now):
            reasons.append("timeout")
        return next(filter(None, reasons), None)

    def _counters(
        self,
        source: str,
        protocol: str,
        meets: Sequence[tuple[float, float, bool]],
        pair: str,
        chance: random.Random,
    ) -> Series:
        """Count what the probes of a pair meet, step by step."""
        often = self.step // INTERVALS[protocol]
        outcome = _Counting(chance if self.noise.loss else None)
        for one in meets:
            outcome.step(protocol, often, *one)
        nothing = [0.0] * len(self._times)
        counts = {f"probes_total{{{pair}}}": [float(often * step) for step in range(len(self._times))]}
        for reason in REASONS:
            failed = outcome.timeouts if reason == "timeout" else nothing
            counts[f'probe_failures_total{{{pair}, reason="{reason}"}}'] = failed
        if protocol != "icmp":
            counts[f"retransmitted_handshakes_total{{{pair}}}"] = outcome.retransmitted
        return {
            f"network_latency_{name}": self._written(source, self._counted(source, values))
            for name, values in counts.items()
        }

    def meets(self, source: str, target: str, protocol: str, family: str, time: float) -> tuple[float, float, bool]:
        """Return the shares of packets and of flows that get lost, and whether the peer's program hangs."""
        now = [fault for fault in self._at(time) if family in fault.families]
        lost = max([self.noise.loss, *(fault.loses(source, target) for fault in now)])
        if protocol == "icmp" and any(fault.loses_icmp(source, target) for fault in now):
            lost = 1.0
        flows = max([0.0, *(fault.loses_flows(source, target) for fault in now)])
        return lost, flows, protocol == "http" and any(target in fault.hanging for fault in now)

    def _round_trip(self, source: str, target: str, time: float, chance: random.Random) -> float:
        usual = ROUND_TRIP[self.datacenters[source] == self.datacenters[target]]
        for fault in self._at(time):
            usual *= fault.slows(source, target)
        hour = abs((time / 3600) % 24 - 12) / 12
        jitter = self.noise.jitter * chance.random() if self.noise.jitter else 0.0
        return round(usual * (1 + self.noise.swing * hour) + jitter, 4)

    def _counted(self, source: str, totals: list[float]) -> list[float]:
        """Let counters begin anew when an exporter is started again."""
        for fault in self.faults:
            if source in fault.restarted:
                first = int(fault.begins // self.step)
                totals = [value - (totals[first - 1] if step >= first else 0) for step, value in enumerate(totals)]
        return totals

    def _written(self, host: str, values: Iterable[float | None]) -> str:
        """Leave out what Prometheus cannot scrape."""
        scraped = (time >= self.starts and self._is_scraped(host, time) for time in self._times)
        return notation([value if there else None for value, there in zip(values, scraped, strict=True)])


class _Counting:
    """Counters of one pair; without chance, of a share exactly that much is lost."""

    def __init__(self, chance: random.Random | None) -> None:
        self._chance = chance
        self._rest = {"packets": 0.0, "flows": 0.0, "given up": 0.0}
        self.timeouts: list[float] = []
        self.retransmitted: list[float] = []

    def step(self, protocol: str, often: int, lost: float, flows: float, hangs: bool) -> None:
        """Add what comes of so many probes; the first step is the start and has none."""
        if not self.timeouts:
            self.timeouts, self.retransmitted = [0.0], [0.0]
            return
        timeouts, again = 0, 0
        if protocol == "icmp":
            timeouts = self._share("packets", often, lost)
        else:
            dead = self._share("flows", often, flows)
            again = min(often, dead + self._share("packets", often, lost))
            timeouts = min(often, dead + self._share("given up", often, lost**SYNS))
        self.timeouts.append(self.timeouts[-1] + (often if hangs else timeouts))
        self.retransmitted.append(self.retransmitted[-1] + again)

    def _share(self, what: str, often: int, share: float) -> int:
        if self._chance is not None:
            return sum(self._chance.random() < share for _ in range(often))
        self._rest[what] += often * share
        whole = int(self._rest[what] + 1e-9)
        self._rest[what] -= whole
        return whole


def notation(values: Sequence[float | None]) -> str:
    """Write values as promtool reads them, with runs of equal steps in one word each; None is a missing sample."""
    words: list[str] = []
    at = 0
    while at < len(values):
        first, end = values[at], at + 1
        if first is None:
            while end < len(values) and values[end] is None:
                end += 1
            words += ["stale" if at else "_", *([f"_x{end - at - 1}"] if end - at > 1 else [])]
        else:
            end, step = _run(values, at, first)
            words.append(f"{first:g}{step:+g}x{end - at - 1}" if end - at > 1 else f"{first:.15g}")
        at = end
    return " ".join(words)


def _run(values: Sequence[float | None], at: int, first: float) -> tuple[int, float]:
    """Return where a run of equal steps ends, and the step; only whole numbers go up or down."""
    following = values[at + 1] if at + 1 < len(values) else None
    if following is None or (following != first and not (first.is_integer() and following.is_integer())):
        return at + 1, 0.0
    step, end = following - first, at + 1
    while end < len(values) and (value := values[end]) is not None and value == first + step * (end - at):
        end += 1
    return end, step
