"""Bodies of the servers' APIs -> plain values; what does not look like them is ``BadBody``, whatever it is.

Read by pydantic, whose parser is bounded in depth and ten times as frugal as ``json``: an answer may have 32 MiB.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

T = TypeVar("T")


class BadBody(Exception):
    """A body that does not answer the question."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Sample(_Model):
    """One series of an instant query."""

    metric: dict[str, str]
    value: tuple[float, float]
    """The time, in seconds since the epoch, and the value."""

    @property
    def number(self) -> float:
        """The value."""
        return self.value[1]


class ActiveTarget(_Model):
    """One address that is scraped in one job."""

    labels: dict[str, str]
    discovered: Annotated[dict[str, str], Field(alias="discoveredLabels")] = {}
    pool: Annotated[str, Field(alias="scrapePool")] = ""
    url: Annotated[str, Field(alias="scrapeUrl")] = ""
    error: Annotated[str, Field(alias="lastError")] = ""
    scraped: Annotated[str, Field(alias="lastScrape")] = ""
    """The time by RFC 3339; before the first scrape a time long ago."""
    health: str = "unknown"

    @property
    def address(self) -> str:
        """The address as its list has it."""
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


class RuleGroup(_Model):
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
        """What was pushed, by name."""
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
        active: Annotated[list[ActiveTarget], Field(alias="activeTargets")]

    data: Data


class _Rules(_Model):
    class Data(_Model):
        groups: list[RuleGroup]

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


def targets(body: bytes) -> list[ActiveTarget]:
    """Read Prometheus' active targets."""
    return _read(TypeAdapter(_Targets), body).data.active


def groups(body: bytes) -> list[RuleGroup]:
    """Read Prometheus' groups of rules."""
    return _read(TypeAdapter(_Rules), body).data.groups


def alertmanagers(body: bytes) -> int:
    """Read the number of Alertmanagers that Prometheus sends to."""
    return len(_read(TypeAdapter(_Alertmanagers), body).data.active)


def alerts(body: bytes) -> list[Alert]:
    """Read Alertmanager's alerts."""
    return _read(_ALERTS, body)


def dashboards(body: bytes) -> list[Dashboard]:
    """Read Grafana's list of dashboards."""
    return _read(_DASHBOARDS, body)


def grafana_database(body: bytes) -> str:
    """Read the state of Grafana's own database; ``ok`` is well."""
    return _read(TypeAdapter(_GrafanaHealth), body).database


def pushed(body: bytes) -> list[PushedGroup]:
    """Read a Pushgateway's groups."""
    return _read(TypeAdapter(_Pushed), body).data


def _read(adapter: TypeAdapter[T], body: bytes) -> T:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join(map(str, first["loc"]))
        what = f"{path} is not what it should be" if path else "it is not what it should be"
        raise BadBody("it is no JSON" if first["type"] == "json_invalid" else what) from None
