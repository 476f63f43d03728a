"""What was seen of a public name -> does it lead where it should."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.terms import Reason
from exporter.doctor.diagnosis import Status
from exporter.doctor.outcome import NameSeen, TlsSeen
from exporter.doctor.rules.names import public_name
from tests.exporter.doctor.values import DAY, NOW, trouble


def name(**changes: Any) -> NameSeen:
    plain: dict[str, Any] = {
        "name": "grafana.example",
        "host": "wfdb01",
        "addresses": ("192.0.2.1",),
        "host_addresses": ("192.0.2.1",),
        "fault": "",
        "host_fault": "",
        "tls": TlsSeen(NOW + 57 * DAY, None),
    }
    return NameSeen(**plain | changes)


def test_a_name_that_leads_to_its_host_with_a_good_certificate_is_well() -> None:
    finding = public_name(name(), NOW, 5.0)
    assert (finding.status, finding.what) == (Status.OK, "grafana.example")
    assert finding.text == "resolves to 192.0.2.1, which is wfdb01; the certificate is good for 57 days"


def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    finding = public_name(name(tls=TlsSeen(NOW + 2 * DAY, None)), NOW, 5.0)
    assert finding.status is Status.WARNING
    assert finding.text.endswith("the certificate expires in 2 days; renew it")


ELSEWHERE = "is not wfdb01 (192.0.2.1); change the record, or the host in stack.public_names"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"addresses": (), "fault": "grafana.example: Domain name not found", "tls": None},
            "cannot be resolved: grafana.example: Domain name not found; add a record that points to wfdb01",
        ),
        ({"addresses": ("192.0.2.9",)}, f"resolves to 192.0.2.9, which {ELSEWHERE}"),
        ({"addresses": ("192.0.2.1", "192.0.2.9")}, f"resolves to 192.0.2.9, which {ELSEWHERE}"),
        ({"addresses": ("2001:db8::1",)}, f"resolves to 2001:db8::1, which {ELSEWHERE}"),
        (
            {"tls": TlsSeen(NOW, trouble(Reason.TLS, "Hostname mismatch, certificate is not valid for 'x'."))},
            "the certificate served there does not cover it (Hostname mismatch, certificate is not valid for 'x'.); "
            "issue one that does",
        ),
        (
            {"tls": TlsSeen(NOW, trouble(Reason.TLS, "certificate has expired"))},
            "the certificate served there has expired; renew it",
        ),
        (
            {"tls": TlsSeen(NOW, trouble(Reason.TLS, "self-signed certificate"))},
            "nobody trusts the certificate served there (self-signed certificate): a proxy that has none for this "
            "name?",
        ),
        (
            {"tls": TlsSeen(None, trouble(Reason.REFUSED))},
            "nothing listens on its port 443, or a firewall refuses it; start what serves it",
        ),
        (
            {"tls": TlsSeen(None, trouble(Reason.TIMEOUT))},
            "no answer from its port 443 within 5 s; its host is down, or a firewall drops the packets",
        ),
        (
            {"tls": TlsSeen(None, trouble(Reason.TIMEOUT, connected=True))},
            "its port 443 takes the connection and then hangs, for 5 s",
        ),
        (
            {"tls": TlsSeen(None, trouble(Reason.RESET))},
            "its port 443 does not serve TLS: reset",
        ),
    ],
)
def test_each_way_to_lead_elsewhere_or_to_nothing_is_broken(changes: dict[str, Any], text: str) -> None:
    finding = public_name(name(**changes), NOW, 5.0)
    assert (finding.status, finding.text) == (Status.BROKEN, text)


def test_addresses_of_a_family_that_the_host_is_not_known_by_are_not_judged() -> None:
    both = ("192.0.2.1", "2001:db8::1")
    assert public_name(name(addresses=both), NOW, 5.0).status is Status.OK
    assert public_name(name(addresses=both, host_addresses=(*both, "2001:db8::2")), NOW, 5.0).status is Status.OK


def test_a_host_that_cannot_be_resolved_leaves_it_open_where_the_name_leads() -> None:
    finding = public_name(name(host_addresses=(), host_fault="wfdb01: no answer"), NOW, 5.0)
    assert finding.status is Status.WARNING
    assert finding.text.endswith("whether that is wfdb01 is not known: wfdb01: no answer")
