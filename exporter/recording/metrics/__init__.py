"""Every metric name, help, label and bucket, in one place; ``exporter.recording.recorder`` puts in what happened."""

from exporter.recording.metrics.counts import (
    EGRESS_QUEUE_BUCKETS,
    LATENESS_BUCKETS,
    PEER_LABELS,
    ProbeCounts,
    lookup_families,
    ping_families,
    probe_families,
)
from exporter.recording.metrics.databases import DATABASE_LABELS, DatabaseSeries, database_families
from exporter.recording.metrics.discovery import DiscoveryMetrics
from exporter.recording.metrics.n8n import N8N_FAMILIES, N8N_LABELS
from exporter.recording.metrics.network import PAIR_LABELS, network_families
from exporter.recording.metrics.own import HANDLERS, REQUEST_BUCKETS, OwnMetrics, host_labels
from exporter.recording.metrics.pairs import ensure_recorded, labels_of, series_of

__all__ = [
    "DATABASE_LABELS",
    "EGRESS_QUEUE_BUCKETS",
    "HANDLERS",
    "LATENESS_BUCKETS",
    "N8N_FAMILIES",
    "N8N_LABELS",
    "PAIR_LABELS",
    "PEER_LABELS",
    "REQUEST_BUCKETS",
    "DatabaseSeries",
    "DiscoveryMetrics",
    "OwnMetrics",
    "ProbeCounts",
    "database_families",
    "ensure_recorded",
    "host_labels",
    "labels_of",
    "lookup_families",
    "network_families",
    "ping_families",
    "probe_families",
    "series_of",
]
