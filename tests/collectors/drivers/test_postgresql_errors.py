import pytest

from collectors.drivers import postgresql_errors as errors
from collectors.n8n.errors import BY_CODE
from collectors.n8n.target import N8nTarget
from collectors.terms import Reason


@pytest.mark.parametrize(
    ("code", "reason", "detail"),
    [
        ("57014", Reason.TIMEOUT, "the database did not finish it in time"),
        ("55P03", Reason.TIMEOUT, "another transaction holds a lock on n8n's tables, a migration for example"),
        ("42501", Reason.QUERY, "the user may not read it any more; grant it SELECT on the columns again"),
        ("42P01", Reason.QUERY, "a table of n8n is gone; n8n may be migrating"),
        ("42703", Reason.QUERY, "a column of n8n's tables is gone; n8n may be migrating"),
        ("40001", Reason.QUERY, "the database gave up the transaction in favour of another one"),
        ("53300", Reason.LIMIT, "the database has reached one of its limits"),
        ("57P01", Reason.RESET, "the database ended the session"),
        ("57P03", Reason.REFUSED, "the database is starting or stopping"),
        ("28P01", Reason.AUTH, "the login is refused"),
    ],
)
def test_an_error_with_a_code_is_classified_by_it(code, reason, detail):
    failed = errors.from_code(code, "read executions", BY_CODE)

    assert (failed.reason, failed.detail) == (reason, f"read executions: {detail} ({code})")


def test_a_session_that_only_reads_means_another_thing_to_a_query_than_to_n8n():
    assert errors.from_code("25006", "query").detail == "query: it writes, and the session is read-only (25006)"
    assert "takes no transaction that only reads" in errors.from_code("25006", "read executions", BY_CODE).detail


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        ("SSL error: certificate verify failed", "its authority is not known here, or it is out of date"),
        ("SSL error: provider signature failure", "its authority is not known here, or it is out of date"),
        ('server certificate for "a" does not match host name "b"', "its certificate is for another name"),
        ("received invalid response to SSL negotiation: J", "this is not PostgreSQL's answer; is type right?"),
        ("expected authentication request from server, but received J", "is type right?"),
    ],
)
def test_what_has_to_be_corrected_is_told_apart(words, detail):
    assert errors.from_words(CONNECTION + words, "log in").detail.endswith(detail)


def test_an_error_with_an_unknown_code_is_the_querys():
    failed = errors.from_code("XX000", "read executions")

    assert (failed.reason, failed.detail) == (Reason.QUERY, "read executions: the database refused it (XX000)")


CONNECTION = 'connection to server at "db.example" (192.0.2.1), port 5432 failed: '


@pytest.mark.parametrize(
    ("text", "reason", "misconfigured"),
    [
        (CONNECTION + "Connection refused\n\tIs the server running on that host?", Reason.REFUSED, False),
        (
            'connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory',
            Reason.REFUSED,
            False,
        ),
        (CONNECTION + "No route to host", Reason.UNREACHABLE, False),
        (CONNECTION + 'FATAL:  password authentication failed for user "closed"', Reason.AUTH, True),
        (CONNECTION + 'FATAL:  no pg_hba.conf entry for host "192.0.2.2", user "x", SSL off', Reason.AUTH, True),
        (
            CONNECTION + "FATAL:  Passwort-Authentifizierung für Benutzer »certificate« fehlgeschlagen",
            Reason.AUTH,
            False,
        ),
        (CONNECTION + "FATAL:  Anmeldung abgelehnt", Reason.AUTH, False),
        (CONNECTION + 'FATAL:  database "ssl" does not exist', Reason.AUTH, True),
        (CONNECTION + "FATAL:  sorry, too many clients already", Reason.LIMIT, False),
        (CONNECTION + "FATAL:  remaining connection slots are reserved for non-replication use", Reason.LIMIT, False),
        (CONNECTION + "FATAL:  the database system is starting up", Reason.REFUSED, False),
        (CONNECTION + "fe_sendauth: no password supplied", Reason.AUTH, True),
        (CONNECTION + "server does not support SSL, but SSL was required", Reason.TLS, True),
        (CONNECTION + "SSL error: certificate verify failed", Reason.TLS, True),
        (CONNECTION + 'server certificate for "a" does not match host name "b"', Reason.TLS, True),
        ('root certificate file "/etc/ca.pem" does not exist', Reason.LOCAL, True),
        ('private key file "/x.pem" has group or world access', Reason.LOCAL, True),
        ('could not read certificate file "/x.pem": no start line', Reason.LOCAL, True),
        (CONNECTION + "FATAL:  connection requires a valid client certificate", Reason.AUTH, True),
        (CONNECTION + "server closed the connection unexpectedly", Reason.RESET, False),
        (CONNECTION + "expected authentication request from server, but received H", Reason.PROTOCOL, True),
        ("", Reason.PROTOCOL, False),
    ],
)
def test_an_error_without_a_code_is_classified_by_its_words_and_never_repeated(text, reason, misconfigured):
    failed = errors.from_words(text, "log in")

    assert (failed.reason, failed.misconfigured) == (reason, misconfigured)
    assert failed.detail.startswith("log in: ")
    assert not {"db.example", "192.0.2.1", "closed", "/etc/ca.pem"} & set(failed.detail.split('"'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'too many connections for role "latency_exporter"',
            "the user has no connection left; raise its CONNECTION LIMIT, or let fewer programs use it",
        ),
        ("sorry, too many clients already", "the database has no connection left"),
        ('too many connections for database "for role"', "the database has no connection left"),
    ],
)
def test_whose_connections_are_used_up_is_named(text, words):
    assert errors.from_words(f"{CONNECTION}FATAL:  {text}", "log in").detail == f"log in: {words}"


def test_every_reason_is_one_of_the_targets():
    reasons = {meaning.reason for meaning in (*BY_CODE, *errors._BY_CODE, *errors._BY_WORDS)}

    assert reasons <= set(N8nTarget.reasons)
