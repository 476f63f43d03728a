"""Exporter: whether its figures are to be trusted, and what it costs."""

from __future__ import annotations

from grafana import links, variables
from grafana.board import Board, Row
from grafana.cards import ANY_IS_BAD, UNKNOWN, Card, Shown, Unit
from grafana.panels import figure, heat_map, lines, logarithmic, stacked, states
from grafana.queries import MEASURED, RATE, by_bucket, none_or, now, over_time, quantile
from grafana.tables import rows

CHOSEN = MEASURED
_SCRAPED = f'job="latency", {CHOSEN}'
_LOCAL = f'{CHOSEN}, reason="local"'
_RELOADED, _NO_SOCKET = "latency_exporter_config_last_reload_successful", 'latency_exporter_icmp_socket{kind="none"}'
_HOST = "{{source}}"


def _trusted() -> list[Shown]:
    return [
        figure(
            Card("Exporters down", "Chosen exporters that Prometheus cannot scrape.", Unit.COUNT, 4, 4, UNKNOWN),
            now(none_or(f"up{{{_SCRAPED}}} == 0", f"up{{{_SCRAPED}}}")),
            ANY_IS_BAD,
        ),
        figure(
            Card(
                "Fleet files",
                "How many different ones are in use: more than one is a mistake, or a roll-out.",
                Unit.COUNT,
                4,
                4,
            ),
            now('count(count_values("hash", latency_exporter_config_hash))'),
            ((2, "orange"),),
        ),
        figure(
            Card("Versions", "How many different versions run.", Unit.COUNT, 4, 4),
            now("count(count by (version) (latency_exporter_build_info))"),
            ((2, "yellow"),),
        ),
        figure(
            Card(
                "Reloads that failed",
                "Exporters that could not take the fleet file on their disk.",
                Unit.COUNT,
                4,
                4,
                UNKNOWN,
            ),
            now(none_or(f"{_RELOADED} == 0", _RELOADED)),
            ANY_IS_BAD,
        ),
        figure(
            Card(
                "Without ICMP",
                "Exporters and IP families for which no socket could be opened.",
                Unit.COUNT,
                4,
                4,
                UNKNOWN,
            ),
            now(none_or(f"{_NO_SOCKET} == 1", _NO_SOCKET)),
            ((1, "orange"),),
        ),
        figure(
            Card("Pairs", "Pairs that the chosen exporters probe.", Unit.COUNT, 4, 4),
            now(f"sum(latency_exporter_pairs{{{CHOSEN}}})"),
        ),
        states(
            Card("Scraped", "Whether Prometheus could scrape each exporter.", Unit.WORDS, 24, 7),
            {1: ("scraped", "green"), 0: ("down", "red")},
            over_time(f"max by (source) (up{{{_SCRAPED}}})", _HOST),
        ),
    ]


def _measuring() -> list[Shown]:
    user, every = (
        f"sum by (source, protocol) (rate(latency_exporter_measurements_total{{{CHOSEN}{clock}}}{RATE}))"
        for clock in (', clock="user"', "")
    )
    return [
        logarithmic(
            lines(
                Card(
                    "Lateness of probes",
                    "How late the latest of a hundred probes is started: above 0.1 s the host is held up.",
                    Unit.SECONDS,
                    8,
                ),
                over_time(quantile(0.99, "latency_exporter_probe_lateness_seconds", CHOSEN, "source"), _HOST),
            )
        ),
        logarithmic(
            lines(
                Card(
                    "Own transmit queue",
                    "The slowest of a hundred echo requests in the host's own queue: it is in ICMP's round trips.",
                    Unit.SECONDS,
                    8,
                ),
                over_time(quantile(0.99, "latency_exporter_egress_queue_seconds", CHOSEN, "source"), _HOST),
            )
        ),
        lines(
            Card(
                "Own clock",
                "The share of measurements for which the kernel's clock was missing or not believed.",
                Unit.SHARE,
                8,
            ),
            over_time(f"{user} / ({every} > 0)", f"{_HOST}: {{{{protocol}}}}"),
        ),
        heat_map(
            Card(
                "Lateness by duration",
                "How many probes were started how late in a minute, of all chosen hosts.",
                Unit.SECONDS,
                8,
            ),
            by_bucket("latency_exporter_probe_lateness_seconds", CHOSEN),
        ),
        lines(
            Card(
                "Left out and lost here",
                "Probes that were skipped, and ICMP packets that the host's own buffer lost, a second.",
                Unit.PER_SECOND,
                8,
            ),
            over_time(
                f"sum by (source) (rate(latency_exporter_probes_skipped_total{{{CHOSEN}}}{RATE}))", f"{_HOST}: skipped"
            ),
            over_time(
                f"sum by (source) (rate(latency_exporter_icmp_receive_overflows_total{{{CHOSEN}}}{RATE}))",
                f"{_HOST}: lost",
            ),
        ),
        lines(
            Card(
                "Its own faults",
                "Failures that are the measuring host's, and look-ups of addresses that failed, a second.",
                Unit.PER_SECOND,
                8,
                nothing="None is known.",
            ),
            over_time(
                f"sum by (source, protocol) (rate(network_latency_probe_failures_total{{{_LOCAL}}}{RATE})) > 0",
                f"{_HOST}: {{{{protocol}}}}",
            ),
            over_time(
                f"sum by (source) (rate(latency_exporter_dns_refresh_failures_total{{{CHOSEN}}}{RATE})) > 0",
                f"{_HOST}: look-ups",
            ),
        ),
    ]


def _cost() -> list[Shown]:
    return [
        lines(
            Card("Duration of scrapes", "How long Prometheus waits for the page.", Unit.SECONDS, 8),
            over_time(f"max by (source) (scrape_duration_seconds{{{_SCRAPED}}})", _HOST),
        ),
        lines(
            Card("Samples of a scrape", "How large the page is.", Unit.COUNT, 8),
            over_time(f"max by (source) (scrape_samples_scraped{{{_SCRAPED}}})", _HOST),
        ),
        stacked(
            Card("Requests", "What the exporters are asked, by answer, a second.", Unit.PER_SECOND, 8),
            over_time(
                f"sum by (handler, code) (rate(latency_exporter_http_requests_total{{{CHOSEN}}}{RATE}))",
                "{{handler}} {{code}}",
            ),
        ),
        lines(
            Card("Memory", "What the kernel counts as resident.", Unit.BYTES, 8),
            over_time(f"max by (source) (process_resident_memory_bytes{{{_SCRAPED}}})", _HOST),
        ),
        lines(
            Card("CPU", "The share of one core.", Unit.SHARE, 8),
            over_time(f"max by (source) (rate(process_cpu_seconds_total{{{_SCRAPED}}}{RATE}))", _HOST),
        ),
        lines(
            Card(
                "Sockets and files",
                "Open descriptors by what is allowed: at 100 % probes fail as local.",
                Unit.SHARE,
                8,
            ),
            over_time(f"max by (source) (process_open_fds{{{_SCRAPED}}} / process_max_fds{{{_SCRAPED}}})", _HOST),
        ),
    ]


def _which() -> list[Shown]:
    link = [links.to_overview()]
    return [
        rows(
            Card("Versions", "What runs where; click for the host's own page.", Unit.WORDS, 8, 9),
            now(f"max by (source, version, python) (latency_exporter_build_info{{{CHOSEN}}})"),
            {"source": "source", "version": "version", "python": "Python"},
            links=link,
        ),
        rows(
            Card(
                "Fleet files",
                "The fleet file of each host as a number: equal numbers are equal files.",
                Unit.WORDS,
                8,
                9,
            ),
            now(f"sum by (source) (latency_exporter_config_hash{{{CHOSEN}}})"),
            {"source": "source", "Value": "hash"},
            links=link,
        ),
        rows(
            Card("Fleet file taken", "How long ago each host last took its fleet file.", Unit.SECONDS, 8, 9),
            now(
                f"time() - max by (source) (latency_exporter_config_last_reload_success_timestamp_seconds{{{CHOSEN}}})"
            ),
            {"source": "source", "Value": "ago"},
            links=link,
        ),
        rows(
            Card(
                "ICMP sockets",
                "By which kind of socket each host sends echo requests; none is no ICMP at all.",
                Unit.WORDS,
                12,
                8,
            ),
            now(f"max by (source, ip_family, kind) (latency_exporter_icmp_socket{{{CHOSEN}}} == 1)"),
            {"source": "source", "ip_family": "IP family", "kind": "socket"},
        ),
        lines(
            Card("Who asks /ping", "Pings received from each host of the fleet, a second.", Unit.PER_SECOND, 12),
            over_time(f"sum by (peer) (rate(network_latency_pings_received_total{{{CHOSEN}}}{RATE}))", "{{peer}}"),
        ),
    ]


BOARD = Board(
    name="exporter",
    title="Exporter",
    description="Are the figures to be trusted, what do the exporters cost, and which version runs where?",
    variables=[variables.datasource(), *variables.places(), *variables.sources()],
    rows=[
        Row("Is something wrong with the measuring?", _trusted()),
        Row("Lateness, clocks, queue", _measuring()),
        Row("Cost", _cost()),
        Row("Which one runs where?", _which()),
    ],
)
