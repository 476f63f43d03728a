"""A probe by TCP, as it is written in the fleet file."""

from __future__ import annotations

from typing import Literal

from collectors.contract import IpFamily, Seconds
from collectors.tcp import TcpTarget
from exporter.fleet.net_values import LiteralAddress
from exporter.fleet.probes.settings import Settings
from exporter.fleet.values import Port


class TcpProbe(Settings):
    """A handshake."""

    protocol: Literal["tcp"]
    port: Port
    source_address: LiteralAddress | None = None

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
