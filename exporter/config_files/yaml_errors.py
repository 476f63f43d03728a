"""The YAML parser's errors -> what a person can do about them."""

from __future__ import annotations

import yaml

from exporter.config_files.problems import Unreadable
from exporter.wording import quoted

_REMEDIES = {
    "mapping values are not allowed in this context": (
        "a ':' that is not expected here; check the indentation above, or put the value in quotes"
    ),
    "did not find expected key": "a key is expected here; check the indentation and the quotes above",
    "did not find expected ',' or ']'": "a list is not closed here; add ',' or ']'",
    "did not find expected ',' or '}'": "a map is not closed here; add ',' or '}'",
    "could not find expected ':'": "a key without ':'; write 'key: value'",
    "found unexpected end of stream": "the file ends within quotes or brackets; close them",
    "did not find expected alphabetic or numeric character": "'*' and '&' mean something else; put the value in quotes",
    "did not find expected <document start>": "nothing can follow here; check the indentation and the lines above",
    "found a tab character that violates indentation": "a tab in the indentation; YAML indents by spaces",
    "did not find expected '-' indicator": "an item of a list is expected here; check the indentation and the '-'",
    "exceeded maximum nesting depth": "nested too deeply; simplify it",  # PyYAML 6.0.4, before any of it can be counted
    "found unknown escape character": "a '\\' within double quotes begins an escape; double it, or use single quotes",
    "found invalid Unicode character escape code": (
        "an escape that is no character (half of a surrogate pair); write the character itself"
    ),
}


def explained(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    """Return what the parser means, and what to do, in the words of somebody who wrote the file."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    problem = str(error.problem or error.context)
    here = text.split("\n")[mark.line :][:1] if mark else []
    character = here[0][mark.column : mark.column + 1] if mark and here else ""
    if "cannot start any token" in problem:
        if character == "\t" or (here and "\t" in here[0][: len(here[0]) - len(here[0].lstrip())]):
            return Unreadable(line, "indented by a tab; YAML indents by spaces")
        return Unreadable(line, f"{quoted(character)} cannot begin a value; put the value in quotes")
    begun = error.context_mark
    where = f" (what is read here begins in line {begun.line + 1})" if begun and begun.line + 1 != line else ""
    return Unreadable(line, f"not valid YAML: {_REMEDIES.get(problem, problem)}{where}")
