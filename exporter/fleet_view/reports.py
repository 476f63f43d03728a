"""The page of a host, as JSON -> what it says of each pair, as plain values; what is no such page is ``BadReport``.

The page is another program's, which may be newer, broken or hostile. So pydantic reads it, whose parser is bounded in
depth: every number is finite and in bounds, every text is short and harmless to a terminal. It reads no further than
the first item that is wrong, for its words about one take more memory than the item.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from collectors.terms import Reason, Seconds
from exporter.fleet import PROBES
from exporter.overview.delays import is_slow_server
from exporter.overview.text import own_health_in_words
from exporter.recording.latest import is_silent
from exporter.recording.own_health import LONG_QUEUE, OwnHealth
from exporter.wording import cleaned

_LOST, _FAILURES = frozenset({"lost", "sent again"}), frozenset({"lost", "failed"})
_ALWAYS = 0.99
_LATEST = 5
"""Results that tell a program that is slow from a single answer that was."""
PATH_PROTOCOLS = tuple(PROBES)
"""In the order in which their loss is believed; what only databases say is no path of its own."""
_THIS_HOST, _MAINTENANCE = "this host", "in maintenance"

_Text = Annotated[str, Field(max_length=10_000), AfterValidator(cleaned)]
_Word = Annotated[str, Field(max_length=40), AfterValidator(cleaned)]
_Name = Annotated[str, Field(max_length=1_000)]
"""Not cleaned: it is written only if this host's own fleet file has it, too."""
_Duration = Annotated[float, Field(ge=0, le=1e12)]
_Left = Annotated[float, Field(ge=-1e12, le=1e12)]
_Count = Annotated[int, Field(ge=0, le=10**15)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Result = Annotated[float, Field(ge=0, le=1e12)] | Annotated[str, Field(max_length=20)]


class BadReport(Exception):
    """An answer that is no page of this program."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class VerdictReport(_Model):
    """A verdict, as on the page."""

    word: _Word | None
    why: _Text = ""


class RecentResults(NamedTuple):
    """A summary of the latest results of a pair."""

    failures: int
    """How many of the latest in a row are failures."""
    loss: float
    """The share that got lost, a first SYN included; results that say nothing do not count."""
    latest: Sequence[Seconds]
    """How long the latest answers took: whole responses, or logins."""

    @classmethod
    def of(cls, results: Sequence[float | str]) -> RecentResults:
        """Sum up results, the latest last."""
        failures = sum(1 for _ in takewhile(_FAILURES.__contains__, reversed(results)))
        decided = [result for result in results if result != "not measured"]
        loss = sum(result in _LOST for result in decided) / max(1, len(decided))
        return cls(failures, loss, [result for result in results[-_LATEST:] if isinstance(result, float)])


_RESULTS = TypeAdapter(
    Annotated[list[_Result], Field(max_length=1_000), FailFast()], config=ConfigDict(strict=True, allow_inf_nan=False)
)


class PathReport(_Model):
    """The way to a host, as the one that measures it judges it; all its pairs over one family share it."""

    fault: Literal["silent", "lossy", "slow"] | None
    uneven: bool
    heard_ago: _Duration | None = None
    """How long ago the host answered anything; None: not lately."""


class PairReport(_Model):
    """One pair, as the host that measures it has it now."""

    target: _Name
    database: _Name | None = None
    probe: _Text
    protocol: _Word
    ip_family: Literal["ipv4", "ipv6"]
    verdict: VerdictReport
    path: PathReport | None = None
    """None: nothing is known of it, or the page is of an older version."""
    success: bool | None
    reason: _Word | None
    phase: _Word | None
    age: _Duration | None
    """How long ago the latest probe was decided."""
    first_failure_ago: _Duration | None = None
    """How long ago the first of the failures in a row was decided; None in older versions, too."""
    rtt: _Duration | None
    usual_rtt: _Duration | None
    usual_loss: _Share | None
    usual_server: _Duration | None = None
    round_trips: _Count | None = None
    certificate_left: _Left | None = None
    """How long the served certificate is still valid, if that is too short; None in older versions, too."""
    recent: Annotated[
        RecentResults, PlainValidator(lambda results: RecentResults.of(_RESULTS.validate_python(results)))
    ]

    @property
    def name(self) -> str:
        """The name of the database, or else of the target."""
        return self.database or self.target

    @property
    def ours(self) -> bool:
        """Whether the host that measures is itself at fault."""
        return self.verdict.word == _THIS_HOST or self.reason == Reason.LOCAL

    @property
    def is_of_a_path(self) -> bool:
        """Whether it says something of the way to its target."""
        return self.protocol in PATH_PROTOCOLS

    @property
    def is_quiet(self) -> bool:
        """Whether its target is in maintenance, where any trouble is expected."""
        return self.verdict.word == _MAINTENANCE

    @property
    def silent(self) -> bool:
        """Whether the latest probe failed because nothing came back."""
        return is_silent(self.reason, self.phase)

    @property
    def always_lost(self) -> bool:
        """Whether usually nothing comes back, so that silence is no news."""
        return (self.usual_loss or 0.0) > _ALWAYS

    @property
    def is_slow(self) -> bool:
        """Whether it is answered too slowly by the program or database, by its own host's verdict."""
        return bool(self.success) and self.verdict.word in {"peer", "database"}

    @property
    def late_answers(self) -> int:
        """How many of its latest answers took too long, if the last one did."""
        network = (self.rtt or 0.0) * (self.round_trips or 1)
        late = sum(is_slow_server(answer - network, self.usual_server) for answer in self.recent.latest)
        return max(1, late) if self.is_slow else 0


class ThisHost(_Model):
    """How well a host itself measures."""

    verdict: VerdictReport
    host: _Name = ""
    """Which host of the fleet it is; empty in older versions."""
    egress_queue: _Duration | None
    lateness: _Duration | None
    skipped: _Count
    overflows: _Count

    @property
    def queue_is_full(self) -> bool:
        """Whether its own transmit queue delays or drops packets."""
        return (self.egress_queue or 0.0) > LONG_QUEUE

    def in_words(self) -> str:
        """Write it in the words of its own page."""
        return own_health_in_words(
            OwnHealth(
                egress_queue=self.egress_queue,
                lateness=self.lateness,
                skipped=self.skipped,
                overflows=self.overflows,
            )
        )


class HostReport(_Model):
    """The page of a host."""

    this_host: ThisHost
    pairs: Annotated[tuple[PairReport, ...], Field(max_length=100_000), FailFast()]


def read(body: bytes) -> HostReport:
    """Read a page; raises BadReport."""
    try:
        return HostReport.model_validate_json(body)
    except ValidationError as error:
        raise BadReport(_place(error)) from None


def _place(error: ValidationError) -> str:
    """Write the place of the first error. Nothing of the answer itself is repeated but the numbers of items."""
    loc = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    return ".".join(str(part) for part in loc if isinstance(part, int) or part.isidentifier())
