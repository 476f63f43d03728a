"""The families of each database: names, helps, labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from collectors.replies import Login
from collectors.terms import Seconds
from exporter.recording.families import Family, bucket_samples
from exporter.recording.histogram import Histogram
from exporter.recording.series import PairSeries

DATABASE_LABELS = ("database", "db_type", "target", "target_location", "target_datacenter", "target_country")


class DatabaseSeries(NamedTuple):
    """The series of a database's logins and of its queries, which share their families."""

    login: PairSeries
    query: PairSeries

    @property
    def both(self) -> tuple[tuple[str, PairSeries], ...]:
        """Both, by the value of the label ``mode``."""
        return ("cold", self.login), ("warm", self.query)

    def copy(self) -> DatabaseSeries:
        """Return a copy that does not change."""
        return DatabaseSeries(self.login.copy(), self.query.copy())


def database_families(buckets: Sequence[float]) -> tuple[Family, ...]:
    """Return the families of databases; the owner of a database's lines is the pair of its logins."""
    samples = bucket_samples(buckets)

    def login_gauge(name: str, text: str, read: Callable[[Login], float | None]) -> Family:
        def values(series: DatabaseSeries, now: Seconds) -> tuple[float] | None:
            reply = series.login.latest.reply if series.login.is_fresh(now) else None
            value = read(reply) if isinstance(reply, Login) else None
            return None if value is None else (value,)

        return Family(name, "gauge", text, lambda _: (("", ()),), values)

    def histogram(name: str, text: str, read: Callable[[DatabaseSeries], Histogram]) -> Family:
        return Family(name, "histogram", text, lambda _: samples, lambda series, _: read(series).row(), read)

    return (
        Family(
            "database_available",
            "gauge",
            "Whether the latest login to the database and the latest query both succeeded: 1 or 0.",
            lambda _: (("", ()),),
            _available,
        ),
        login_gauge(
            "database_rtt_seconds",
            "Network round trip to the database server in the latest login, in seconds, by the kernel's clock: SYN to "
            "SYN/ACK.",
            lambda login: login.rtt,
        ),
        histogram(
            "database_rtt_distribution_seconds",
            "Network round trips to the database server in all successful logins since the start, in seconds.",
            lambda series: series.login.rtt,
        ),
        histogram(
            "database_connect_latency_seconds",
            "From the first packet to logged in to the database, in seconds: connect, TLS and authentication.",
            lambda series: series.login.duration,
        ),
        histogram(
            "database_query_latency_seconds",
            "A query on a database connection that is kept, to the last byte of its answer, in seconds: network plus "
            "server.",
            lambda series: series.query.response,
        ),
        Family(
            "database_phase_seconds",
            "summary",
            "Seconds that each phase of successful database logins took: dns, connect, tls, auth, and query, the "
            "first after the login; none includes another.",
            lambda pair: [
                (part, (("phase", phase.value),)) for phase in pair.aim.phases for part in ("_sum", "_count")
            ],
            lambda series, _: series.login.phase_row(),
        ),
        login_gauge(
            "database_login_round_trips",
            "How often the latest login waited for the database server: TCP, TLS and each step of authentication.",
            lambda login: login.round_trips,
        ),
        Family(
            "database_probes_total",
            "counter",
            "Database logins (cold) and queries on a kept connection (warm) that have ended.",
            lambda _: [("", (("mode", mode),)) for mode in ("cold", "warm")],
            lambda series, _: [of.probes for _, of in series.both],
        ),
        Family(
            "database_probe_failures_total",
            "counter",
            "Database logins (cold) and queries on a kept connection (warm) that failed, by reason.",
            lambda pair: [
                ("", (("mode", mode), ("reason", reason.value)))
                for mode in ("cold", "warm")
                for reason in pair.aim.reasons
            ],
            lambda series, _: [count for _, of in series.both for count in of.failures.values()],
        ),
    )


def _available(series: DatabaseSeries, now: Seconds) -> tuple[float] | None:
    """Return 1 if the latest login and query both succeeded, 0 if either failed, None while that is not known."""
    known = [of.latest.reply is not None for _, of in series.both if of.is_fresh(now)]
    return (float(all(known)),) if len(known) == len(series.both) or False in known else None
