"""What the sections of the fleet file are made of, and share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from collectors.terms import IpFamily
from exporter.config_files.net_values import VariableName
from exporter.config_files.values import Label, Text, invalid

Scheme = Literal["http", "https"]


def _once(families: tuple[IpFamily, ...]) -> tuple[IpFamily, ...]:
    if len(set(families)) < len(families):
        raise invalid("names a family twice; keep one")
    return families


Families = Annotated[tuple[IpFamily, ...], Field(min_length=1), AfterValidator(_once)]


class Section(BaseModel):
    """A map of the file: no key beyond the fields, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class Place(Section):
    """Where something is, in its labels' words."""

    location: Label = ""
    datacenter: Label = ""
    country: Label = ""


class FileLogin(Section):
    """What a server is shown: user and password, a certificate and its key."""

    user: Label | None = None
    password_file: Text | None = None
    cert_file: Text | None = None
    key_file: Text | None = None


class Login(FileLogin):
    """The same, where the password may also come from a variable."""

    password_env: VariableName | None = None


class Peers(FileLogin):
    """How exporters reach each other's ``/ping``; what is None is the probe's own."""

    scheme: Scheme | None = None
    ca_file: Text | None = None
