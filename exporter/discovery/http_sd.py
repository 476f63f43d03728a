"""A list that an HTTP server has: bounded in time and size, no redirect followed, as all that this program asks."""

from __future__ import annotations

import asyncio
import base64
import ssl
import urllib.parse
from collections.abc import Iterator

from collectors.contract import ProbeFailed
from collectors.terms import Reason, Seconds
from collectors.transport.trust import Contexts
from exporter.discovery.formats import MAX_BYTES
from exporter.discovery.no_list import NoList
from exporter.fleet import CheckedFile, HostsFrom, ListServer, list_server
from exporter.http_client.client import Client, session
from exporter.http_client.outcome import OK, HttpAnswer, Trouble
from exporter.wording import cleaned

DEADLINE: Seconds = 10.0
"""For the whole of an answer."""
_SHORTEST_TOKEN = 6
"""A shorter value of a query is a word that lists may have for other reasons."""
_REDIRECTS = range(300, 400)
_REFUSALS = {401, 403}
_TROUBLES = {
    Reason.DNS: "its name can't be looked up ({detail})",
    Reason.REFUSED: "nothing listens there, or a firewall refuses it",
    Reason.UNREACHABLE: "no way there ({detail})",
    Reason.RESET: "it closes the connection without a whole answer",
    Reason.TLS: "TLS: {detail}",
    Reason.BODY: "its answer has {detail}; split the list, or serve a shorter one",
    Reason.LOCAL: "this host cannot ask: {detail}",
}


async def answer(file: CheckedFile, entry: HostsFrom, contexts: Contexts) -> tuple[bytes, bool]:
    """Return what the server of an entry says, and whether it repeats a secret of ours; raises NoList."""
    server, trust = await asyncio.to_thread(_access, file, entry, contexts)
    deadline = asyncio.get_running_loop().time() + DEADLINE
    async with session("discovery", 1) as shared:
        outcome = await Client(shared, server, trust, deadline).get("", MAX_BYTES)
    if isinstance(outcome, Trouble):
        raise NoList(_trouble(outcome))
    if outcome.status != OK:
        raise NoList(_status(outcome))
    return outcome.body, any(secret in outcome.body for secret in _secrets(server))


def _secrets(server: ListServer) -> Iterator[bytes]:
    """Yield what no message may quote: the login, and what a token may be in the url."""
    if server.user and server.password:
        password = server.password.reveal()
        yield from (password.encode(), base64.b64encode(f"{server.user}:{password}".encode()))
    for pair in urllib.parse.urlsplit(server.url).query.split("&"):
        value = pair.partition("=")[2] or pair
        if len(value) >= _SHORTEST_TOKEN:
            yield from (value.encode(), urllib.parse.unquote_to_bytes(value))


def _access(file: CheckedFile, entry: HostsFrom, contexts: Contexts) -> tuple[ListServer, ssl.SSLContext | None]:
    """Return the server, and whom it is trusted by; in a thread, as files are read for it."""
    server, missing = list_server(file, entry)
    if missing:
        raise NoList(f"{missing[0].key}: {missing[0].message}")
    if not server.url.startswith("https:"):
        return server, None
    try:
        return server, contexts.get(server.ca_file, server.own_certificate, verify=True)
    except ProbeFailed as failed:
        raise NoList(failed.detail) from failed


def _trouble(trouble: Trouble) -> str:
    if trouble.reason is Reason.TIMEOUT:
        what = "it takes the connection, and does not answer in full" if trouble.connected else "no connection"
        return f"{what} within {DEADLINE:g} s"
    text = _TROUBLES.get(trouble.reason, "it does not answer in HTTP ({detail})")
    return text.format(detail=cleaned(trouble.detail) or trouble.reason)


def _status(answer: HttpAnswer) -> str:
    if answer.status in _REDIRECTS:
        return f"it leads elsewhere, which is not followed (status {answer.status}): write the url where the list is"
    if answer.status in _REFUSALS:
        return f"it refuses the login (status {answer.status}): look at user and password_file, or cert_file"
    return f"it answers with status {answer.status}"
