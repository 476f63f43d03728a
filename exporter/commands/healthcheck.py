"""``latency-exporter healthcheck``: does the program on this machine answer? For a container's HEALTHCHECK.

The check has neither a certificate to trust nor a password to send, and needs none: a program that demands one is
alive. It asks in plain text first, then over TLS; any answer but a server error will do.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import ssl

from collectors.failures import from_os_error
from collectors.terms import Seconds
from collectors.transport.trust import client_context
from exporter.commands.terminal import FAULT, FINE, complain
from exporter.web.listen import DEFAULT, from_here, parse
from exporter.wording import host_and_port

_TIMEOUT: Seconds = 3.0
_SERVER_ERROR = 500
_REFUSALS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
}
"""OpenSSL's names (``ssl.SSLError.reason``) of refusals by a server that is alive: it wants a certificate of ours, or
another version of TLS."""


def run(flags: argparse.Namespace) -> int:
    """Ask the program at the first address that ``flags`` name."""
    host, port = (flags.listen or [parse(DEFAULT)])[0]
    problem = problem_of(host, port)
    return complain(f"latency-exporter: {problem}", FAULT) if problem else FINE


def problem_of(host: str, port: int) -> str | None:
    """Return what is wrong with the program that should listen there, or None."""
    address = from_here(host)
    plain = _ask(http.client.HTTPConnection(address, port, timeout=_TIMEOUT))
    if plain is None:
        return None
    secure = _ask(http.client.HTTPSConnection(address, port, timeout=_TIMEOUT, context=client_context(verify=False)))
    if secure is None:
        return None
    return f"{host_and_port(address, port)} is not well: {plain}" + ("" if secure == plain else f"; over TLS: {secure}")


def _ask(connection: http.client.HTTPConnection) -> str | None:
    handshaken = False
    try:
        connection.connect()
        handshaken = isinstance(connection.sock, ssl.SSLSocket)
        connection.request("GET", "/-/healthy")
        status = connection.getresponse().status
    except (ssl.SSLError, ConnectionError) as error:
        # TLS 1.3 demands a certificate after the handshake, and the end of the connection may overtake that alert.
        is_alive = handshaken or (isinstance(error, ssl.SSLError) and error.reason in _REFUSALS)
        return None if is_alive else _error_text(error)
    except (OSError, http.client.HTTPException) as error:
        return _error_text(error)
    finally:
        connection.close()
    return None if status < _SERVER_ERROR else f"status {status}"


def _error_text(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"no answer within {_TIMEOUT:g} s"
    if isinstance(error, socket.gaierror):
        return "the name has no address"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, OSError):
        return from_os_error(error).detail
    return "what answers there does not speak HTTP"
