"""The buckets of the histograms: those that the fleet file names, and those without it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from collectors.terms import Seconds
from exporter.config_files.values import invalid, text_of
from exporter.wording import quoted

BUCKETS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2),
    *(0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0),
)
"""In seconds; dense from 100 to 500 ms, where continents are."""


def _bucket(value: object) -> Seconds:
    text = text_of(value, "a number of seconds")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,12})?", text):
        raise invalid(f"expected a number of seconds without a unit, such as 0.25, not {quoted(text)}")
    return float(text)


def _ascending(buckets: tuple[Seconds, ...]) -> tuple[Seconds, ...]:
    if not buckets:
        raise invalid("is empty; name at least one bucket, or leave the key out for the default")
    if buckets[0] <= 0:
        raise invalid("the first bucket must be above 0")
    for low, high in pairwise(buckets):
        if high <= low:
            raise invalid(f"must ascend, but {high:g} follows {low:g}")
    return buckets


Buckets = Annotated[tuple[Annotated[Seconds, BeforeValidator(_bucket)], ...], AfterValidator(_ascending)]
