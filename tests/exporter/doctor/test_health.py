"""A server's answer to its health path, or why there is none -> one line that says what to do."""

from __future__ import annotations

import pytest

from collectors.terms import Reason
from exporter.doctor import bodies
from exporter.doctor.diagnosis import Status
from exporter.doctor.outcome import TlsSeen
from exporter.doctor.rules.health import health, unanswered
from exporter.doctor.servers import KINDS
from exporter.http_client.outcome import HttpOutcome
from tests.exporter.doctor.values import DAY, GOOD, NOW, answer, seen, server, trouble
from tests.exporter.test_certificate_life import LIVES

HTTPS = server(url="https://prometheus.example/prom")


@pytest.mark.parametrize("name", KINDS)
def test_each_server_that_answers_as_it_does_is_well(name: str) -> None:
    finding = health(seen(server(name)), NOW, 5.0)
    assert finding.status is Status.OK
    assert finding.text.endswith("answered in 412 ms")


@pytest.mark.parametrize("name", KINDS)
def test_a_page_of_somebody_else_is_another_server(name: str) -> None:
    finding = health(seen(server(name), answer("<html>Welcome to nginx!</html>")), NOW, 5.0)
    assert finding.status is Status.BROKEN
    assert "with '<html>Welcome to nginx!</html>', which " in finding.text
    assert finding.text.endswith(f"correct stack.{name}.url")


def test_victoriametrics_is_not_taken_for_prometheus() -> None:
    finding = health(seen(server(), answer("VictoriaMetrics is Healthy.\n")), NOW, 5.0)
    assert "with 'VictoriaMetrics is Healthy.', which Prometheus does not" in finding.text


REFUSALS: dict[str, tuple[HttpOutcome, str]] = {
    "404": (
        answer("404 page not found", 404),
        "404 at /-/healthy, its documented path; stack.prometheus.url has to be where its paths begin, with the path "
        "prefix that it may have",
    ),
    "redirect to the same path": (
        answer(status=308, location="https://prometheus.example/-/healthy"),
        "redirects to https://prometheus.example/-/healthy (308); write https://prometheus.example as "
        "stack.prometheus.url",
    ),
    "redirect to a login page": (
        answer(status=302, location="https://u:hush@login.example/?token=t0ken"),
        "redirects /-/healthy to https://login.example/ (302), which is not followed: a login page, or another site, "
        "stands in front of it; let /-/healthy through there, or correct stack.prometheus.url",
    ),
    "login wanted": (
        answer(status=401),
        "asks for a login (401); add user and password_file to stack.prometheus",
    ),
    "forbidden": (
        answer("Forbidden", 403),
        "forbids it (403) ('Forbidden'); let this machine, or stack.prometheus.user, through",
    ),
    "TLS": (
        answer("Client sent an HTTP request to an HTTPS server.", 400),
        "serves TLS; write https:// in stack.prometheus.url",
    ),
    "gateway": (
        answer("Bad Gateway", 502),
        "502 at /-/healthy ('Bad Gateway'): a proxy answers, and what is behind it does not; start that",
    ),
    "hanging behind a proxy": (
        answer(status=504),
        "504 at /-/healthy: a proxy answers, and what is behind it hangs; look at its log, restart it",
    ),
    "any other": (answer("oops", 500), "answers 500 at /-/healthy ('oops'); look at its log"),
    "unknown name": (
        trouble(Reason.DNS, "wfdb01: Domain name not found"),
        "wfdb01: Domain name not found; correct stack.prometheus.url, or the name's record",
    ),
    "refused": (
        trouble(Reason.REFUSED),
        "nothing listens on wfdb01:9090, or a firewall refuses it; start it, or correct stack.prometheus.url",
    ),
    "silent": (
        trouble(Reason.TIMEOUT),
        "no answer from wfdb01:9090 within 5 s; its host is down, or a firewall drops the packets",
    ),
    "hanging": (
        trouble(Reason.TIMEOUT, connected=True),
        "wfdb01:9090 takes the connection and then hangs, for 5 s; look at its log, restart it",
    ),
    "no route": (
        trouble(Reason.UNREACHABLE, "No route to host"),
        "no way to wfdb01:9090 (No route to host); look at its host, and at routes and firewalls on the way",
    ),
    "closed": (
        trouble(Reason.RESET, connected=True),
        "wfdb01:9090 closes the connection without an answer; look at its log, and at stack.prometheus.url",
    ),
    "endless": (
        trouble(Reason.BODY, "more than 64 KiB", connected=True),
        "its answer has more than 64 KiB; is stack.prometheus.url that of Prometheus?",
    ),
    "no HTTP": (
        trouble(Reason.PROTOCOL, "Bad status line", connected=True),
        "wfdb01:9090 does not answer in HTTP (Bad status line); if it serves TLS, write https:// in "
        "stack.prometheus.url",
    ),
    "our own fault": (
        trouble(Reason.LOCAL, "Too many open files"),
        "this machine cannot ask: Too many open files",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_each_way_not_to_answer_says_what_to_do(case: str) -> None:
    outcome, text = REFUSALS[case]
    finding = health(seen(server(), outcome), NOW, 5.0)
    assert (finding.status, finding.what, finding.text) == (Status.BROKEN, "prometheus", text)


def test_a_server_that_lives_and_is_not_ready_is_broken() -> None:
    finding = health(seen(server(), answer(GOOD["prometheus"]), answer("Service Unavailable", 503)), NOW, 5.0)
    assert finding.text.startswith("503 at /-/ready ('Service Unavailable'): it is starting or overloaded")


def test_a_refused_login_names_the_user_and_never_the_password() -> None:
    finding = health(seen(server(user="doctor"), answer(status=401)), NOW, 5.0)
    assert finding.text == (
        "refuses the login of doctor (401); look at stack.prometheus.user and the file in "
        "stack.prometheus.password_file"
    )
    assert "hush" not in repr(finding)


def test_a_404_below_a_prefix_doubts_the_prefix() -> None:
    finding = health(seen(HTTPS, answer(status=404)), NOW, 5.0)
    assert finding.text == (
        "404 at /prom/-/healthy, its documented path; stack.prometheus.url has to be where its paths begin, which "
        "/prom may not be"
    )


@pytest.mark.parametrize(
    ("detail", "advice"),
    [
        ("certificate has expired", "renew it"),
        ("certificate is not yet valid", "look at the clocks, there and here"),
        (
            "Hostname mismatch, certificate is not valid for 'prometheus.example'.",
            "let prometheus.example:443 serve one for prometheus.example, or correct stack.prometheus.url",
        ),
        (
            "self-signed certificate",
            "name its authority as stack.prometheus.ca_file; a proxy without a certificate for prometheus.example "
            "serves one signed by itself",
        ),
        ("what answers there does not speak TLS", "write http:// in stack.prometheus.url"),
        ("SOMETHING_NEW", "look at the TLS of prometheus.example:443"),
    ],
)
def test_each_fault_of_tls_says_what_to_do(detail: str, advice: str) -> None:
    finding = health(seen(HTTPS, trouble(Reason.TLS, detail, connected=True)), NOW, 5.0)
    assert finding.text == f"TLS: {detail}; {advice}"


@pytest.mark.parametrize(
    ("days", "status", "text"),
    [
        (57, Status.OK, "the certificate is good for 57 days"),
        (13, Status.WARNING, "the certificate expires in 13 days; renew it"),
        (-3, Status.WARNING, "the certificate expired 3 days ago; renew it"),
    ],
)
def test_the_days_of_a_certificate_of_unknown_life_are_told_and_few_warn(days: int, status: Status, text: str) -> None:
    finding = health(seen(HTTPS, tls=TlsSeen(NOW + days * DAY, None)), NOW, 5.0)
    assert finding.status is status
    assert finding.text == f"healthy and ready, answered in 412 ms; {text}"


@pytest.mark.parametrize(("life", "left", "soon"), LIVES.values(), ids=LIVES)
def test_a_certificate_is_a_warning_as_it_is_an_alert(life: float | None, left: float, soon: bool) -> None:
    expiry = NOW + left * DAY
    tls = TlsSeen(expiry, None, None if life is None else expiry - life * DAY)
    assert health(seen(HTTPS, tls=tls), NOW, 5.0).status is (Status.WARNING if soon else Status.OK)


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.REFUSED, Reason.UNREACHABLE, Reason.DNS])
def test_an_internal_server_out_of_reach_is_not_broken(reason: Reason) -> None:
    unseen = trouble(reason)
    finding = health(seen(server(internal=True), unseen, unseen), NOW, 5.0)
    assert (finding.status, finding.text) == (
        Status.UNSEEN,
        "internal, and out of reach from here: wfdb01:9090",
    )


def test_an_internal_server_that_is_reached_and_hangs_is_broken() -> None:
    hangs = trouble(Reason.TIMEOUT, connected=True)
    assert health(seen(server(internal=True), hangs, hangs), NOW, 5.0).status is Status.BROKEN


def test_a_server_whose_tls_hangs_was_reached_as_the_look_has_seen() -> None:
    silent = trouble(Reason.TIMEOUT)
    tls = TlsSeen(None, trouble(Reason.TIMEOUT, connected=True))
    internal = server(url="https://wfdb01:9090", internal=True)
    finding = health(seen(internal, silent, silent, tls=tls), NOW, 5.0)
    assert finding.status is Status.BROKEN
    assert finding.text.startswith("wfdb01:9090 takes the connection and then hangs")


def test_an_api_that_is_closed_while_the_health_path_is_open_is_told_once() -> None:
    closed = dict.fromkeys(("targets", "rules", "sampled"), answer("Forbidden", 403))
    (finding,) = unanswered(seen(server(), answers=closed), 5.0)
    assert finding.status is Status.BROKEN
    assert finding.text.startswith("well, but what it knows cannot be had: forbids it (403)")
    assert finding.names == ("targets", "rules", "sampled")


def test_an_answer_that_cannot_be_understood_is_told() -> None:
    garbage = seen(server(), answers={"targets": answer("<html>")})
    assert garbage.answers.read("targets", bodies.targets) is None
    (finding,) = unanswered(garbage, 5.0)
    assert finding.text == (
        "well, but what it knows cannot be had: its answer at /api/v1/targets is not understood (it is no JSON); "
        "is a proxy in between?"
    )


def test_of_a_server_that_is_not_well_nothing_further_is_said() -> None:
    refused = trouble(Reason.REFUSED)
    assert list(unanswered(seen(server(), refused, refused, answers={"targets": refused}), 5.0)) == []


def test_that_grafana_shows_dashboards_to_nobody_is_no_fault() -> None:
    assert list(unanswered(seen(server("grafana"), answers={"dashboards": answer(status=401)}), 5.0)) == []
