"""Fleet: whether anything is wrong, and where."""

from __future__ import annotations

from grafana import links, variables
from grafana.board import Board, Row
from grafana.cards import ANY_IS_BAD, LOSS, SLOWER, UNKNOWN, Card, Shown, Unit, colored
from grafana.down_and_changed import CHANGED, DOWN
from grafana.panels import figure, lines
from grafana.queries import SEEN, none_or, now, over_time
from grafana.suspects import SUSPECTS
from grafana.tables import matrix, rows

LARGEST_MATRIX = 30
"""Up to so many measuring hosts, the matrix is one of hosts; for two chosen datacenters, up to twice as many."""
_MEASURING, _IN = (
    f"count(count by ({label}) (path:network_latency_bad:bool{{{SEEN}}}))" for label in ("source", "source_datacenter")
)
_FEW = f"and on () ({_MEASURING} <= {LARGEST_MATRIX} or {_MEASURING} <= {2 * LARGEST_MATRIX} and {_IN} <= 2)"
_NOT_HERE = (
    f"Nothing is known of the chosen hosts, or they are more than {LARGEST_MATRIX}: "
    "choose datacenters above, or click on one below."
)

_NO_DATACENTER = "Nothing known of hosts that have a datacenter in the fleet file."
_NO_USUAL = "What is usual is known after an hour or two."

LOSS_NOW = f"max by (source, target) (path:network_latency_loss:ratio_rate3m{{{SEEN}}})"
# 5 ms are added to both, as alerts do: on short paths the noise is a multiple of the round trip.
_SLOWER = (
    "(path:network_latency_rtt_seconds:median10m{%s} + 0.005) / (path:network_latency_rtt_seconds:median1d + 0.005)"
)
SLOWER_NOW = f"max by (source, target) ({_SLOWER % SEEN})"

_KNOWN = "path:network_latency_bad:bool"
"""The series that the rules record for every path."""


def _answer() -> list[Shown]:
    return [
        figure(
            Card("Hosts down", "Hosts that nobody reaches, nor any database on them.", Unit.COUNT, 4, 4, UNKNOWN),
            now(none_or("target:network_latency_unreachable:count", _KNOWN)),
            ANY_IS_BAD,
        ),
        figure(
            Card("Exporters down", "Exporters that Prometheus cannot scrape.", Unit.COUNT, 4, 4, UNKNOWN),
            now(none_or('up{job="latency"} == 0', 'up{job="latency"}')),
            ANY_IS_BAD,
        ),
        figure(
            Card(
                "Suspects",
                "Rows of the table below: hosts, ways, paths and programs to blame.",
                Unit.COUNT,
                4,
                4,
                UNKNOWN,
            ),
            now(none_or(SUSPECTS, _KNOWN)),
            ANY_IS_BAD,
        ),
        figure(
            Card(
                "Bad paths",
                "Chosen paths that are unlike the day before, whoever is to blame.",
                Unit.COUNT,
                4,
                4,
                UNKNOWN,
            ),
            now(f"sum(path:network_latency_bad:bool{{{SEEN}}})"),
            ((1, "orange"),),
        ),
        figure(
            Card("Paths", "Chosen ways from host to host that are measured.", Unit.COUNT, 4, 4, UNKNOWN),
            now(f"count(path:network_latency_bad:bool{{{SEEN}}})"),
        ),
        figure(
            Card("Hosts that measure", "Exporters that Prometheus scrapes.", Unit.COUNT, 4, 4, UNKNOWN),
            now('count(up{job="latency"} == 1)'),
        ),
        rows(
            Card(
                "Whom the rules suspect",
                "Whom the rules blame, from everybody's view, and which alert will say so if it lasts.",
                Unit.SHARE,
                16,
                nothing="Nobody, as far as is known: Paths, above, counts what is.",
            ),
            now(SUSPECTS),
            {"who": "who", "what": "what", "alert": "alert", "Value": "how much"},
        ),
        rows(
            Card(
                "Down, and in maintenance",
                "What cannot be reached or used now, and hosts whose alerts are kept away.",
                Unit.WORDS,
                8,
                nothing="Nothing, as far as is known.",
            ),
            now(DOWN),
            {"who": "who", "what": "what"},
        ),
    ]


def _hosts() -> list[Shown]:
    link = links.from_matrix_to_pair()
    return [
        matrix(
            Card(
                "Loss",
                "What the network loses from each host (rows) to each target; click for the pair.",
                Unit.SHARE,
                12,
                11,
                _NOT_HERE,
            ),
            now(f"{LOSS_NOW} {_FEW}"),
            ("source", "target"),
            LOSS,
            link,
        ),
        matrix(
            Card(
                "Round trip, relative to usual",
                "The median of 10 minutes by that of the day before, 5 ms added to both; 1 × is usual.",
                Unit.TIMES,
                12,
                11,
                _NOT_HERE,
            ),
            now(f"round({SLOWER_NOW}, 0.01) {_FEW}"),
            ("source", "target"),
            SLOWER,
            link,
        ),
    ]


_BETWEEN = f'{SEEN}, source_datacenter!="", target_datacenter!=""'


def _datacenters() -> list[Shown]:
    ends = "by (source_datacenter, target_datacenter)"
    link = links.into_datacenters()
    return [
        matrix(
            Card(
                "Share of bad paths",
                "The share of bad paths between datacenters; click for the hosts of both.",
                Unit.SHARE,
                12,
                9,
                _NO_DATACENTER,
            ),
            now(f"avg {ends} (path:network_latency_bad:bool{{{_BETWEEN}}})"),
            ("source_datacenter", "target_datacenter"),
            LOSS,
            link,
        ),
        matrix(
            Card(
                "Round trip, relative to usual",
                "The mean of the paths between two datacenters; 1 × is usual. Click for the hosts of both.",
                Unit.TIMES,
                12,
                9,
                f"{_NO_DATACENTER} {_NO_USUAL}",
            ),
            now(f"round(avg {ends} ({_SLOWER % _BETWEEN}), 0.01)"),
            ("source_datacenter", "target_datacenter"),
            SLOWER,
            link,
        ),
    ]


def _worst() -> list[Shown]:
    link = [links.from_row_to_pair()]
    ends = {"source": "source", "target": "target"}
    return [
        rows(
            Card(
                "Most loss",
                "The ten paths that lose most now; click for the pair.",
                Unit.SHARE,
                8,
                nothing="None is known to lose anything.",
            ),
            now(f"topk(10, {LOSS_NOW} > 0)"),
            ends | {"Value": "loss"},
            limits=LOSS,
            links=link,
        ),
        rows(
            Card(
                "Most unlike the day before",
                "The ten paths that are slowest, relative to their usual round trip.",
                Unit.TIMES,
                8,
                nothing=_NO_USUAL,
            ),
            now(f"topk(10, round({SLOWER_NOW}, 0.01))"),
            ends | {"Value": "of usual"},
            limits=SLOWER,
            links=link,
        ),
        rows(
            Card(
                "Changed since yesterday",
                "What differs from 24 hours ago, and need not be a fault.",
                Unit.WORDS,
                8,
                nothing="Nothing, as far as is known.",
            ),
            now(CHANGED),
            {"who": "who", "what": "what"},
        ),
    ]


def _since() -> list[Shown]:
    return [
        lines(
            Card(
                "Bad paths over time",
                "Since when something is wrong: paths unlike the day before, and those nobody explains.",
                Unit.COUNT,
                8,
            ),
            over_time(f"sum(path:network_latency_bad:bool{{{SEEN}}})", "bad"),
            over_time(f"sum(path:network_latency_bad_unexplained:bool{{{SEEN}}})", "neither end to blame"),
        )
        .interval("1m")
        .override_by_name("bad", [colored("orange")])
        .override_by_name("neither end to blame", [colored("red")]),
        lines(
            Card(
                "Failed probes between countries",
                "The share of probes that failed, for whatever reason but the measuring host's own.",
                Unit.SHARE,
                8,
                nothing="Nothing known of hosts that have a country in the fleet file.",
            ),
            over_time(
                "source_country_target_country:network_latency_failures:ratio_rate5m"
                '{source_country!="", target_country!=""}',
                "{{source_country}} → {{target_country}}",
            ),
        ),
        rows(
            Card(
                "Certificates",
                "The ten served certificates that end first, and the time that they have left.",
                Unit.SECONDS,
                8,
                nothing="No probe has seen a certificate.",
            ),
            now(
                "bottomk(10, min by (target, probe) "
                "(last_over_time(network_latency_tls_certificate_expiry_timestamp_seconds[1h])) - time())"
            ),
            {"target": "target", "probe": "probe", "Value": "left"},
        ),
    ]


BOARD = Board(
    name="fleet",
    title="Fleet",
    description="Is anything wrong, and where? Matrices of loss and round trips, and whom the rules blame.",
    variables=[variables.datasource(), *variables.places(), *variables.ends()],
    rows=[
        Row("Is anything wrong?", _answer()),
        Row(f"From host to host (up to {LARGEST_MATRIX}, in two datacenters {2 * LARGEST_MATRIX} hosts)", _hosts()),
        Row("From datacenter to datacenter", _datacenters()),
        Row("Worst, and new", _worst()),
        Row("Since when?", _since()),
    ],
)
