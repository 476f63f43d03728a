"""pydantic's errors in our words, for a file of two sections."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from exporter.config_files.hints import Hints
from exporter.config_files.problems import key_of
from exporter.config_files.schema_errors import Keys, findings_of
from exporter.config_files.sections import Section
from exporter.config_files.values import Name, Names, OneOf, Whole


class Item(Section):
    """One of the file's items."""

    size: Annotated[int, Whole(1, 9)]
    colour: Annotated[Literal["red", "green"], OneOf("red", "green")] = "red"
    tags: Names = ("all",)
    password_file: str | None = None


class File(Section):
    """The whole file."""

    items: dict[Name, Item] = Field(default_factory=dict)
    numbers: tuple[Annotated[int, Whole(1, 9)], ...] = ()


def keys_at(loc):
    return Keys(Item.known_keys(), {"port": "for items; it belongs to doors"}) if loc else Keys(File.known_keys(), {})


def messages(plain, *, repeats_text=True):
    with pytest.raises(ValidationError) as caught:
        File.model_validate(plain)
    findings = findings_of(caught.value, keys_at, Hints(), repeats_text=repeats_text)
    return [f"{key_of(finding.loc)}: {finding.message}" for finding in findings]


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ({"item": {}}, ["item: unknown key; did you mean 'items'?"]),
        ({"x": {}}, ["x: unknown key; known here: items, numbers"]),
        ({"items": {"a": {}}}, ["items.a.size: missing; this key is required"]),
        ({"items": {"a": {"siz": "1"}}}, ["items.a.siz: unknown key; did you mean 'size'?"]),
        ({"items": {"a": "b"}}, ["items.a: expected a map of 'key: value', not 'b'"]),
        ({"items": {"": {"size": "1"}}}, ['items."": the name must not be empty; it becomes a label']),
        ({"items": {"[key]": {"size": "0"}}}, ["items.\"[key]\".size: expected a whole number from 1 to 9, not '0'"]),
        (
            {"items": {"a": {"size": "1", "colour": "gren"}}},
            ["items.a.colour: 'gren' is none of red, green; did you mean 'green'?"],
        ),
        (
            {"items": {"a": {"size": "1", "tags": []}}},
            ["items.a.tags: is empty; name at least one, or leave the key out"],
        ),
        (
            {"items": {"a": {"size": "1", "port": "1"}}},
            ["items.a.port: unknown key for items; it belongs to doors"],
        ),
        (
            {"items": {"a": {"size": "1", "Password": "x"}}},
            ["items.a.Password: a password never stands in this file; name its file with password_file"],
        ),
        ({"numbers": ["1", "x"]}, ["numbers[1]: expected a whole number from 1 to 9, not 'x'"]),
    ],
)
def test_an_error_has_its_key_and_a_remedy(plain, expected):
    assert messages(plain) == expected


def test_text_that_may_be_a_password_is_not_repeated():
    assert messages({"items": "hush"}, repeats_text=False) == ["items: expected a map of 'key: value', not text"]
    assert messages({"items": ["hush"]}, repeats_text=False) == ["items: expected a map of 'key: value', not a list"]
