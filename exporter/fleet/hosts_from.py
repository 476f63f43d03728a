"""The section ``hosts_from`` of the fleet file: lists of hosts that are kept elsewhere, and how often each is read."""

from __future__ import annotations

import posixpath
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator

from collectors.terms import IpFamily
from exporter.config_files.net_values import Address, FixedUrl
from exporter.config_files.sections import Section
from exporter.config_files.values import Interval, OneOf, Text, as_list, invalid, not_empty
from exporter.fleet.sections import FileLogin, IpFamilyKey, Place
from exporter.wording import listed, quoted

_ENDINGS = {".json", ".yml", ".yaml"}
"""Of the files that Prometheus reads."""


def _patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if posixpath.splitext(pattern)[1] not in _ENDINGS:
            raise invalid(f"{quoted(pattern)} does not end in .json, .yml or .yaml, by which its format is known")
    return patterns


class HttpSd(FileLogin):
    """A list that an HTTP server has, as for Prometheus' http_sd_configs."""

    mechanism: ClassVar = "http_sd"
    url: FixedUrl
    ca_file: Text | None = None
    refresh_interval: Interval = 60.0

    def __str__(self) -> str:
        return self.url.partition("?")[0]  # a query may hold a token


class FileSd(Section):
    """A list in files, as for Prometheus' file_sd_configs."""

    mechanism: ClassVar = "file_sd"
    files: Annotated[tuple[Text, ...], BeforeValidator(as_list), AfterValidator(not_empty), AfterValidator(_patterns)]
    refresh_interval: Interval = 5.0

    def __str__(self) -> str:
        return listed(self.files)


class Dns(Section):
    """A name with one address for each host, such as that of a headless service."""

    mechanism: ClassVar = "dns"
    name: Address
    host_names: Annotated[Literal["reverse", "address"], OneOf("reverse", "address")] = "reverse"
    ip_family: IpFamilyKey = IpFamily.IPV4
    refresh_interval: Interval = 30.0

    def __str__(self) -> str:
        return self.name


class HostsFrom(Place):
    """One list. Its place is that of the hosts for which the list says none."""

    http_sd: HttpSd | None = None
    file_sd: FileSd | None = None
    dns: Dns | None = None

    @property
    def mechanisms(self) -> list[HttpSd | FileSd | Dns]:
        """What it names: exactly one, after the checks."""
        return [each for each in (self.http_sd, self.file_sd, self.dns) if each is not None]

    @property
    def mechanism(self) -> HttpSd | FileSd | Dns:
        """The one that it names."""
        (only,) = self.mechanisms
        return only

    def __str__(self) -> str:
        return f"{self.mechanism.mechanism} {self.mechanism}"


MECHANISMS = tuple(key for key in HostsFrom.model_fields if key not in Place.model_fields)
