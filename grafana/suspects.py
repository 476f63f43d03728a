"""Whom the rules blame, in words: what an alert is going to say, as soon as the rules see it."""

from __future__ import annotations

from grafana.sentences import Sentence, joined, path

_WAY = "the way {source_datacenter} → {target_datacenter}"
_NO_WAY = "unless on (source_datacenter, target_datacenter, ip_family)"
_NEITHER_END = "unlike usual; neither end is to blame"
_PARALLEL = "loses handshakes, and no ICMP: one of several parallel paths"
_STEADILY = "loses a little all the time, unlike the day before"

_HOST, _UNREACHABLE = "target:network_latency_blamed:ratio", "target:network_latency_unreachable:count"
_OUTGOING = (
    "source:network_latency_blamed:ratio"
    f' unless on (source) label_replace({_HOST}, "source", "$1", "target", "(.*)")'
    " unless on (source) source:network_latency_maintenance:bool == 1"
)
_CUT = "path:network_latency_cut:ratio_rate3m"
_SINGLE = (
    f"and path:network_latency_bad_unexplained:bool == 1 {_NO_WAY} datacenters:network_latency_blamed:ratio"
    f" unless {_CUT}"
)
_LONGER = "path:network_latency_rtt_seconds:median10m_unusual / path:network_latency_rtt_seconds:median1d - 1"
_UNEVEN, _LOSSY = "network_latency_uneven:ratio_rate30m", "network_latency_lossy:mean6h"

_PROBES, _DATABASES = "pair:network_latency_faults:ratio_rate2m", "max without (mode) (database:database_faults:ratio)"
_BY_CHANCE = (
    f'({_PROBES}{{reason="timeout"}} <= 0.75'
    " and on (source, target, ip_family) path:network_latency_uneven:ratio_rate30m)"
    f' unless ({_PROBES}{{protocol="icmp", reason="timeout"}} and on (source_datacenter, target_datacenter, ip_family)'
    ' path:network_latency_uneven:ratio_rate30m{target_datacenter!=""})'
)
_REFUSED = "database:database_login_refused:ratio > 0.5"
_SEVERAL = "fails while the network is well, for several reasons"


def _together(by: str, faults: str) -> str:
    """Return what fails more often than not by all reasons together, but not by any single one."""
    return f"max by ({by}) (sum without (reason) ({faults}) > 0.5 unless max without (reason) ({faults}) > 0.5)"


def _slow(by: str, now: str, usual: str, least: str, unless: str = "") -> str:
    """Return the time that a program takes, divided by what it may take: a second where the usual time is not known."""
    return (
        f"(max by ({by}) (({now} / ({least} + 2 * {usual}) > 1 or ({now} > 1 unless {usual})){unless}"
        " unless on (source) source:network_latency_maintenance:bool == 1"
        " unless on (target) host:network_latency_maintenance:bool == 1))"
    )


_ROUND_TRIP = "path:network_latency_rtt_seconds"
_SLOW_PROBES = _slow(
    "target, probe",
    "pair:network_latency_http_server_seconds:median10m",
    "pair:network_latency_http_server_seconds:median1d",
    "0.05",
    " unless on (source, target, ip_family) (path:network_latency_loss:ratio_rate3m > 0.05"
    f" or {_ROUND_TRIP}:median10m > 0.005 + 1.5 * {_ROUND_TRIP}:median1d)",
)
_SLOW_DATABASES = _slow(
    "database", "database:database_server_seconds:p50_rate10m", "database:database_server_seconds:median1d", "0.1"
)

SUSPECTS = joined(
    [
        Sentence(
            f"({_HOST} and on (target) {_UNREACHABLE})",
            "host {target}",
            "answers nobody: itself is down, or its only link",
            "HostUnreachable",
        ),
        Sentence(
            f"({_HOST} unless on (target) {_UNREACHABLE})",
            "host {target}",
            "is bad from everywhere: itself, or its only link",
            "PathDegraded",
        ),
        Sentence(
            f"({_OUTGOING})",
            "measurements of {source}",
            "all paths from it are bad, those to it are not: its outgoing link",
            "MeasurementInDoubt",
        ),
        Sentence(
            "(datacenters:network_latency_blamed:ratio and datacenters:network_latency_down:count)",
            _WAY,
            "loses all, and no host of either is to blame",
            "DatacenterPathDown",
        ),
        Sentence(
            "(datacenters:network_latency_blamed:ratio unless datacenters:network_latency_down:count)",
            _WAY,
            "is bad for most pairs of hosts, none of which is to blame",
            "DatacenterPathDegraded",
        ),
        Sentence(_CUT, path("path "), "loses all, and both ends live", "PathDegraded"),
        Sentence(
            f"(path:network_latency_loss:ratio_rate3m_unusual {_SINGLE})",
            path("path "),
            f"loses packets, {_NEITHER_END}",
            "PathDegraded",
        ),
        Sentence(f"({_LONGER} {_SINGLE})", path("path "), f"takes longer, {_NEITHER_END}", "PathDegraded"),
        Sentence(f"datacenters:{_UNEVEN}", _WAY, _PARALLEL, "PathUneven"),
        Sentence(f"(path:{_UNEVEN} {_NO_WAY} datacenters:{_UNEVEN})", path("path "), _PARALLEL, "PathUneven"),
        Sentence(f"datacenters:{_LOSSY}", _WAY, _STEADILY, "PathLossy"),
        Sentence(f"(path:{_LOSSY} {_NO_WAY} datacenters:{_LOSSY})", path("path "), _STEADILY, "PathLossy"),
        Sentence(
            f"(max by (target, probe, reason) ({_PROBES} > 0.5 unless {_BY_CHANCE}))",
            "probe {probe} of {target}",
            "fails while the network is well: {reason}",
            "PeerFailing",
        ),
        Sentence(f"({_together('target, probe', _PROBES)})", "probe {probe} of {target}", _SEVERAL, "PeerFailing"),
        Sentence(
            _SLOW_PROBES,
            "probe {probe} of {target}",
            "takes far longer than the day before, the network aside",
            "PeerSlow",
        ),
        Sentence(
            f"(max by (database, reason) ({_DATABASES} > 0.5 unless {_REFUSED}))",
            "database {database}",
            "fails while the network is well: {reason}",
            "DatabaseDown",
        ),
        Sentence(f"({_together('database', _DATABASES)})", "database {database}", _SEVERAL, "DatabaseDown"),
        Sentence(
            f"(max by (database, reason) ({_REFUSED}))",
            "database {database}",
            "refuses this login, and works otherwise: {reason}",
            "DatabaseDown",
        ),
        Sentence(
            _SLOW_DATABASES,
            "database {database}",
            "takes far longer than the day before, the network aside",
            "DatabaseSlow",
        ),
    ]
)
