"""A probe by ICMP, as it is written in the fleet file."""

from __future__ import annotations

from typing import Annotated, Literal

from collectors.icmp.target import IcmpTarget
from collectors.terms import IpFamily, Seconds
from exporter.config_files.values import Names, Whole
from exporter.fleet.probes.settings import SettingsWithSource


class IcmpProbe(SettingsWithSource):
    """An echo request."""

    protocol: Literal["icmp"]
    to: Names = ("all",)
    payload_bytes: Annotated[int, Whole(8, 65000)] = 56
    dscp: Annotated[int, Whole(0, 63)] = 0

    def aim(self, address: str, ip_family: IpFamily, _timeout: Seconds) -> IcmpTarget:
        return IcmpTarget(
            address=address,
            ip_family=ip_family,
            payload_bytes=self.payload_bytes,
            dscp=self.dscp,
            source_address=self.source_address,
        )
