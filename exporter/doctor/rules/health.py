"""A server's health paths: is it well, and if not, what is to be done."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.terms import Reason, Seconds
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.outcome import ServerSeen, answered
from exporter.doctor.rules import refused_statuses, troubles
from exporter.doctor.rules.expiry import expiry
from exporter.doctor.servers import KINDS, ServerKind
from exporter.doctor.stack import StackServer
from exporter.http_client.outcome import HttpAnswer, HttpOutcome
from exporter.wording import cleaned, span

_NO_LOGIN = (401, 403)


def health(seen: ServerSeen, now: float, patience: Seconds) -> Diagnosis:
    """Judge a server by its health paths and its certificate; ``now`` in seconds since the epoch."""
    server, kind = seen.server, _kind(seen)
    if seen.invisible:
        return Diagnosis(Status.UNSEEN, server.name, f"internal, and out of reach from here: {server.host_port}")
    for path, outcome in zip(kind.health, seen.health, strict=True):
        if fault := _fault(path.path, outcome, seen, patience):
            return Diagnosis(Status.BROKEN, server.name, fault)
        if isinstance(outcome, HttpAnswer) and not path.recognised(outcome.body):
            return Diagnosis(Status.BROKEN, server.name, _stranger(server, path.path, outcome))
    took = max(outcome.took for outcome in seen.health if isinstance(outcome, HttpAnswer))
    answer = f"{' and '.join(path.good for path in kind.health)}, answered in {span(took)}"
    soon, certificate = expiry(seen.tls, now)
    return Diagnosis(Status.WARNING if soon else Status.OK, server.name, "; ".join(filter(None, (answer, certificate))))


def unanswered(seen: ServerSeen, patience: Seconds) -> Iterator[Diagnosis]:
    """Report the questions that a healthy server did not answer, or not so that it is understood; each reason once."""
    if not _well(seen):
        return  # its health has been judged, and the rest follows from that
    reasons: dict[str, list[str]] = {}
    for question, outcome in seen.answers.outcomes.items():
        path = _path(question, seen)
        if question == "dashboards" and isinstance(outcome, HttpAnswer) and outcome.status in _NO_LOGIN:
            continue  # Grafana shows them to no stranger, as it should be; the dashboards' own line says it
        if fault := _fault(path, outcome, seen, patience):
            reasons.setdefault(fault.replace(path, "its API"), []).append(question)
    for question, why in seen.answers.faults.items():
        text = f"its answer at {_path(question, seen)} is not understood ({cleaned(why)}); is a proxy in between?"
        reasons[text] = [question]
    for fault, questions in reasons.items():
        text = f"well, but what it knows cannot be had: {fault}"
        yield Diagnosis(Status.BROKEN, seen.server.name, text, tuple(questions))


def _kind(seen: ServerSeen) -> ServerKind:
    return KINDS[seen.server.name]


def _well(seen: ServerSeen) -> bool:
    paths = _kind(seen).health
    return all(
        answered(outcome) and path.recognised(outcome.body) for path, outcome in zip(paths, seen.health, strict=True)
    )


def _path(question: str, seen: ServerSeen) -> str:
    kind = _kind(seen)
    return {**kind.questions, **kind.further}[question].path.partition("?")[0]


def _fault(path: str, outcome: HttpOutcome, seen: ServerSeen, patience: Seconds) -> str | None:
    """Return what is wrong with an outcome, and what to do; None if it is an answer."""
    if answered(outcome):
        return None
    if isinstance(outcome, HttpAnswer):
        return refused_statuses.refusal_text(path, outcome, seen.server)
    fault = seen.tls.fault if seen.tls else None
    if outcome.reason is Reason.TIMEOUT and fault and fault.connected:
        outcome = outcome._replace(connected=True)  # TCP was there, as the handshake has shown, and TLS was not
    elif outcome.reason in {Reason.TLS, Reason.RESET} and fault and fault.reason is Reason.TLS:
        outcome = fault  # in better words
    return troubles.trouble_text(outcome, seen.server, patience)


def _stranger(server: StackServer, path: str, answer: HttpAnswer) -> str:
    excerpt = f"'{answer.excerpt}'" if answer.excerpt else "an empty page"
    return (
        f"answers {path} with {excerpt}, which {KINDS[server.name].title} does not: another server, or a proxy, "
        f"answers there; correct {server.key}.url"
    )
