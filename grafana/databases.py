"""Databases: whether it is the network, TLS, the login or the query."""

from __future__ import annotations

from grafana import variables
from grafana.board import Board, Row
from grafana.cards import ANY_IS_BAD, LOSS, PHASES, REASONS, UNKNOWN, Card, Shown, Unit
from grafana.panels import by_word, figure, heat_map, lines, stacked, states
from grafana.queries import MEASURED, RATE, by_bucket, mean, none_or, now, over_time
from grafana.tables import rows

CHOSEN = f'{MEASURED}, database=~"$database"'
_WHERE = "{{database}} from {{source}}"
_SLOW = "5m"
"""Logins come once a minute: a shorter step would hold one login or none."""


def _one(series: str, *also: str) -> str:
    """Make one series of a database and a host; there are several for a while when the place of either changes."""
    return f"max by ({', '.join(('database', 'source', *also))}) ({series})"


def _available() -> list[Shown]:
    available = f"min by (database, source) (last_over_time(database_available{{{CHOSEN}}}[2m]))"
    lately = f"last_over_time(database_available{{{CHOSEN}}}[5m])"
    faults = f"database:database_faults:ratio{{{CHOSEN}}}"
    return [
        figure(
            Card("Not usable", "Databases that no host that measures them can use.", Unit.COUNT, 4, nothing=UNKNOWN),
            now(none_or(f"max by (database) ({lately}) == 0", lately)),
            ANY_IS_BAD,
        ),
        states(
            Card("Availability", "Whether the latest login and the latest query both succeeded.", Unit.WORDS, 10),
            {1: ("available", "green"), 0: ("not available", "red")},
            over_time(available, _WHERE),
        ),
        rows(
            Card(
                "Faults",
                "What fails now, by reason; not what the measuring host or the network on the way is to blame for.",
                Unit.SHARE,
                10,
                nothing="None is known.",
            ),
            now(f"max by (database, source, mode, reason) ({faults})"),
            {"database": "database", "source": "from", "mode": "mode", "reason": "reason", "Value": "share"},
            limits=LOSS,
        ),
    ]


def _side_by_side() -> list[Shown]:
    one = f'{MEASURED}, database=~"$database"'
    return [
        by_word(
            stacked(
                Card(
                    "A login to $database, part by part",
                    "The mean of each part, over the chosen hosts: network, TLS, authentication, first query.",
                    Unit.SECONDS,
                    24,
                    9,
                    nothing="No login is known to succeed.",
                ),
                over_time(mean("database_phase_seconds", one, "phase"), "{{phase}}"),
            ),
            PHASES,
        )
        .interval(_SLOW)
        .repeat("database")
        .repeat_direction("h")
        .max_per_row(2),
        lines(
            Card(
                "Network, server, query",
                "Of a query on the kept connection: the network's round trip, the database's own share, and the whole.",
                Unit.SECONDS,
                24,
                9,
            ),
            over_time(_one(f"database:database_rtt_seconds:p50_rate15m{{{CHOSEN}}}"), f"{_WHERE}: network"),
            over_time(_one(f"database:database_server_seconds:p50_rate10m{{{CHOSEN}}}"), f"{_WHERE}: server"),
            over_time(_one(f"database:database_query_latency_seconds:p50_rate5m{{{CHOSEN}}}"), f"{_WHERE}: query"),
        ),
    ]


def _queries() -> list[Shown]:
    return [
        lines(
            Card(
                "Queries",
                "How long the query takes: the median, the slowest of ten and of a hundred.",
                Unit.SECONDS,
                12,
                10,
            ),
            *(
                over_time(
                    _one(f"database:database_query_latency_seconds:{name}_rate5m{{{CHOSEN}}}"), f"{_WHERE}: {name}"
                )
                for name in ("p50", "p90", "p99")
            ),
        ),
        lines(
            Card(
                "The database's own share",
                "A query without the network, and what is usual: the median of the day before.",
                Unit.SECONDS,
                12,
                10,
            ),
            over_time(_one(f"database:database_server_seconds:p50_rate10m{{{CHOSEN}}}"), f"{_WHERE}: now"),
            over_time(_one(f"database:database_server_seconds:median1d{{{CHOSEN}}}"), f"{_WHERE}: usual"),
        ),
        heat_map(
            Card(
                "Queries by duration",
                "How many queries of the chosen databases fell into each bucket in a minute.",
                Unit.SECONDS,
                12,
            ),
            by_bucket("database_query_latency_seconds", CHOSEN),
        ),
        heat_map(
            Card(
                "Logins by duration",
                "How many logins of the chosen databases fell into each bucket in a minute.",
                Unit.SECONDS,
                12,
            ),
            by_bucket("database_connect_latency_seconds", CHOSEN),
        ).interval(_SLOW),
    ]


def _logins() -> list[Shown]:
    return [
        lines(
            Card("Logins", "First packet to logged in: the median, and the slowest of a hundred.", Unit.SECONDS, 12),
            *(
                over_time(
                    _one(f"database:database_connect_latency_seconds:{name}_rate15m{{{CHOSEN}}}"), f"{_WHERE}: {name}"
                )
                for name in ("p50", "p99")
            ),
        ),
        lines(
            Card(
                "Round trips per login",
                "How often a login waits for the server: times the round trip, that is what distance costs.",
                Unit.COUNT,
                12,
                nothing="A driver logs in there, and does not count them.",
            ),
            over_time(f"max by (database, source) (database_login_round_trips{{{CHOSEN}}})", _WHERE),
        ),
        lines(
            Card("Failures", "The share of logins (cold) and queries (warm) that failed.", Unit.SHARE, 12),
            over_time(
                _one(f"database_mode:database_failures:ratio_rate5m{{{CHOSEN}}}", "mode"), f"{_WHERE}: {{{{mode}}}}"
            ),
        ),
        by_word(
            stacked(
                Card(
                    "Failures by reason",
                    "How many logins and queries failed in a minute, and why.",
                    Unit.PER_MINUTE,
                    12,
                    nothing="None is known.",
                ),
                over_time(
                    f"60 * sum by (database, mode, reason) (rate(database_probe_failures_total{{{CHOSEN}}}{RATE})) > 0",
                    "{{database}}, {{mode}}: {{reason}}",
                ),
            ),
            REASONS,
        ).interval(_SLOW),
    ]


def _database() -> variables.Variable:
    metric = f"database_probes_total{{{MEASURED}}}"
    return variables.many(variables.values("database", "database", metric, "Databases of the fleet file."))


BOARD = Board(
    name="databases",
    title="Databases",
    description="Is a database available, and is it the network, TLS, the login or the query that takes time?",
    variables=[variables.datasource(), *variables.places(), *variables.sources(), _database()],
    rows=[
        Row("Available?", _available()),
        Row("Network, TLS, login, query", _side_by_side()),
        Row("Queries", _queries()),
        Row("Logins", _logins()),
    ],
)
