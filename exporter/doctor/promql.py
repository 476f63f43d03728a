"""What Prometheus and VictoriaMetrics are asked: the series that prove that data arrives, and those left behind.

Everything is aggregated there, and selected so that only few series are touched: a fleet may have 150,000 pairs.
"""

from __future__ import annotations

from urllib.parse import urlencode

PROBES, DATABASE_PROBES = "network_latency_probes_total", "database_probes_total"
N8N_READ_ERRORS = "n8ndb_read_errors_total"
"""The one of an n8n that is there before the first read, and whether it can be read or not."""
RTT = "network_latency_rtt_seconds"
SELF = "latency_exporter_self_info"
HASH, RELOADED = "latency_exporter_config_hash", "latency_exporter_config_last_reload_successful"
LISTS_FAILING = "latency_exporter_discovery_failing"

_DATABASE_NAMES = (
    "available|connection_errors_total|(rtt|connect_latency|query_latency|phase)_.+|login_round_trips|probe.*_total"
)
_PUSHED_NAMES = f"network_latency_.+|collector_api_.+|database_({_DATABASE_NAMES})"
"""What the push path wrote; ours of the same names have ``source``."""
EVERY_PUSHED_NAME = f"{_PUSHED_NAMES}|api_requests_total"
"""With the one that others may have too: it proves a push only beside the labels of one."""
_PUSH_JOB = 'job=~"(?i).*push.*"'
_PUSHED_RTT = f'{RTT}{{source="",probe=""}}[5m]'
_PUSHED_RTT_OF_JOB = f"{RTT}{{{_PUSH_JOB}}}[5m]"
_PLACES = "source_location, target_location"

SAMPLED = f"timestamp({SELF})"
"""The host that each exporter is by its own page, the labels that it was given, and when it was scraped."""
STATE = f'{{__name__=~"{HASH}|{RELOADED}|{LISTS_FAILING}"}}'
PAIRS = f'count by (source, target, probe, ip_family) ({PROBES}{{source!=""}})'
DATABASES = f'count by (source, database) ({DATABASE_PROBES}{{source!=""}})'
N8NS = f'count by (source, n8n) ({N8N_READ_ERRORS}{{source!=""}})'
LEFTOVERS = (
    f'count by (__name__, job) ({{__name__=~"{_PUSHED_NAMES}",source=""}}'
    f' or {{__name__=~"{EVERY_PUSHED_NAME}",{_PUSH_JOB}}})'
)
PUSHED = f"avg by ({_PLACES}) (avg_over_time({_PUSHED_RTT}) or avg_over_time({_PUSHED_RTT_OF_JOB}))"
MEASURED = f'avg by ({_PLACES}) (avg_over_time({RTT}{{job!~"(?i).*push.*",source!="",probe!=""}}[5m]))'


def path(promql: str) -> str:
    """Write an instant query as a path."""
    return "/api/v1/query?" + urlencode({"query": promql})
