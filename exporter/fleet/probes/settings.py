"""What all kinds of probes have in common, as they are written in the fleet file."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import ClassVar

from pydantic import Field

from collectors.target import Target
from collectors.terms import IpFamily, Seconds
from exporter.config_files.problems import Finding, Loc
from exporter.config_files.sections import Section
from exporter.config_files.values import Duration, Flag, Interval, Names
from exporter.fleet.access import Asker, Files
from exporter.fleet.sections import Families

Aim = Callable[[str, IpFamily, Seconds], Target]
"""Returns the target at an address, over a family, with a timeout."""


class Settings(Section):
    """What every probe can be told. A kind says its ``protocol``, adds keys of its own, and has ``aim``."""

    placeholder_key: ClassVar[str] = ""
    """The key in which ``{address}`` stands for the address; empty: the address itself is asked."""

    interval: Interval | None = None
    timeout: Duration | None = None
    ip_families: Families | None = None
    from_: Names | None = Field(None, alias="from")
    histogram: Flag = True
    protocol: str
    to: Names = ("exporters",)

    def aim(self, address: str, ip_family: IpFamily, timeout: Seconds) -> Target:
        """Return the target at an address."""
        raise NotImplementedError

    def aiming(self, files: Files, loc: Loc, asker: Asker | None) -> Aim:  # noqa: ARG002 - for kinds that name files
        """Return how to aim, with all that the probe names in ``files``: they are read once for all targets.

        ``asker`` asks hosts of the fleet; None: an endpoint is asked.
        """
        return self.aim

    @property
    def sends_from(self) -> str | None:
        """The address of ours that it is sent from, where the kind has that key and it is written."""
        return getattr(self, "source_address", None)

    @property
    def own_address(self) -> str | None:
        """The address within an endpoint's own probe."""
        return getattr(self, "address", None)

    @property
    def fixed_host(self) -> str | None:
        """The host that is asked whatever address is given; None: the address is used."""
        return None

    @property
    def bare_port(self) -> int | None:
        """The port to which it connects without a word; None: it does no such thing."""
        return None

    def asked_at(self, address: str) -> tuple[str, Hashable]:
        """Return the host that is asked if it is aimed at an address, and what else tells what is asked there."""
        return address, ()

    def unsatisfiable(self, loc: Loc) -> Iterable[Finding]:  # noqa: ARG002 - for kinds that have some
        """Find what no answer can ever satisfy."""
        return ()

    def warnings(self, loc: Loc) -> Iterable[Finding]:  # noqa: ARG002 - for kinds that have some
        """Find what is allowed, but seldom meant."""
        return ()
