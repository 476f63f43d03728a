"""Firewall rules with a counter of their own, so that a test can ask what a rule did."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from tests.netlab.shell import run

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one namespace; ``remove`` takes it out."""

    namespace: str
    command: str
    chain: str
    arguments: tuple[str, ...]
    comment: str

    def packets(self) -> int:
        """Return how many packets it has matched."""
        for line in iptables(self.namespace, self.command, "-nvxL", self.chain).splitlines():
            if f"/* {self.comment} */" in line:
                return int(line.split()[0])
        raise LookupError(f"rule {self.comment} is not in {self.chain} any more")

    def remove(self) -> None:
        """Let packets pass again."""
        iptables(self.namespace, self.command, "-D", self.chain, *self.arguments)


def add_rule(namespace: str, ip_family: str, chain: str, arguments: Sequence[str]) -> Rule:
    """Append a rule to a chain (``INPUT``, ``OUTPUT``) of ``ipv4`` or ``ipv6``."""
    command = {"ipv4": "iptables", "ipv6": "ip6tables"}[ip_family]
    comment = f"netlab-{next(_numbers)}"
    rule = Rule(namespace, command, chain, ("-m", "comment", "--comment", comment, *arguments), comment)
    iptables(namespace, command, "-A", chain, *rule.arguments)
    return rule


def iptables(namespace: str, command: str, *arguments: str) -> str:
    """Run ``iptables`` or ``ip6tables`` inside a namespace."""
    return run(["ip", "netns", "exec", namespace, command, "-w", *arguments])
