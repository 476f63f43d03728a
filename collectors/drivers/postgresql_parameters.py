"""How psycopg2 is to connect: all that libpq would otherwise take from the environment or somebody's home."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from collectors.contract import ProbeFailed
from collectors.login_target import LoginTarget
from collectors.terms import Reason

_NAME = "latency-exporter"
_NOWHERE = "/nonexistent/file"
_NO_PARAMETERS = (
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGDATESTYLE",
    "PGGEQO",
    "PGTZ",
    "PGSSLNEGOTIATION",
)
"""What libpq takes from the environment, and no parameter (of version 16) overrides."""
_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, SUSE and Alpine keep the system's: libpq wants a file, and its own build's is none of these."""


def of(target: LoginTarget, address: str) -> Mapping[str, Any]:
    """Return what ``psycopg2.connect`` takes; ``address`` is literal, or empty where there is a socket."""
    parameters: dict[str, Any] = {
        "user": target.user,
        "password": target.password.reveal() if target.password is not None else "",
        "dbname": target.dbname,
        "port": target.port,
        "host": target.socket or target.address,
        "hostaddr": "",
        "passfile": _NOWHERE,
        "application_name": _NAME,
        "client_encoding": "UTF8",
        "options": "",
        "require_auth": _methods(target),
        "requirepeer": "",
        "channel_binding": "prefer",
        "gssencmode": "disable",
        "krbsrvname": "postgres",
        "gssdelegation": "0",
        "replication": "",
        "target_session_attrs": "any",
        "load_balance_hosts": "disable",
        **_tls(target),
    }
    if target.socket is None:
        parameters |= {"hostaddr": address, **_keepalives(target)}
    return parameters


def clear_environment() -> None:
    """Hide from libpq what would change each connection; nothing else here needs it."""
    for name in _NO_PARAMETERS:
        os.unsetenv(name)


def _methods(target: LoginTarget) -> str:
    """Return the methods by which the server may authenticate us; libpq refuses others before it sends anything secret.

    The password itself, and its MD5, are for a server that is known to be the right one. Without a password
    there is none to lose, and any method is allowed: a certificate, the user of a Unix socket, a ticket.
    """
    if target.password is None:
        return "none,gss,scram-sha-256,password,md5"
    return "scram-sha-256,password,md5" if target.is_private else "scram-sha-256"


def _tls(target: LoginTarget) -> Mapping[str, str]:
    own = target.own_certificate
    return {
        "sslmode": "disable" if target.socket else target.tls,
        "sslrootcert": _authorities(target),
        "sslcrl": "",
        "sslcrldir": "",
        "ssl_min_protocol_version": "TLSv1.2",
        "ssl_max_protocol_version": "",
        "sslcert": own.cert_file if own else _NOWHERE,
        "sslkey": own.key_file if own else _NOWHERE,
        "sslcertmode": "allow",
        "sslsni": "1",
    }


def _authorities(target: LoginTarget) -> str:
    if target.socket or target.tls in {"disable", "require"}:
        return _NOWHERE  # with a file, libpq takes ``require`` for ``verify-ca``
    return target.tls_ca_file or _system_authorities()


def _system_authorities() -> str:
    for file in _AUTHORITIES:
        if os.access(file, os.R_OK):
            return file
    raise ProbeFailed(
        Reason.LOCAL, "no file of the system's authorities was found; set tls_ca_file", misconfigured=True
    )


def _keepalives(target: LoginTarget) -> Mapping[str, int]:
    """Return how soon a server that has gone is noticed between two reads."""
    return {
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": round(target.timeout * 1e3),
    }
