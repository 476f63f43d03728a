"""The type of the regular expression that a body has to match."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import PlainValidator

from collectors.http.target import Expression
from exporter.config_files.values import MAX_TEXT, invalid, text_of
from exporter.wording import quoted


def _compiled(value: object) -> Expression:
    text = text_of(value, "a regular expression")
    if len(text) > 10 * MAX_TEXT:
        raise invalid(f"is {len(text)} characters long; at most {10 * MAX_TEXT} are allowed")
    import re2  # noqa: PLC0415 - 3 MB, which a file without expressions saves

    quiet = re2.Options()
    quiet.log_errors = False
    try:
        return cast(Expression, re2.compile(text, quiet))
    except re2.error as error:
        raise invalid(f"{quoted(text)} is no regular expression of RE2: {error.args[0].decode()}") from None


BodyExpression = Annotated[Expression, PlainValidator(_compiled)]
