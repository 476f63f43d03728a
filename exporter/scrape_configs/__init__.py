"""A fleet -> what Prometheus, VictoriaMetrics, OpenTelemetry's Collector and Grafana Alloy read to scrape it.

jobs.yml       the jobs' stanzas: pasted or included once
jobs.otel.yml  the same for the Collector
jobs.alloy     the same for Alloy
JOB.json       a job's targets: read by all of them again whenever they change
/sd/prometheus the same targets, asked of an exporter
"""

from exporter.scrape_configs.folder import (
    STANZAS,
    CannotWrite,
    Change,
    changes,
    difference,
    files,
    stanzas_file,
    write,
)
from exporter.scrape_configs.served import targets_of
from exporter.scrape_configs.text import StanzaFormat

__all__ = [
    "STANZAS",
    "CannotWrite",
    "Change",
    "StanzaFormat",
    "changes",
    "difference",
    "files",
    "stanzas_file",
    "targets_of",
    "write",
]
