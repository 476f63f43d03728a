"""The kinds of probes that a fleet file can hold: all that is to be known of one is its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, get_args

from pydantic import PlainValidator, TypeAdapter, ValidationError, create_model
from pydantic_core import InitErrorDetails, PydanticCustomError

from exporter.config_files.schema_errors import Keys
from exporter.config_files.values import Name, invalid, one_of
from exporter.fleet.probes.http import HttpProbe
from exporter.fleet.probes.icmp import IcmpProbe
from exporter.fleet.probes.settings import EndpointSettings, Settings
from exporter.fleet.probes.tcp import TcpProbe
from exporter.wording import listed, quoted

KINDS: tuple[type[Settings], ...] = (IcmpProbe, TcpProbe, HttpProbe)
"""Every kind of probe, in the order in which their loss is believed; a new one is one more word here, the last."""

Kinds = Mapping[str, type[Settings]]


def _protocol(kind: type[Settings]) -> str:
    (protocol,) = get_args(kind.model_fields["protocol"].annotation)
    return str(protocol)


def _of_an_endpoint(kind: type[Settings]) -> type[Settings]:
    doc = "An endpoint's own probe, which has the endpoint's address, too."
    return create_model(f"Endpoint{kind.__name__}", __base__=(kind, EndpointSettings), __doc__=doc)


PROBES: Kinds = {_protocol(kind): kind for kind in KINDS}
"""By protocol, in the order of ``KINDS``."""
ENDPOINT_PROBES: Kinds = {name: _of_an_endpoint(kind) for name, kind in PROBES.items()}
"""By protocol, as an endpoint's own."""
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def _probe(value: object) -> Settings:
    """Read one of ``probes``."""
    return _of_its_kind(value, PROBES, "")


def _endpoint_probe(value: object) -> str | Settings:
    """Read the probe of an endpoint: the name of one of ``probes``, or a probe of its own."""
    if isinstance(value, str):
        return _NAME.validate_python(value)
    return _of_its_kind(value, ENDPOINT_PROBES, " or the name of one in 'probes'")


def _of_its_kind(value: object, kinds: Kinds, or_else: str) -> Settings:
    """Choose the class by the protocol, so that the other keys are checked against those of one kind alone."""
    if not isinstance(value, dict):
        raise invalid(f"expected a map such as {{protocol: icmp}}{or_else}, not {quoted(value)}")
    try:
        if "protocol" not in value:
            raise invalid(f"missing; write one of {listed(kinds)}")
        kind = kinds[one_of(value["protocol"], kinds)]
    except PydanticCustomError as error:
        at_key = InitErrorDetails(type=error, loc=("protocol",), input=value)
        raise ValidationError.from_exception_data("probe", [at_key]) from None
    return kind.model_validate(value)


def keys_of(protocol: str, kinds: Kinds) -> Keys:
    """Return the keys of a kind, and those that only other kinds have."""
    known = kinds[protocol].known_keys()
    owners: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        for key in set(kind.known_keys()).difference(known):
            owners.setdefault(key, []).append(name)
    return Keys(known, {key: f"for protocol {protocol}; it belongs to {' and '.join(owners[key])}" for key in owners})


Probe = Annotated[Settings, PlainValidator(_probe)]
EndpointProbe = Annotated[str | Settings, PlainValidator(_endpoint_probe)]
