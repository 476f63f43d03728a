"""Why a server gave no answer, in words, with what to do: literal tables."""

from __future__ import annotations

import re

from collectors.terms import Reason, Seconds
from exporter.doctor.servers import KINDS
from exporter.doctor.stack import StackServer
from exporter.http_client.outcome import Trouble
from exporter.wording import cleaned, span

_TEXTS = {
    Reason.DNS: "{detail}; correct {key}.url, or the name's record",
    Reason.REFUSED: "nothing listens on {host_port}, or a firewall refuses it; start it, or correct {key}.url",
    Reason.UNREACHABLE: "no way to {host_port} ({detail}); look at its host, and at routes and firewalls on the way",
    Reason.TIMEOUT: "no answer from {host_port} within {patience}; its host is down, or a firewall drops the packets",
    Reason.RESET: "{host_port} closes the connection without an answer{whole}; look at its log, and at {key}.url",
    Reason.TLS: "TLS: {detail}; {advice}",
    Reason.BODY: "its answer has {detail}; is {key}.url that of {title}?",
    Reason.LOCAL: "this machine cannot ask: {detail}",
    Reason.PROTOCOL: "{host_port} does not answer in HTTP ({detail}); if it serves TLS, write https:// in {key}.url",
}
_HANGS = "{host_port} takes the connection and then hangs, for {patience}; look at its log, restart it"
_ASKS = "asks for a client certificate"
_TLS_ADVICE = (
    ("has expired", "renew it"),
    ("not yet valid", "look at the clocks, there and here"),
    ("mismatch|not valid for", "let {host_port} serve one for {host}, or correct {key}.url"),
    (
        "self.signed|authority is not known|chain is incomplete",
        "name its authority as {key}.ca_file; a proxy without a certificate for {host} serves one signed by itself",
    ),
    ("does not speak TLS", "write http:// in {key}.url"),
    (_ASKS, "name one of an authority that it trusts, and its key, as {key}.cert_file and key_file"),
    ("", "look at the TLS of {host_port}"),
)


def _without_advice(detail: str) -> str:
    """Leave out what a probe's failure says of keys: the doctor names its own."""
    before, asks, _ = detail.partition(_ASKS)
    return before + asks


def trouble_text(trouble: Trouble, server: StackServer, patience: Seconds) -> str:
    """Return why there is no answer after ``patience``, and what to do."""
    facts = {
        "detail": cleaned(_without_advice(trouble.detail)),
        "host_port": server.host_port,
        "host": server.host,
        "key": server.key,
        "title": KINDS[server.name].title,
        "patience": span(patience),
        "whole": " that is whole" if trouble.detail else "",
    }
    advice = next(advice for pattern, advice in _TLS_ADVICE if re.search(pattern, trouble.detail, re.IGNORECASE))
    hangs = trouble.reason is Reason.TIMEOUT and trouble.connected
    text = _HANGS if hangs else _TEXTS.get(trouble.reason, _TEXTS[Reason.PROTOCOL])
    return text.format(**facts, advice=advice.format(**facts))
