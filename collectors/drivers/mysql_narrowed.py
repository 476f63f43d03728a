"""mysql-connector-python, in pure Python, narrowed where a server would choose what it does.

By itself it loads a plugin by the name that a server sends, shows the password itself without TLS
(``caching_sha2_password``) or inside TLS that nobody has verified, goes on without TLS where a server offers none,
tells it of this host, logs what it sends, and allocates what a server announces. Here a server gets the password itself
over a private way alone, and asks by one of four methods.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from mysql.connector import Error
from mysql.connector.authentication import MySQLAuthenticator
from mysql.connector.connection import MySQLConnection
from mysql.connector.constants import ClientFlag
from mysql.connector.logger import logger
from mysql.connector.network import MySQLTCPSocket, NetworkBrokerPlain

from collectors.contract import ProbeFailed
from collectors.drivers.turn import Turn
from collectors.terms import Phase, Reason, Seconds

_PROVED = frozenset({"mysql_native_password", "caching_sha2_password"})
"""Methods that prove the password; the second asks for it itself after a server's start."""
_CLEAR, _SHA256 = "mysql_clear_password", "sha256_password"
"""Methods that show the password; the second inside TLS alone, over a Unix socket too."""
_FIRST = "mysql_native_password"
"""What is offered where the server's own first choice is another; it switches to what the user has."""
_SWITCH = b"\xfe"
"""Begins a packet that asks by another method; alone: by the one of MySQL 4.0."""
_ANY_VERSION = (8, 0, 0)
_LONGEST = 64 * 1024
"""Bytes of a packet, as in ``collectors.sql.dialogue``."""
_MILLIONS = b"\xfd"
"""The first byte of a number of three bytes. The library allocates as many columns as a server announces."""
_PATIENCE = 0.25
"""Of the time left: how long the server's refusal is waited for."""

logger.disabled = True  # its debug lines hold the answers to passwords


class MethodRefused(ProbeFailed):
    """The server asks for the password in a way in which it must not get it, or cannot."""

    def __init__(self, detail: str, answer: bytes = b"\0") -> None:
        super().__init__(Reason.AUTH, detail, misconfigured=True)
        self.answer = answer
        """What proves nothing, of a shape that the server expects: another one would count as breaking off."""


def _shows(method: str) -> MethodRefused:
    return MethodRefused(
        f"the server asks for the password itself ({method}), which it only gets inside verified TLS (tls: verify-full)"
    )


class TlsNotOffered(Exception):
    """The server offers no TLS."""


class Link(NamedTuple):
    """A connection on which nothing was sent yet, and how it is to be used."""

    sock: socket.socket
    close: Callable[[], None]
    """Closes the socket, if the library has not."""
    context: ssl.SSLContext | None
    """For TLS; None: without."""
    host: str
    private: bool
    """Only the right server can read what is sent."""


class _Packets(NetworkBrokerPlain):
    """Reads what there is room for; what a server announces would else be allocated before it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.room = 0
        """How many bytes may still come."""

    def _recv_chunk(self, sock: socket.socket, size: int = 0) -> bytearray:
        if size > _LONGEST:
            raise ProbeFailed(Reason.PROTOCOL, f"announces a message of {size} bytes")
        self.room -= size
        if self.room < 0:
            raise ProbeFailed(Reason.PROTOCOL, "the answer is longer than 256 KiB")
        return super()._recv_chunk(sock, size)


class NarrowedSocket(MySQLTCPSocket):
    """A socket that was connected before. It counts what comes, and shows the password over a private way alone."""

    def __init__(self, link: Link, password: str, turn: Turn) -> None:
        super().__init__(link.host)
        self.sock = link.sock
        self._link, self._turn = link, turn
        self._shown = password.encode("utf-8", "surrogatepass") + b"\0" if password and not link.private else None
        self.secured: Seconds | None = None
        """When TLS was complete, by the monotonic clock."""
        self._netbroker = self._packets = _Packets()
        self.last = b""
        """How the latest packet begins, after its head."""

    def begin(self, room: int, turn: Turn) -> None:
        """Let so many bytes come, in the time of a turn."""
        self._packets.room = room
        self.set_connection_timeout(turn.left)  # type: ignore[arg-type]  # a part of a second will do

    def open_connection(self) -> None:
        """Do nothing: it is open."""

    def build_ssl_context(self, *_: Any, **__: Any) -> ssl.SSLContext | None:  # noqa: ANN401 - as it is there
        return self._link.context

    def switch_to_ssl(self, ssl_context: ssl.SSLContext, _host: str) -> None:
        """Begin TLS; the certificate has to be for the name in the fleet file. Raises as ``ssl`` does."""
        self.sock = ssl_context.wrap_socket(self._link.sock, server_hostname=self._link.host)
        self.secured, self._turn.facts.phase = time.monotonic(), Phase.AUTH

    def send(self, payload: bytes, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as it is there
        if payload == self._shown:
            raise _shows("caching_sha2_password")
        super().send(payload, *arguments, **named)

    def decline(self, answer: bytes) -> None:
        """Prove nothing, and let the server refuse that: a login that is broken off would be counted against us."""
        with contextlib.suppress(Error, OSError):
            self.set_connection_timeout(_PATIENCE * self._turn.left)  # type: ignore[arg-type]  # a part of a second will do
            self.send(answer)
            self.recv()

    def recv(self, read_timeout: int | None = None) -> bytearray:
        packet = super().recv(read_timeout)
        self.last = bytes(packet[4:5])
        return packet


class _Authenticator(MySQLAuthenticator):
    """Takes no other method than those that are allowed, and has the server refuse a login that asks for one."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._private, self._at_socket = link.private, link.private and link.context is None

    @property
    def ssl_enabled(self) -> bool:
        """Whether methods that show the password may do so: a Unix socket is as private as TLS."""
        return self._at_socket or bool(super().ssl_enabled)

    def _handle_server_response(self, sock: Any, pkt: bytes) -> bytes | None:  # noqa: ANN401 - as it is there
        try:
            return self._answered(sock, pkt)
        except MethodRefused as refused:
            sock.decline(refused.answer)
            raise

    def _answered(self, sock: Any, pkt: bytes) -> bytes | None:  # noqa: ANN401 - likewise
        if pkt[4:] == _SWITCH:
            raise MethodRefused("the server asks for an old hash (mysql_old_password), which proves too little", b"")
        answer = super()._handle_server_response(sock, pkt)
        if answer is None and sock.last == _SWITCH:
            raise MethodRefused("the server asks by a second method, when the first was answered")
        return answer

    def _switch_auth_strategy(self, new_strategy_name: str, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as it is there
        if new_strategy_name == _SHA256 and self._at_socket:
            raise MethodRefused(
                "the server asks for sha256_password, which works inside TLS alone; instead of the socket set host, "
                "with tls: verify-full"
            )
        if new_strategy_name in {_CLEAR, _SHA256} and not self._private:
            raise _shows(new_strategy_name)
        if new_strategy_name not in {*_PROVED, _CLEAR, _SHA256}:
            raise MethodRefused("the server asks by a method that the driver does not know")
        super()._switch_auth_strategy(new_strategy_name, *arguments, **named)


class NarrowedConnection(MySQLConnection):
    """Asks for nothing after the login, and gives up where the server asks for what it must not get."""

    def __init__(self, ours: NarrowedSocket, link: Link) -> None:
        super().__init__()
        self._ours, self._link = ours, link
        self._authenticator = _Authenticator(link)

    def _get_connection(self) -> NarrowedSocket:
        return self._ours

    @staticmethod
    def _check_server_version(_: str | bytes) -> tuple[int, ...]:
        """Return one for all: a text that is none (``8.0``, a proxy's name) would end the login, for nothing."""
        return _ANY_VERSION

    def _do_handshake(self) -> None:
        super()._do_handshake()
        handshake: Any = self._handshake
        if self._link.context is not None and not handshake["capabilities"] & ClientFlag.SSL:
            raise TlsNotOffered
        self._auth_plugin = handshake["auth_plugin"] if handshake["auth_plugin"] in _PROVED else _FIRST

    def _post_connection(self) -> None:
        """Do nothing: what it asks for is agreed on in the login."""

    def _handle_result(self, packet: bytes, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as it is there
        if packet[4:5] == _MILLIONS:
            raise ProbeFailed(Reason.PROTOCOL, "announces more columns than a table can have")
        return super()._handle_result(packet, *arguments, **named)

    def _handle_load_data_infile(self, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - as it is there
        raise ProbeFailed(Reason.PROTOCOL, "the server asks for a file of this host")

    @property
    def is_mariadb(self) -> bool:
        """Whether the greeting says so."""
        handshake: Any = self._handshake
        return "MariaDB" in handshake["server_version_original"]
