"""The labels of a pair's series, how many they are, and whether there are any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.n8n.target import N8nTarget
from collectors.target import Gives
from collectors.terms import Reason
from exporter.fleet import LOGIN, PROTOCOLS, QUERY, BadFile, Fleet, Pair
from exporter.recording.families import Family, Labels
from exporter.recording.metrics.databases import DATABASE_LABELS, database_families
from exporter.recording.metrics.n8n import N8N_LABELS
from exporter.recording.metrics.n8n_series import n8n_series
from exporter.recording.metrics.network import PAIR_LABELS, network_families

_COUNTED = {"network_latency_probes_total", "network_latency_probe_failures_total"}
"""The families of every pair that is no database, whatever it measures."""


def labels_of(pair: Pair) -> Labels:
    """Return the labels of a pair's series; a database's two pairs have the same."""
    if Gives.READING in pair.aim.gives:
        return tuple(zip(N8N_LABELS, (pair.name,), strict=True))
    database, *values = pair.identity
    if database:
        values = [database, pair.protocol, *values[:4]]
    return tuple(zip(DATABASE_LABELS if database else PAIR_LABELS, values, strict=True))


def series_of(pair: Pair, buckets: Sequence[float], *, native: bool = False) -> int:
    """Return how many series a pair costs at most, a native histogram one; a database's are counted with its logins."""
    if isinstance(pair.aim, N8nTarget):
        return n8n_series(pair.aim)
    if pair.database:
        families: Iterable[Family] = database_families(buckets) if pair.probe == LOGIN else ()
    else:
        families = network_families(buckets)
    return sum(
        min(samples, 1) if native and family.histogram else samples
        for family in families
        for samples in (len(list(family.samples(pair))),)
    )


def ensure_recorded(fleet: Fleet, pairs: Iterable[Pair]) -> None:
    """Raise BadFile with a problem for each kind of probe whose pairs would have no series, or could not be counted."""
    kinds = {(pair.protocol, pair.probe if pair.database else ""): pair for pair in pairs}
    unknown = [pair for pair in kinds.values() if not _is_recorded(pair)]
    if unknown:
        raise BadFile(
            fleet.problem(
                ("probes", pair.probe, "protocol") if pair.probe in fleet.probes else (),
                f"a probe of protocol {pair.protocol!r} would run without metrics, which is a fault of this program: "
                "leave it out until exporter/recording/metrics knows the protocol",
            )
            for pair in unknown
        )


def _is_recorded(pair: Pair) -> bool:
    if pair.protocol not in PROTOCOLS or Reason.LOCAL not in pair.aim.reasons:
        return False
    if pair.database:
        return pair.probe in {LOGIN, QUERY}
    if Gives.READING in pair.aim.gives:
        return isinstance(pair.aim, N8nTarget)
    return {family.name for family in network_families(()) if list(family.samples(pair))} >= _COUNTED
