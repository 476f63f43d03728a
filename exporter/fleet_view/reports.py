"""The page of a host, as JSON -> what it says of each pair, as plain values; what is no such page is ``BadReport``.

The page is another program's, which may be newer, broken or hostile. So pydantic reads it, whose parser is bounded in
depth: every number is finite and in bounds, every text is short and harmless to a terminal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, takewhile
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError

from collectors.terms import Reason, Seconds
from exporter.overview.losses import more_than_chance
from exporter.overview.text import own_health_in_words
from exporter.recording.latest import is_silent
from exporter.recording.own_health import OwnHealth
from exporter.wording import PART_OF_A_LINE, cleaned

_FEW = 5
"""The latest so many times give the round trip that is compared with the usual one."""
_MUCH = 0.05
_GONE, _FAILURES = frozenset({"lost", "sent again"}), frozenset({"lost", "failed"})
_SEVERAL, _OUTAGE = 2, 5
_THIS_HOST = "this host"

_Text = Annotated[str, Field(max_length=10_000), AfterValidator(lambda text: cleaned(text, PART_OF_A_LINE))]
_Word = Annotated[str, Field(max_length=300), AfterValidator(lambda text: cleaned(text, PART_OF_A_LINE))]
_Name = Annotated[str, Field(max_length=1_000)]
"""As it is: shown only where the own fleet file has it, too."""
_Duration = Annotated[float, Field(ge=0, le=1e12)]
_Count = Annotated[int, Field(ge=0, le=10**15)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Result = Annotated[float, Field(ge=0, le=1e12)] | Annotated[str, Field(max_length=20)]


class BadReport(Exception):  # noqa: N818 - it reads as the sentence it is
    """An answer that is no page of this program."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class Verdict(_Model):
    """A verdict as the page has it."""

    word: _Word | None
    why: _Text = ""


class Recent(NamedTuple):
    """What is needed of the latest results of a pair."""

    failures: int
    """How many of the latest in a row are failures."""
    bursts: tuple[int, ...]
    """How many in a row got lost, a first SYN included, each time that some did."""
    results: int
    """All but those that say nothing."""
    time: Seconds | None
    """The median of the latest few times."""

    @classmethod
    def of(cls, results: Sequence[float | str]) -> Recent:
        """Sum up results, the latest last."""
        failures = sum(1 for _ in takewhile(_FAILURES.__contains__, reversed(results)))
        decided = [result for result in results if result != "not measured"]
        runs = groupby(decided, _GONE.__contains__)
        times = sorted([result for result in results if isinstance(result, float)][-_FEW:])
        return cls(
            failures,
            tuple(len(list(run)) for gone, run in runs if gone),
            len(decided),
            times[(len(times) - 1) // 2] if times else None,
        )

    @property
    def loss(self) -> float:
        """The share that got lost."""
        return sum(self.bursts) / max(1, self.results)


_RESULTS = TypeAdapter(
    Annotated[list[_Result], Field(max_length=1_000)], config=ConfigDict(strict=True, allow_inf_nan=False)
)


class PairReport(_Model):
    """One pair, as the host that measures it has it now."""

    target: _Name
    database: _Name | None = None
    probe: _Word
    protocol: _Word
    ip_family: Literal["ipv4", "ipv6"]
    verdict: Verdict
    success: bool | None
    reason: _Word | None
    phase: _Word | None
    age: _Duration | None
    first_failure_ago: _Duration | None = None
    rtt: _Duration | None
    usual_rtt: _Duration | None
    usual_loss: _Share | None
    recent: Annotated[Recent, PlainValidator(lambda results: Recent.of(_RESULTS.validate_python(results)))]

    @property
    def name(self) -> str:
        """What people call the target."""
        return self.database or self.target

    @property
    def ours(self) -> bool:
        """Whether its trouble is that of the host that measures."""
        return self.verdict.word == _THIS_HOST or self.reason == Reason.LOCAL

    @property
    def tells(self) -> bool:
        """Whether it says anything of the way to its target: it was asked lately, and not only for its address."""
        return self.success is not None and not self.ours and self.reason != Reason.DNS

    @property
    def silent(self) -> bool:
        """Whether the latest probe failed because nothing came back."""
        return is_silent(self.reason, self.phase)

    @property
    def is_slow(self) -> bool:
        """Whether it is answered, and what it asks takes too long there, by its own host's verdict."""
        return bool(self.success) and self.verdict.word in {"peer", "database"}

    def refutes(self, other: PairReport) -> bool:
        """Return whether it was answered since the other one, which is silent, began to fail."""
        since = math.inf if other.first_failure_ago is None else other.first_failure_ago
        return not self.silent and (self.age or 0.0) <= since

    @property
    def loses(self) -> bool:
        """Whether more gets lost than usually, and than by chance. A long outage counts as one, and alone is over."""
        bursts, usual = self.recent.bursts, self.usual_loss or 0.0
        longest = max(bursts, default=0)
        repeated = longest - 1 if longest >= _OUTAGE else 0
        gone, results = sum(bursts) - repeated, self.recent.results - repeated
        is_much = gone > results * (_MUCH + 2 * usual) and more_than_chance(gone, results, usual)
        return len(bursts) >= _SEVERAL and is_much

    @property
    def round_trip(self) -> Seconds | None:
        """The network's round trip lately, by more than one result where the results are of nothing else."""
        return self.rtt if self.protocol == "http" or self.recent.time is None else self.recent.time


class ThisHost(_Model):
    """How a host's own measuring goes."""

    verdict: Verdict
    egress_queue: _Duration | None
    lateness: _Duration | None
    skipped: _Count
    overflows: _Count

    def in_words(self) -> str:
        """Write it as its own page has it."""
        return own_health_in_words(
            OwnHealth(
                egress_queue=self.egress_queue,
                lateness=self.lateness,
                skipped=self.skipped,
                overflows=self.overflows,
            )
        )


class Report(_Model):
    """What a host says."""

    this_host: ThisHost
    pairs: Annotated[tuple[PairReport, ...], Field(max_length=100_000)]


def read(body: bytes) -> Report:
    """Read a page; raises BadReport."""
    try:
        return Report.model_validate_json(body)
    except ValidationError as error:
        raise BadReport(_place(error)) from None


def _place(error: ValidationError) -> str:
    """Write where it is not as it should be; nothing of the answer itself is repeated but numbers of items."""
    loc = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    return ".".join(str(part) for part in loc if isinstance(part, int) or part.isidentifier())
