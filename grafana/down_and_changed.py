"""What is down now, and what is not as it was a day before, in words."""

from __future__ import annotations

from grafana.queries import SEEN
from grafana.sentences import Sentence, joined, path

DOWN = joined(
    [
        Sentence("target:network_latency_unreachable:count", "host {target}", "answers nobody"),
        Sentence('(up{job="latency"} == 0)', "exporter of {host}", "cannot be scraped"),
        Sentence(
            "(max by (database) (last_over_time(database_available[5m])) == 0)",
            "database {database}",
            "cannot be used from any host",
        ),
        Sentence("(n8n:n8ndb_up:max5m == 0)", "database of {n8n}", "cannot be read"),
        Sentence("(host:network_latency_maintenance:bool == 1)", "host {target}", "is in maintenance"),
    ]
)

_BEFORE = 'and on () count(up{job="latency"} offset 1d)'
# Of the day before all paths are asked: many long names, chosen at both ends, would be in the query twice as often.
_RTT, _HOPS = "path:network_latency_rtt_seconds:median10m", "network_latency_reply_hop_limit"
_VERSION = "latency_exporter_build_info"


def _longer_or_less() -> str:
    """Compare round trips with those of a day before by one join, because joins are what thousands of paths cost.

    Rounded to two fifths, up to a fifth is 0 and left out, and the sign says how. 25 ms added to both make a fifth 5 ms
    at least.
    """
    ratio = f"({_RTT}{{{SEEN}}} + 0.025) / ({_RTT} offset 1d + 0.025)"
    how = f'count_values by (source, target) ("how", round({ratio} - 1, 0.4) != 0)'
    less = f'label_replace({how}, "how", "less", "how", "-.*")'
    return f'label_replace({less}, "how", "longer", "how", "[0-9].*")'


CHANGED = joined(
    [
        Sentence(_longer_or_less(), path(), "takes more than a fifth {how}"),
        Sentence(f"({_HOPS}{{{SEEN}}} != {_HOPS} offset 1d)", path(), "takes another route (hop limit)"),
        Sentence(
            f"({_VERSION} unless on (source, version) {_VERSION} offset 1d {_BEFORE})",
            "exporter of {source}",
            "runs version {version}",
        ),
        Sentence(
            "(latency_exporter_config_hash != latency_exporter_config_hash offset 1d)",
            "exporter of {source}",
            "has another fleet file",
        ),
        Sentence(
            f'(up{{job="latency"}} unless on (host) up{{job="latency"}} offset 1d {_BEFORE})',
            "exporter of {host}",
            "is new",
        ),
        Sentence(
            '(up{job="latency"} offset 1d unless on (host) up{job="latency"})',
            "exporter of {host}",
            "is scraped no longer",
        ),
    ]
)
