"""Whether one probe fails alike toward most hosts that answer others: then what all have in common is to blame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collectors.target import Gives
from exporter.overview.beside import Suspect, SuspectKind
from exporter.overview.pair_now import PairNow

_SEVERAL = 2
"""A probe has to fail alike toward so many hosts."""


class AlikeFailures:
    """Counts toward how many hosts each probe goes, and toward how many it fails in which way."""

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, str]] = Counter()
        self._alike: Counter[tuple[str, str, str, bool]] = Counter()
        self._echoes: set[str] = set()
        """The ICMP probes, for whose failures no program is to blame."""

    def add(self, seen: PairNow, *, answers: bool) -> None:
        """Count a pair; ``answers``: the host answers other probes."""
        self._asked[seen.probe, seen.ip_family] += 1
        if Gives.ICMP_ECHO in seen.gives:
            self._echoes.add(seen.probe)
        if seen.reason is not None and answers:
            self._alike[seen.probe, seen.ip_family, seen.reason, seen.silent] += 1

    def of(self, seen: PairNow) -> str:
        """Write that the probe fails in the same way toward other hosts; empty if it does not."""
        return "" if seen.reason is None else self._in_words(seen.probe, seen.ip_family, seen.reason, seen.silent)

    def __iter__(self) -> Iterator[Suspect]:
        for probe, family, reason, silent in self._alike:
            if words := self._in_words(probe, family, reason, silent):
                how = "no answer" if silent else reason
                yield Suspect(SuspectKind.PROBE, f"{probe} ({how})", words)

    def _in_words(self, probe: str, family: str, reason: str, silent: bool) -> str:  # noqa: FBT001 - part of a key
        alike, asked = self._alike[probe, family, reason, silent], self._asked[probe, family]
        if alike < _SEVERAL or 2 * alike <= asked:
            return ""
        hosts = f"all {alike}" if alike == asked else f"{alike} of {asked}"
        common = "firewall" if probe in self._echoes else "firewall or proxy, or that program everywhere"
        return f"fails alike toward {hosts} hosts: this host's {common}"
