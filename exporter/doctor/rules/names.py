"""A public name: does it lead to its host, and is the certificate served there for it."""

from __future__ import annotations

import re

from collectors.literals import literal_family
from collectors.terms import Reason, Seconds
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.outcome import NameSeen
from exporter.doctor.rules.expiry import expiry
from exporter.http_client.outcome import Trouble
from exporter.wording import cleaned, some, span

_TLS = (
    ("mismatch", "the certificate served there does not cover it ({detail}); issue one that does"),
    ("expired", "the certificate served there has expired; renew it"),
    ("self.signed", "nobody trusts the certificate served there ({detail}): a proxy that has none for this name?"),
    ("", "TLS there: {detail}"),
)
_TEXTS = {
    Reason.REFUSED: "nothing listens on its port 443, or a firewall refuses it; start what serves it",
    Reason.TIMEOUT: "no answer from its port 443 within {patience}; its host is down, or a firewall drops the packets",
}
_HANGS = "its port 443 takes the connection and then hangs, for {patience}"
_OTHER = "its port 443 does not serve TLS: {reason} {detail}"


def public_name(seen: NameSeen, now: float, patience: Seconds) -> Diagnosis:
    """Judge a public name; ``now`` in seconds since the epoch."""
    faults = list(filter(None, (_elsewhere(seen), _not_served(seen.tls.fault if seen.tls else None, patience))))
    if not seen.addresses:
        faults = [f"cannot be resolved: {cleaned(seen.fault)}; add a record that points to {seen.host}"]
    if faults:
        return Diagnosis(Status.BROKEN, seen.name, "; ".join(faults))
    soon, certificate = expiry(seen.tls, now)
    sentences = [f"resolves to {some(seen.addresses)}", certificate]
    if seen.host_addresses:
        sentences[0] += f", which is {seen.host}"
    else:
        sentences.append(f"whether that is {seen.host} is not known: {cleaned(seen.host_fault)}")
    status = Status.WARNING if soon or not seen.host_addresses else Status.OK
    return Diagnosis(status, seen.name, "; ".join(filter(None, sentences)))


def _elsewhere(seen: NameSeen) -> str:
    """Say that a name leads to another host: of the families that both have, each address has to be the host's."""
    families = {literal_family(address) for address in seen.host_addresses}
    comparable = [address for address in seen.addresses if literal_family(address) in families]
    strange = [address for address in comparable if address not in seen.host_addresses]
    if not families or (comparable and not strange):
        return ""
    return (
        f"resolves to {some(strange or seen.addresses)}, which is not {seen.host} ({some(seen.host_addresses)}); "
        "change the record, or the host in stack.public_names"
    )


def _not_served(fault: Trouble | None, patience: Seconds) -> str:
    """Return what is wrong with what is served there by HTTPS."""
    if fault is None:
        return ""
    text = _TEXTS.get(fault.reason, _OTHER)
    if fault.reason is Reason.TLS:
        text = next(text for pattern, text in _TLS if re.search(pattern, fault.detail, re.IGNORECASE))
    elif fault.reason is Reason.TIMEOUT and fault.connected:
        text = _HANGS
    facts = {"detail": cleaned(fault.detail), "patience": span(patience), "reason": fault.reason.value}
    return text.format(**facts).strip()
