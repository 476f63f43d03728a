"""A pair: what is scheduled, and by which labels its series are known."""

from __future__ import annotations

import dataclasses

from collectors.target import Target
from collectors.terms import IpFamily, Seconds

Identity = tuple[str, str, str, str, str, str, str, str]

LOGIN, QUERY = "login", "query"
"""The probes of a database, as people see them."""
READ = "read"
"""The probe of an n8n, likewise."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One probe toward one target over one family: the unit that is scheduled, and its labels.

    A database has two: ``LOGIN`` and ``QUERY``. An n8n has one, of its own name and without a place: wherever its
    database goes, its series stay the same.
    """

    target: str
    target_location: str
    target_datacenter: str
    target_country: str
    probe: str
    protocol: str
    ip_family: IpFamily
    interval: Seconds
    timeout: Seconds
    histogram: bool
    aim: Target
    database: str = ""
    """Its name in the fleet file, if this is about one."""
    maintenance: Seconds | None = None
    """That of the target, where it is a host of the fleet: see ``Host``."""

    @property
    def name(self) -> str:
        """What people call its target."""
        return self.database or self.target

    @property
    def place(self) -> str:
        """Where its packets go, as the address is written: pairs of one place are witnesses for one another."""
        return self.aim.host or self.target

    @property
    def slots(self) -> int:
        """How many slots it waits for others that are due: a query on a kept connection is far cheaper in company."""
        return 2 if self.database and self.probe == QUERY else 1

    @property
    def identity(self) -> Identity:
        """What its series are known by, also across a reload: the seven labels' values, and a database's name."""
        return (
            self.database,
            self.target,
            self.target_location,
            self.target_datacenter,
            self.target_country,
            self.probe,
            self.protocol,
            self.ip_family.value,
        )
