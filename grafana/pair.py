"""Pair: what happens between two hosts, in both directions."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery
from grafana_foundation_sdk.models.common import AxisPlacement, GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from grafana import links, variables
from grafana.board import Board, Row
from grafana.cards import LOSS, PHASES, REASONS, SLOWER, UNKNOWN, Card, Shown, Unit, colored, custom
from grafana.panels import by_word, figure, heat_map, lines, stacked, steps
from grafana.queries import RATE, Query, by_bucket, mean, now, over_time, quantile

THERE = 'source="$source", target="$target", ip_family="$ip_family"'
BACK = 'source="$target", target="$source", ip_family="$ip_family"'
_PROBE = 'probe="$probe"'
_HTTP = f'{THERE}, protocol="http"'
_BANDS = (("p10", "p90", 15), ("p25", "p75", 35))
"""Of each band the lower and the upper edge, and its opacity."""
_COLOR = "blue"
_NO_USUAL = "known after an hour or two"


def smoke(card: Card, ends: str) -> Shown:
    """Draw the spread of round trips as bands around a thick median, and loss as red bars behind, on its own axis."""
    edges = [edge for low, high, _ in _BANDS for edge in (low, high)]
    queries = [_recorded(name, ends) for name in (*edges, "p50")]
    panel = lines(
        card, *queries, over_time(f"max(pair:network_latency_failures:ratio_rate5m{{{ends}, {_PROBE}}})", "failed")
    )
    for low, high, opacity in _BANDS:
        panel.override_by_name(low, _invisible())
        panel.override_by_name(high, [*_invisible(), custom("fillBelowTo", low), custom("fillOpacity", opacity)])
    panel.override_by_name("p50", [colored(_COLOR), custom("lineWidth", 3), custom("fillOpacity", 0)])
    return panel.override_by_name("failed", _loss_behind())


def _recorded(quantile_name: str, ends: str) -> Query:
    return over_time(f"max(pair:network_latency_rtt_seconds:{quantile_name}_rate5m{{{ends}, {_PROBE}}})", quantile_name)


def _invisible() -> list[DynamicConfigValue]:
    return [colored(_COLOR), custom("lineWidth", 0), custom("fillOpacity", 0)]


def _loss_behind() -> list[DynamicConfigValue]:
    return [
        colored("red"),
        DynamicConfigValue(id_val="unit", value=Unit.SHARE),
        DynamicConfigValue(id_val="max", value=1),
        custom("axisPlacement", AxisPlacement.RIGHT),
        custom("drawStyle", GraphDrawStyle.BARS),
        custom("fillOpacity", 40),
        custom("lineWidth", 0),
    ]


def _now() -> list[Shown]:
    rtt, usual = (f"max(path:network_latency_rtt_seconds:{name}{{{THERE}}})" for name in ("median10m", "median1d"))
    return [
        figure(
            Card("Round trip", "The median of the last 10 minutes, of the network alone.", Unit.SECONDS, 5, 4, UNKNOWN),
            now(rtt),
        ),
        figure(
            Card("Usual", "The median of the day before, without the last hour.", Unit.SECONDS, 5, 4, _NO_USUAL),
            now(usual),
        ),
        figure(
            Card(
                "Relative to usual",
                "Round trip by usual, 5 ms added to both as the rules do.",
                Unit.TIMES,
                5,
                4,
                _NO_USUAL,
            ),
            now(f"round(({rtt} + 0.005) / ({usual} + 0.005), 0.01)"),
            SLOWER,
        ),
        figure(
            Card("Loss", "What the network lost in the last 3 minutes.", Unit.SHARE, 5, 4, UNKNOWN),
            now(f"max(path:network_latency_loss:ratio_rate3m{{{THERE}}})"),
            LOSS,
        ),
        figure(
            Card(
                "There less back",
                "The round trip from the source less that from the target: what lasts is a host, or another route.",
                Unit.SECONDS,
                4,
                4,
                nothing="not both ways",
            ),
            now(f"max(source_target:network_latency_rtt_seconds:median10m_less_reverse{{{THERE}}})"),
        ),
    ]


def _both_ways() -> list[Shown]:
    text = "The dark band holds half of the round trips, the light one four of five; red bars are failed probes."
    return [
        smoke(Card("$source → $target ($probe)", text, Unit.SECONDS, 24, 9), THERE),
        smoke(
            Card(
                "$target → $source ($probe)",
                f"The same as the other end sees it. {text}",
                Unit.SECONDS,
                24,
                9,
                nothing="$target is not known to measure $source.",
            ),
            BACK,
        ),
    ]


def _network() -> list[Shown]:
    failed = f"sum by (reason) (rate(network_latency_probe_failures_total{{{THERE}, {_PROBE}}}{RATE}))"
    probes = f"sum(rate(network_latency_probes_total{{{THERE}, {_PROBE}}}{RATE}))"
    hops = f"network_latency_reply_hop_limit{{{THERE}}}"
    return [
        heat_map(
            Card(
                "Round trips ($probe)",
                "How many round trips fell into each bucket in a minute: a second path is a second band.",
                Unit.SECONDS,
                12,
            ),
            by_bucket("network_latency_rtt_distribution_seconds", f"{THERE}, {_PROBE}"),
        ),
        by_word(
            stacked(
                Card(
                    "Failures by reason ($probe)",
                    "The share of probes that failed, by reason.",
                    Unit.SHARE,
                    12,
                    nothing="None is known.",
                ),
                over_time(f"{failed} / on () group_left () ({probes} > 0) > 0", "{{reason}}"),
            ),
            REASONS,
        ),
        lines(
            Card("Jitter", "By how much a round trip differs from the one before it, on average.", Unit.SECONDS, 12),
            over_time(mean("network_latency_rtt_variation_seconds", THERE, "probe"), "{{probe}}"),
        ),
        steps(
            Card(
                "Hop limit of replies",
                "A step is another route back; each is marked in all panels.",
                Unit.COUNT,
                12,
                nothing="Only ICMP shows it.",
            ),
            over_time(f"max by (probe) ({hops})", "{{probe}}"),
        ),
    ]


def _program() -> list[Shown]:
    nothing = "No http probe measures this pair."
    return [
        lines(
            Card(
                "Network, server, whole",
                "HTTP's parts: the network's round trip, the server's share, the response, and the whole exchange.",
                Unit.SECONDS,
                12,
                nothing=nothing,
            ),
            over_time(f"max by (probe) (pair:network_latency_rtt_seconds:p50_rate5m{{{_HTTP}}})", "{{probe}}: network"),
            over_time(
                f"max by (probe) (pair:network_latency_http_server_seconds:median10m{{{_HTTP}}})", "{{probe}}: server"
            ),
            over_time(
                f"max by (probe) (pair:network_latency_http_response_seconds:p50_rate5m{{{_HTTP}}})",
                "{{probe}}: response",
            ),
            over_time(quantile(0.5, "network_latency_http_duration_seconds", _HTTP, "probe"), "{{probe}}: whole"),
        ),
        by_word(
            stacked(
                Card(
                    "Phases ($probe)",
                    "The mean of each part of a connection and an exchange; none includes another.",
                    Unit.SECONDS,
                    12,
                    nothing="ICMP has no phases: choose a probe of tcp or http above.",
                ),
                over_time(mean("network_latency_phase_seconds", f"{THERE}, {_PROBE}", "phase"), "{{phase}}"),
            ),
            PHASES,
        ),
        lines(
            Card(
                "Server, and what it says itself",
                "The server's share as seen from here, its usual, and what the peer's own program says that it took.",
                Unit.SECONDS,
                12,
                nothing=nothing,
            ),
            over_time(
                f"max by (probe) (pair:network_latency_http_server_seconds:median10m{{{_HTTP}}})",
                "{{probe}}: seen from here",
            ),
            over_time(
                f"max by (probe) (pair:network_latency_http_server_seconds:median1d{{{_HTTP}}})", "{{probe}}: usual"
            ),
            over_time(
                f"max by (probe) (network_latency_peer_processing_seconds{{{_HTTP}}})", "{{probe}}: by its own account"
            ),
        ),
        lines(
            Card(
                "Handshakes sent again",
                "The share of TCP handshakes that needed a second SYN: loss that a successful probe hides.",
                Unit.SHARE,
                12,
                nothing="No tcp or http probe measures this pair.",
            ),
            over_time(
                f"sum by (probe) (rate(network_latency_retransmitted_handshakes_total{{{THERE}}}{RATE}))"
                f' / (sum by (probe) (rate(network_latency_probes_total{{{THERE}, protocol=~"tcp|http"}}{RATE})) > 0)',
                "{{probe}}",
            ),
        ),
    ]


def _route_changes() -> AnnotationQuery:
    """Mark each change once: a value is compared with the one a step earlier, 2 minutes or, over days, more."""
    hops = f"network_latency_reply_hop_limit{{{THERE}}}"
    return (
        AnnotationQuery()
        .name("Route changes")
        .datasource(variables.DATASOURCE)
        .enable(True)
        .icon_color("purple")
        .expr(f"{hops} != {hops} offset $__interval")
        .step("2m")
        .title_format("Another route")
        .text_format("The hop limit of replies changed: {{probe}}")
        .tag_keys("source,target")
    )


BOARD = Board(
    name="pair",
    title="Pair",
    description="What happens between two hosts, in both directions, and whether it is the network or the program.",
    variables=[variables.datasource(), *variables.places(), *variables.pair()],
    links=[links.to_probe()],
    annotations=[_route_changes()],
    rows=[
        Row("$source → $target", _now()),
        Row("Both ways", _both_ways()),
        Row("Network", _network()),
        Row("Network or program?", _program()),
    ],
)
