"""What Prometheus or VictoriaMetrics say of a scrape that failed -> what is likely the cause, and what to do."""

from __future__ import annotations

import re

from exporter.wording import cleaned

_CAUSES = (
    (r"no such host|server misbehaving|lookup ", "{server} cannot resolve its name: look at the resolver there"),
    (
        r"deadline exceeded|timeout|Client\.Timeout|timed out",
        "no answer in time: its host is down or hangs, or a firewall drops the packets of {server}",
    ),
    (
        r"connection refused",
        "nothing listens at {address}: start latency-exporter there, or correct its port; a firewall may refuse, too",
    ),
    (r"no route to host|network is unreachable", "no way there from {server}: its host is down, or a route is missing"),
    (r"\b(status|code)\b.*\b(401|403)\b", "its login is refused: correct user and password_file of the scrape job"),
    (r"\b(status|code)\b.*\b404\b", "no such page there: correct path, or port, of the scrape job"),
    (r"gave HTTP response to HTTPS|does not look like a TLS", "it speaks no TLS: correct scheme of the scrape job"),
    (
        r"malformed HTTP|\b(status|code)\b.*\b400\b",
        "it does not understand: does it serve TLS? correct scheme of the scrape job",
    ),
    (r"x509|certificate|tls: ", "its certificate is not trusted: correct it, or ca_file of the scrape job"),
    (r"sample.?limit", "its page has more samples than allowed: paste the stanzas of scrape-configs again"),
    (
        r"connection reset|closed? (the )?connection|closes all|EOF",
        "the connection was cut: its program crashed, or a proxy or firewall ended it",
    ),
)


def cause(error: str, server: str, address: str) -> str:
    """Explain the last error of a target at ``address`` that ``server`` scrapes."""
    error = error[:2000]
    for pattern, text in _CAUSES:
        if re.search(pattern, error, re.IGNORECASE):
            return text.format(server=server, address=address)
    return cleaned(error) or "no reason is told"
