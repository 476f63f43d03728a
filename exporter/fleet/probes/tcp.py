"""A probe by TCP, as it is written in the fleet file."""

from __future__ import annotations

from typing import Literal

from collectors.tcp import TcpTarget
from collectors.terms import IpFamily, Seconds
from exporter.config_files.values import Port
from exporter.fleet.probes.settings import SettingsWithSource


class TcpProbe(SettingsWithSource):
    """A handshake."""

    protocol: Literal["tcp"]
    port: Port

    @property
    def bare_port(self) -> int:
        return self.port

    def aim(self, address: str, ip_family: IpFamily, timeout: Seconds) -> TcpTarget:
        return TcpTarget(
            address=address,
            ip_family=ip_family,
            port=self.port,
            source_address=self.source_address,
            timeout=timeout,
        )
