"""The kinds of probes that a fleet file can hold: all that is to be known of one is its class."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Discriminator, GetCoreSchemaHandler, Tag, create_model
from pydantic_core import CoreSchema

from exporter.config_files.net_values import Address
from exporter.config_files.values import Name
from exporter.fleet.probes.http import HttpProbe
from exporter.fleet.probes.icmp import IcmpProbe
from exporter.fleet.probes.settings import Settings
from exporter.fleet.probes.tcp import TcpProbe

KINDS: tuple[type[Settings], ...] = (IcmpProbe, TcpProbe, HttpProbe)
"""Every kind of probe; a new one is one more word here."""


def _protocol(kind: type[Settings]) -> str:
    (protocol,) = get_args(kind.model_fields["protocol"].annotation)
    return str(protocol)


def _of_an_endpoint(kind: type[Settings]) -> type[Settings]:
    doc = "An endpoint's own probe, which says whom."
    return create_model(f"Endpoint{kind.__name__}", __base__=kind, __doc__=doc, address=(Address | None, None))


PROBES: Mapping[str, type[Settings]] = {_protocol(kind): kind for kind in KINDS}
ENDPOINT_PROBES: Mapping[str, type[Settings]] = {name: _of_an_endpoint(kind) for name, kind in PROBES.items()}
"""By protocol, as an endpoint's own."""


def _tag(value: object) -> str | None:
    if isinstance(value, str):
        return "name"
    if isinstance(value, dict):
        protocol = value.get("protocol")
        return protocol if isinstance(protocol, str) and protocol != "name" else None
    return None


class _OneOf:
    """Lets pydantic choose among types, of which each is tagged with a protocol, or as a name."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types

    def __get_pydantic_core_schema__(self, _source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        tagged = tuple(Annotated[of, Tag(tag)] for tag, of in self._types.items())
        return handler.generate_schema(Annotated[functools.reduce(operator.or_, tagged), Discriminator(_tag)])


Probe = Annotated[Settings, _OneOf(PROBES)]
EndpointProbe = Annotated[str | Settings, _OneOf({"name": Name, **ENDPOINT_PROBES})]
