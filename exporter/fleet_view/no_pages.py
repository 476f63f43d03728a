"""Why a host's page could not be had, in words: literal tables."""

from __future__ import annotations

from collectors.terms import Reason, Seconds
from exporter.fleet_view.culprits import CulpritKind, NoPage
from exporter.http_client.outcome import HttpAnswer, Trouble
from exporter.wording import cleaned, span

_TROUBLES = {
    Reason.DNS: "its name can't be looked up ({detail})",
    Reason.REFUSED: "nothing listens there, or a firewall refuses it",
    Reason.UNREACHABLE: "no way there ({detail})",
    Reason.TIMEOUT: "no connection within {patience}",
    Reason.RESET: "it closes the connection without a whole answer",
    Reason.TLS: "TLS: {detail}",
    Reason.BODY: "its answer has {detail}, which is no page of this program",
    Reason.LOCAL: "this host cannot ask: {detail}",
    Reason.PROTOCOL: "it does not answer in HTTP ({detail})",
}
_HANGS = "it takes the connection, and then does not answer within {patience}"
_STATUSES = {
    401: "it refuses the login (status 401): look at peers in the fleet file",
    403: "it refuses this host (status 403)",
    404: "it has no page there (status 404)",
    503: "it is too busy (status 503)",
}
_REDIRECTS = range(300, 400)
_ANSWERED = {Reason.TLS, Reason.BODY, Reason.PROTOCOL}
"""With these the program, or another one, has answered."""
_OURS = {Reason.DNS, Reason.LOCAL}
"""With these this host did not ask."""


def no_page(outcome: HttpAnswer | Trouble, patience: Seconds) -> NoPage:
    """Write why there is no page: the request ended in trouble, or with another status than 200."""
    if isinstance(outcome, HttpAnswer):
        moved = "it leads elsewhere, which is not followed (status {status})"
        other = moved if outcome.status in _REDIRECTS else "it answers with status {status}"
        return NoPage(_STATUSES.get(outcome.status, other).format(status=outcome.status), connected=True, answered=True)
    hangs = outcome.reason is Reason.TIMEOUT and outcome.connected
    text = _HANGS if hangs else _TROUBLES.get(outcome.reason, _TROUBLES[Reason.PROTOCOL])
    why = text.format(detail=cleaned(outcome.detail) or outcome.reason, patience=span(patience))
    ours = CulpritKind.MEASUREMENT if outcome.reason in _OURS else None
    return NoPage(why, outcome.connected, answered=outcome.reason in _ANSWERED, ours=ours)


def lacking(key: str) -> NoPage:
    """Write that this host cannot use the file that a key of its fleet file names. Its path is for the log alone."""
    return NoPage(f"this host cannot ask: {key} cannot be used; its log says why", ours=CulpritKind.CONFIGURATION)


def another_host() -> NoPage:
    """Write that the program there is another host's."""
    why = "it says that it is another host: look at --host there, and at this address in the fleet file"
    return NoPage(why, connected=True, answered=True)


def not_ours(place: str) -> NoPage:
    """Write that an answer is no page of this program; ``place`` is where it differs."""
    at = f" (at {place})" if place else ""
    return NoPage(f"its answer is no page of this program{at}", connected=True, answered=True)


def too_many(most: int) -> NoPage:
    """Write that a page has more pairs than there is room for."""
    return NoPage(f"its page has more than {most:,} pairs, its share of what fits here", connected=True, answered=True)
