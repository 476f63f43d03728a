"""Names of a lab: the ``hosts`` and ``resolv.conf`` that its programs see instead of ``/etc``'s."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.netlab.namespaces import Namespace

NO_SERVER = "127.0.0.1"
"""Nothing listens there inside a namespace: a query is refused at once, it does not hang."""


def write_hosts(namespace: Namespace, names: Mapping[str, Iterable[str]]) -> None:
    """Write names and addresses. Running programs see them too: the file is bind-mounted, and rewritten in place."""
    known = [f"{address}\t{name}\n" for name, addresses in names.items() for address in addresses]
    text = "".join(["127.0.0.1\tlocalhost\n", "::1\tlocalhost\n", *known])
    (namespace.etc / "hosts").write_text(text, encoding="utf-8")


def write_resolver(namespace: Namespace, server: str, timeout: int = 1) -> None:
    """Write which name server is asked, once, and for how many whole seconds (resolv.conf(5) has no fractions)."""
    text = f"nameserver {server}\noptions timeout:{timeout} attempts:1\n"
    (namespace.etc / "resolv.conf").write_text(text, encoding="ascii")
