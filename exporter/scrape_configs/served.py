"""The targets of one job, as an exporter serves them (http_sd of Prometheus and VictoriaMetrics)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from exporter.fleet import Fleet
from exporter.scrape_configs.targets import stanzas
from exporter.scrape_configs.text import target_list


@functools.lru_cache(maxsize=1)
def targets_of(fleet: Fleet) -> Mapping[str, str]:
    """Return the lists of targets as JSON, by the names of their stanzas; raises BadFile."""
    return {stanza.name: target_list(stanza.groups) for stanza in stanzas(fleet)}
