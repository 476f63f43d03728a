"""Every metric name, help, label and bucket, in one place; ``exporter.recording.recorder`` puts in what happened."""

from exporter.recording.metrics.databases import DATABASE_LABELS, DatabaseSeries, database_families
from exporter.recording.metrics.network import PAIR_LABELS, network_families
from exporter.recording.metrics.own import (
    EGRESS_QUEUE_BUCKETS,
    HANDLERS,
    LATENESS_BUCKETS,
    PEER_LABELS,
    REQUEST_BUCKETS,
    SELF_LABELS,
    OwnMetrics,
    ProbeCounts,
    own_families,
    ping_families,
)
from exporter.recording.metrics.pairs import ensure_recorded, labels_of, series_of

__all__ = [
    "DATABASE_LABELS",
    "EGRESS_QUEUE_BUCKETS",
    "HANDLERS",
    "LATENESS_BUCKETS",
    "PAIR_LABELS",
    "PEER_LABELS",
    "REQUEST_BUCKETS",
    "SELF_LABELS",
    "DatabaseSeries",
    "OwnMetrics",
    "ProbeCounts",
    "database_families",
    "ensure_recorded",
    "labels_of",
    "network_families",
    "own_families",
    "ping_families",
    "series_of",
]
