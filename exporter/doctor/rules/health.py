"""A server's health paths: is it well, and if not, what is to be done."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.contract import Reason, Seconds
from exporter.doctor.findings import Finding, Status
from exporter.doctor.outcome import Answer, Outcome, Seen, answered
from exporter.doctor.rules import refusals, troubles
from exporter.doctor.rules.expiry import expiry
from exporter.doctor.servers import KINDS, Kind
from exporter.doctor.stack import Asked
from exporter.wording import cleaned, span

_NO_LOGIN = (401, 403)


def health(seen: Seen, now: float, patience: Seconds) -> Finding:
    """Say how a server is; ``now`` in seconds since the epoch."""
    asked, kind = seen.asked, _kind(seen)
    if seen.invisible:
        return Finding(Status.UNSEEN, asked.name, f"internal, and out of reach from here: {asked.place}")
    for path, outcome in zip(kind.health, seen.health, strict=True):
        if fault := _fault(path.path, outcome, seen, patience):
            return Finding(Status.BROKEN, asked.name, fault)
        if isinstance(outcome, Answer) and not path.recognised(outcome.body):
            return Finding(Status.BROKEN, asked.name, _stranger(asked, path.path, outcome))
    took = max(outcome.took for outcome in seen.health if isinstance(outcome, Answer))
    answer = f"{' and '.join(path.good for path in kind.health)}, answered in {span(took)}"
    soon, certificate = expiry(seen.look, now)
    return Finding(Status.WARNING if soon else Status.OK, asked.name, "; ".join(filter(None, (answer, certificate))))


def unanswered(seen: Seen, patience: Seconds) -> Iterator[Finding]:
    """Say which questions a healthy server did not answer, or not so that it is understood; each reason once."""
    if not _well(seen):
        return  # its health says it, and the rest follows from that
    reasons: dict[str, list[str]] = {}
    for question, outcome in seen.told.outcomes.items():
        path = _path(question, seen)
        if question == "dashboards" and isinstance(outcome, Answer) and outcome.status in _NO_LOGIN:
            continue  # that Grafana shows them to nobody is as it should be; the dashboards' own line says it
        if fault := _fault(path, outcome, seen, patience):
            reasons.setdefault(fault.replace(path, "its API"), []).append(question)
    for question, why in seen.told.faults.items():
        text = f"its answer at {_path(question, seen)} is not understood ({cleaned(why)}); is a proxy in between?"
        reasons[text] = [question]
    for fault, questions in reasons.items():
        text = f"well, but what it knows cannot be had: {fault}"
        yield Finding(Status.BROKEN, seen.asked.name, text, tuple(questions))


def _kind(seen: Seen) -> Kind:
    return KINDS[seen.asked.name]


def _well(seen: Seen) -> bool:
    paths = _kind(seen).health
    return all(
        answered(outcome) and path.recognised(outcome.body) for path, outcome in zip(paths, seen.health, strict=True)
    )


def _path(question: str, seen: Seen) -> str:
    kind = _kind(seen)
    return {**kind.questions, **kind.further}[question].path.partition("?")[0]


def _fault(path: str, outcome: Outcome, seen: Seen, patience: Seconds) -> str | None:
    """Say what is wrong with an outcome, and what to do; None if it is an answer."""
    if answered(outcome):
        return None
    if isinstance(outcome, Answer):
        return refusals.in_words(path, outcome, seen.asked)
    fault = seen.look.fault if seen.look else None
    if outcome.reason is Reason.TIMEOUT and fault and fault.connected:
        outcome = outcome._replace(connected=True)  # TCP was there, as the look has seen, and TLS was not
    elif outcome.reason in {Reason.TLS, Reason.RESET} and fault and fault.reason is Reason.TLS:
        outcome = fault  # in better words
    return troubles.in_words(outcome, seen.asked, patience)


def _stranger(asked: Asked, path: str, answer: Answer) -> str:
    said = f"'{answer.said}'" if answer.said else "an empty page"
    return (
        f"answers {path} with {said}, which {KINDS[asked.name].title} does not: another server, or a proxy, answers "
        f"there; correct {asked.key}.url"
    )
