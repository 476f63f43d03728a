"""What all kinds of probes have in common, as they are written in the fleet file."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from collectors.target import Target
from collectors.terms import IpFamily, Seconds
from exporter.config_files.net_values import Address, LiteralAddress
from exporter.config_files.problems import Finding, Loc
from exporter.config_files.sections import Section
from exporter.config_files.values import Duration, Flag, Interval, Names, Whole
from exporter.fleet.access import Asker, NamedFiles
from exporter.fleet.sections import Families

Aim = Callable[[str, IpFamily, Seconds], Target]
"""Returns the target at an address, over a family, with a timeout."""


_Hosts = Annotated[int, Whole(1, 100_000)]


class Sample(Section):
    """How many hosts each host probes; what is None are all."""

    within: _Hosts | None = None
    across: _Hosts | None = None


class Settings(Section):
    """The keys of every probe. A kind has one ``protocol``, keys of its own and ``aim``."""

    placeholder_key: ClassVar[str] = ""
    """The key in which ``{address}`` stands for the address; empty: the address itself is asked."""

    interval: Interval | None = None
    timeout: Duration | None = None
    ip_families: Families | None = None
    from_: Names | None = Field(None, alias="from")
    histogram: Flag = True
    protocol: str
    to: Names = ("exporters",)
    sample: Sample | None = None

    def aim(self, address: str, ip_family: IpFamily, timeout: Seconds) -> Target:
        """Return the target at an address. A kind has this, or its own ``aim_with_files``."""
        raise NotImplementedError  # never reached: asked for by ``aim_with_files`` alone, which such a kind replaces

    def aim_with_files(self, files: NamedFiles, loc: Loc, asker: Asker | None) -> Aim:  # noqa: ARG002 - for kinds that name files
        """Return ``aim`` with what the probe names in ``files``, which are read once for all targets.

        ``asker`` is the host that asks hosts of the fleet; None: an endpoint is asked.
        """
        return self.aim

    @property
    def sends_from(self) -> str | None:
        """The local address that it is sent from, where the kind has a key for it and that is written."""
        return None

    @property
    def own_address(self) -> str | None:
        """The ``address`` that an endpoint's own probe holds, if it does."""
        return None

    @property
    def fixed_host(self) -> str | None:
        """The host that is asked whatever address is given; None: the address is used."""
        return None

    @property
    def bare_port(self) -> int | None:
        """The port that it connects to and sends nothing to; None: there is no such port."""
        return None

    def asked_at(self, address: str) -> tuple[str, Hashable]:
        """Return the host that is asked when it is aimed at an address, and all else that makes a difference there."""
        return address, ()

    def unsatisfiable(self, loc: Loc) -> Iterable[Finding]:  # noqa: ARG002 - for kinds that have some
        """Find keys that no answer can ever satisfy."""
        return ()

    def warnings(self, loc: Loc) -> Iterable[Finding]:  # noqa: ARG002 - for kinds that have some
        """Find keys that are allowed, but seldom meant."""
        return ()


class SettingsWithSource(Settings):
    """The keys of a probe that can be sent from a given address of this host."""

    source_address: LiteralAddress | None = None

    @property
    def sends_from(self) -> str | None:
        return self.source_address


class EndpointSettings(Settings):
    """The key that only an endpoint's own probe has."""

    address: Address | None = None

    @property
    def own_address(self) -> str | None:
        return self.address
