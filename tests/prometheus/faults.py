"""Faults as series, for promtool: a scrape each 15 s, as in the example configuration; all is well until ``BEGINS``."""

from __future__ import annotations

import dataclasses

from tests.prometheus.fleet import Fault, Fleet, Series

BEFORE = 40
"""Scrapes: the longest range but a few, ten minutes."""
HOURS = 280
"""Scrapes: 70 minutes, so that there is a day before to compare with, which leaves out the last hour."""
AFTER = 90
FOR_EVER = 1e9

_PAIR = 'source="{source}", host="{source}", target="wf008", probe="{probe}", protocol="{protocol}", ip_family="ipv4"'
_DATABASE = 'source="wf001", host="wf001", database="n8n", db_type="postgresql", target="wfdb02"'
_N8N = 'source="wf001", host="wf001", n8n="n8n"'
_WORKFLOW = f'{_N8N}, workflow_id="w1"'
_OURS = 'job="latency", instance="wf001", host="wf001", source="wf001"'
_OTHERS = 'job="latency", instance="wf008", host="wf008", source="wf008"'


def begins(before: int) -> int:
    """Return when a fault begins, in seconds, that has so many scrapes before it."""
    return before * 15


def steady(value: str, then: str, before: int = BEFORE) -> str:
    """Write a gauge that is one thing before the fault and another from it on."""
    return f"{value}x{before - 1} {then}x{AFTER}"


def counting(rate: float, then: float, before: int = BEFORE) -> str:
    """Write a counter that grows by so much with each scrape before the fault, and by so much from it on."""
    total = rate * (before - 1)
    return f"0+{rate}x{before - 1} {total + then}+{then}x{AFTER}"


def gone(value: str) -> str:
    """Write a series that ends with the fault."""
    return f"{value}x{BEFORE - 1} stale"


def pair(source: str, probe: str, protocol: str, reason: str, *, fails: bool, before: int = BEFORE) -> Series:
    """Return the counters of a pair whose probes all fail by a reason, or all succeed."""
    labels = _PAIR.format(source=source, probe=probe, protocol=protocol)
    return {
        f"network_latency_probes_total{{{labels}}}": counting(3, 3, before),
        f'network_latency_probe_failures_total{{{labels}, reason="{reason}"}}': counting(0, 3 if fails else 0, before),
        f'network_latency_probe_failures_total{{{labels}, reason="local"}}': counting(0, 0, before),
    }


def measured(metric: str, probe: str, protocol: str, value: float, then: float, before: int = BEFORE) -> Series:
    """Return the gauge of a pair."""
    labels = _PAIR.format(source="wf001", probe=probe, protocol=protocol)
    return {f"{metric}{{{labels}}}": steady(str(value), str(then), before)}


def histogram(name: str, labels: str, *, slow_after: bool) -> Series:
    """Return a histogram whose observations lie below 0.01 before the fault, and if so below 100 from it on."""
    fast = counting(1, 0) if slow_after else counting(1, 1)
    return {
        f'{name}_bucket{{{labels}, le="{bound}"}}': fast if bound == "0.01" else counting(1, 1)
        for bound in ("0.01", "100", "+Inf")
    }


def query(*, slow: bool) -> Series:
    """Return what the rules read of a database's queries."""
    return histogram("database_query_latency_seconds", _DATABASE, slow_after=slow) | histogram(
        "database_rtt_distribution_seconds", _DATABASE, slow_after=False
    )


def failing(mode: str, reason: str) -> Series:
    """Return the counters of a database's probes that all fail from the fault on."""
    return {
        f'database_probes_total{{{_DATABASE}, mode="{mode}"}}': counting(1, 1),
        f'database_probe_failures_total{{{_DATABASE}, mode="{mode}", reason="{reason}"}}': counting(0, 1),
    }


def read_by_then() -> Series:
    """Return what is seen of an n8n of which no read ends from the fault on, and none fails."""
    last = (BEFORE - 1) * 15
    return {
        f"n8ndb_up{{{_N8N}}}": gone("1"),
        f"n8ndb_last_read_timestamp_seconds{{{_N8N}}}": f"0+15x{BEFORE - 1} {last}x{AFTER}",
    }


def read(before: int = BEFORE) -> Series:
    """Return what is seen of an n8n that is read all the time."""
    return {f"n8ndb_up{{{_N8N}}}": steady("1", "1", before)}


def of_a_fleet(fault: Fault, *protocols: str, before: int = BEFORE) -> Series:
    """Return what two datacenters of two hosts each have of a fault."""
    hosts = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    fault = dataclasses.replace(fault, begins=begins(before), ends=FOR_EVER)
    starts = max(0, begins(before) - 1800)
    return Fleet(hosts, begins(before + AFTER), (fault,), protocols=protocols, starts=starts).series()


def between_datacenters(share: float) -> Fault:
    """Lose so much of all that goes from one datacenter to the other."""
    return Fault(0, FOR_EVER, loses=lambda source, target: share * (source[0] != target[0]))


FAULTS: dict[str, Series] = {
    "LatencyExporterDown": {f"up{{{_OURS}}}": steady("1", "0"), f"up{{{_OTHERS}}}": steady("1", "1")}
    | {f"latency_exporter_build_info{{{labels}}}": steady("1", "1") for labels in (_OURS, _OTHERS)},
    "LatencyNoData": {f"latency_exporter_build_info{{{_OURS}}}": gone("1")},
    "HostUnreachable": pair("wf001", "icmp", "icmp", "timeout", fails=True)
    | pair("wfdb01", "icmp", "icmp", "timeout", fails=True),
    "DatacenterPathDown": of_a_fleet(between_datacenters(1.0), "icmp"),
    "DatacenterPathDegraded": of_a_fleet(between_datacenters(0.5), "icmp"),
    "PathDegraded (cut)": of_a_fleet(
        Fault(0, FOR_EVER, loses=lambda source, target: 1.0 * ({source, target} == {"a1", "b2"})), "icmp"
    ),
    "PathDegraded (loss)": pair("wf001", "icmp", "icmp", "timeout", fails=True),
    "PeerFailing": pair("wf001", "ping", "http", "refused", fails=True),
    "PeerSlow": measured("network_latency_http_server_seconds", "ping", "http", 0.01, 1.5),
    "CertificateExpiring": measured(
        "network_latency_tls_certificate_expiry_timestamp_seconds", "ping", "http", 9e9, begins(BEFORE) + 86400
    ),
    "DatabaseDown": failing("warm", "timeout"),
    "DatabaseDown (login)": failing("cold", "auth")
    | {f'database_probes_total{{{_DATABASE}, mode="warm"}}': counting(1, 1)}
    | {f'database_probe_failures_total{{{_DATABASE}, mode="warm", reason="auth"}}': counting(0, 0)},
    "DatabaseSlow": query(slow=True),
    "DatabaseAtConnectionLimit": {
        f'database_probe_failures_total{{{_DATABASE}, mode="cold", reason="limit"}}': f"0x{BEFORE - 1} 1x3 2x{AFTER}"
    },
    "MeasurementInDoubt (queue)": histogram("latency_exporter_egress_queue_seconds", _OURS, slow_after=True),
    "MeasurementInDoubt (permission)": {
        f'latency_exporter_icmp_socket{{{_OURS}, ip_family="ipv4", kind="none"}}': steady("0", "1")
    },
    "MeasurementInDoubt (outgoing)": of_a_fleet(
        Fault(0, FOR_EVER, loses=lambda source, _target: 1.0 * (source == "b2")), "icmp"
    ),
    "MeasurementInDoubt (stalled)": {
        f"latency_exporter_probe_lateness_seconds_count{{{_OURS}}}": counting(1, 0),
        f'latency_exporter_pairs{{{_OURS}, protocol="icmp"}}': steady("3", "3"),
    },
    "ConfigurationInDoubt (reload)": {f"latency_exporter_config_last_reload_successful{{{_OURS}}}": steady("1", "0")},
    "ConfigurationInDoubt (hosts)": {
        f'latency_exporter_discovery_failing{{{_OURS}, mechanism="dns"}}': steady("0", "1")
    },
    "ConfigurationInDoubt (host name)": {
        f'latency_exporter_self_info{{{_OURS}, self="wf001"}}': gone("1"),
        f'latency_exporter_self_info{{{_OURS}, self="wf008"}}': f"_x{BEFORE} 1x{AFTER}",
    },
    "HostInMaintenance": {
        f'latency_exporter_maintenance_until_timestamp_seconds{{{_OURS}, target="wf008"}}': f"_x{BEFORE} 9e9x{AFTER}"
    },
    "LatencyExporterMemoryHigh": {f"process_resident_memory_bytes{{{_OURS}}}": steady("1e8", "3e8")},
    "NameLookupFailing": {f'latency_exporter_dns_refresh_failures_total{{{_OURS}, target="wf008"}}': counting(0, 1)},
    "KernelClockMissing": {
        f'latency_exporter_measurements_total{{{_OURS}, protocol="icmp", clock="kernel"}}': counting(1, 0),
        f'latency_exporter_measurements_total{{{_OURS}, protocol="icmp", clock="user"}}': counting(0, 1),
    },
    "RouteChanged": measured("network_latency_reply_hop_limit", "icmp", "icmp", 57, 55),
    "N8nReadFailing (failing)": {f"n8ndb_up{{{_N8N}}}": steady("1", "0")},
    "N8nReadFailing (stalled)": read_by_then(),
    "N8nExecutionStuck": read()
    | {
        f'n8ndb_execution_duration_seconds_bucket{{{_WORKFLOW}, status="success", le="{bound}"}}': counting(1, 0)
        for bound in ("10", "30", "+Inf")
    }
    | {
        f'n8ndb_execution_oldest_timestamp_seconds{{{_WORKFLOW}, status="running"}}': (
            f"_x{BEFORE} {begins(BEFORE)}x{AFTER}"
        ),
    },
    "N8nExecutionsOverdue": read() | {f"n8ndb_executions_overdue{{{_WORKFLOW}}}": steady("0", "1")},
    "N8nQueueGrowing": read() | {f'n8ndb_executions_open{{{_WORKFLOW}, status="new"}}': f"0x{BEFORE - 1} 50+1x{AFTER}"},
}
"""By the row of the runbook's table of times: what is seen of it, after ``BEFORE`` scrapes of what is well."""
FAULTS_OF_HOURS: dict[str, Series] = {
    "PathUneven": of_a_fleet(
        Fault(0, FOR_EVER, loses_flows=lambda source, target: 0.125 * (source[0] != target[0])),
        "icmp",
        "tcp",
        before=HOURS,
    ),
    "PathDegraded (round trip)": pair("wf001", "icmp", "icmp", "timeout", fails=False, before=HOURS)
    | measured("network_latency_rtt_seconds", "icmp", "icmp", 0.1, 0.3, HOURS),
    "N8nExecutionsFailing": read(HOURS)
    | {
        f'n8ndb_executions_finished_total{{{_WORKFLOW}, mode="trigger", status="success"}}': counting(1, 0, HOURS),
        f'n8ndb_executions_finished_total{{{_WORKFLOW}, mode="trigger", status="error"}}': counting(0, 1, HOURS),
    },
}
"""Likewise, after ``HOURS``."""
