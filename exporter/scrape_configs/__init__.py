"""A fleet -> what Prometheus and VictoriaMetrics read to scrape it.

jobs.yml       the jobs' stanzas: pasted or included once
JOB.json       a job's targets: read by the servers again whenever they change
/sd/prometheus the same targets, asked of an exporter
"""

from exporter.scrape_configs.folder import STANZAS, CannotWrite, Change, changes, difference, files, write
from exporter.scrape_configs.served import targets_of
from exporter.scrape_configs.text import StanzaFormat

__all__ = ["STANZAS", "CannotWrite", "Change", "StanzaFormat", "changes", "difference", "files", "targets_of", "write"]
