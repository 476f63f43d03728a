"""Bodies of the servers' APIs -> plain values; what does not look like them is ``Unreadable``, whatever it is.

Read by pydantic, whose parser is bounded in depth and ten times as frugal as ``json``: an answer may have 32 MiB.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

T = TypeVar("T")


class Unreadable(Exception):  # noqa: N818 - it reads as the sentence it is
    """A body that is no answer to what was asked."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Sample(_Model):
    """One series of an instant query."""

    metric: dict[str, str]
    value: tuple[float, float]
    """When, in seconds since the epoch, and what."""

    @property
    def number(self) -> float:
        """Give the value."""
        return self.value[1]


class Target(_Model):
    """One address that is scraped in one job."""

    labels: dict[str, str]
    discovered: Annotated[dict[str, str], Field(alias="discoveredLabels")] = {}
    pool: Annotated[str, Field(alias="scrapePool")] = ""
    url: Annotated[str, Field(alias="scrapeUrl")] = ""
    error: Annotated[str, Field(alias="lastError")] = ""
    scraped: Annotated[str, Field(alias="lastScrape")] = ""
    """When, by RFC 3339; a time long ago before the first scrape."""
    health: str = "unknown"

    @property
    def address(self) -> str:
        """Give the address as its list has it."""
        return self.discovered.get("__address__", "")


class AlertStatus(_Model):
    """What Alertmanager does with an alert: ``suppressed`` is silenced or inhibited."""

    state: str = ""


class Alert(_Model):
    """An alert as Prometheus' rules have it, with ``state``, and Alertmanager, with ``status``."""

    labels: dict[str, str]
    state: str = ""
    status: AlertStatus = AlertStatus()


class Rule(_Model):
    """A rule; ``type`` is ``alerting`` or ``recording``."""

    name: str
    type: str
    health: str = ""
    error: Annotated[str, Field(alias="lastError")] = ""
    alerts: list[Alert] = []


class Group(_Model):
    """A group of rules."""

    name: str
    rules: list[Rule]


class Dashboard(_Model):
    """A dashboard in Grafana."""

    uid: str
    title: str = ""
    tags: list[str] = []


class PushedGroup(_Model):
    """A group in a Pushgateway: its labels, and beside them a member for each name that was pushed."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)
    __pydantic_extra__: dict[str, Any]

    labels: dict[str, str]

    @property
    def metrics(self) -> dict[str, list[Any]]:
        """Give what was pushed, by name."""
        return {
            name: member["metrics"]
            for name, member in self.__pydantic_extra__.items()
            if isinstance(member, dict) and isinstance(member.get("metrics"), list)
        }


class _Vector(_Model):
    success: Annotated[Literal["success"], Field(alias="status")]

    class Data(_Model):
        result: list[Sample]

    data: Data


class _Targets(_Model):
    class Data(_Model):
        active: Annotated[list[Target], Field(alias="activeTargets")]

    data: Data


class _Rules(_Model):
    class Data(_Model):
        groups: list[Group]

    data: Data


class _Alertmanagers(_Model):
    class Data(_Model):
        active: Annotated[list[dict[str, Any]], Field(alias="activeAlertmanagers")]

    data: Data


class _Pushed(_Model):
    data: list[PushedGroup]


class _GrafanaHealth(_Model):
    database: str


_ALERTS = TypeAdapter(list[Alert])
_DASHBOARDS = TypeAdapter(list[Dashboard])


def vector(body: bytes) -> list[Sample]:
    """Read an instant query's answer."""
    return _read(TypeAdapter(_Vector), body).data.result


def targets(body: bytes) -> list[Target]:
    """Read Prometheus' active targets."""
    return _read(TypeAdapter(_Targets), body).data.active


def groups(body: bytes) -> list[Group]:
    """Read Prometheus' groups of rules."""
    return _read(TypeAdapter(_Rules), body).data.groups


def alertmanagers(body: bytes) -> int:
    """Read to how many Alertmanagers Prometheus sends."""
    return len(_read(TypeAdapter(_Alertmanagers), body).data.active)


def alerts(body: bytes) -> list[Alert]:
    """Read Alertmanager's alerts."""
    return _read(_ALERTS, body)


def dashboards(body: bytes) -> list[Dashboard]:
    """Read what Grafana has found."""
    return _read(_DASHBOARDS, body)


def grafana_database(body: bytes) -> str:
    """Read how Grafana's own database is; ``ok`` is well."""
    return _read(TypeAdapter(_GrafanaHealth), body).database


def pushed(body: bytes) -> list[PushedGroup]:
    """Read a Pushgateway's groups."""
    return _read(TypeAdapter(_Pushed), body).data


def _read(adapter: TypeAdapter[T], body: bytes) -> T:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"{place} is not what it should be" if place else "it is not what it should be"
        raise Unreadable("it is no JSON" if first["type"] == "json_invalid" else what) from None
