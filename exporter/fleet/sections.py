"""What sections of the fleet file have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from collectors.terms import IpFamily
from exporter.config_files.net_values import VariableName
from exporter.config_files.sections import Section
from exporter.config_files.values import Label, OneOf, Text, invalid, not_empty

Scheme = Annotated[Literal["http", "https"], OneOf("http", "https")]
IpFamilyKey = Annotated[IpFamily, OneOf(*IpFamily)]


def _once(families: tuple[IpFamily, ...]) -> tuple[IpFamily, ...]:
    if len(set(families)) < len(families):
        raise invalid("names a family twice; keep one")
    return families


Families = Annotated[tuple[IpFamilyKey, ...], AfterValidator(not_empty), AfterValidator(_once)]


class Place(Section):
    """Where something is: the values of its labels."""

    location: Label = ""
    datacenter: Label = ""
    country: Label = ""


class FileLogin(Section):
    """How a client proves who it is: a user with a password, a certificate with its key."""

    user: Label | None = None
    password_file: Text | None = None
    cert_file: Text | None = None
    key_file: Text | None = None


class FileOrVariableLogin(FileLogin):
    """The same, where the password may also come from a variable."""

    password_env: VariableName | None = None


class Peers(FileLogin):
    """How exporters reach each other's ``/ping``; what is None is taken from the probe."""

    scheme: Scheme | None = None
    ca_file: Text | None = None
