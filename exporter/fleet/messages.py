"""pydantic's errors -> our messages: which key is at fault, what is wrong with it, what to do.

An unknown key gets the closest known one of its place; the key that it was meant to be is then not
reported as missing too. Values of passwords are never shown.
"""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config_files.problems import Hints, Loc, unseen
from exporter.fleet.database import Database
from exporter.fleet.findings import Finding
from exporter.fleet.probes import ENDPOINT_PROBES, PROBES
from exporter.fleet.probes.settings import Settings
from exporter.fleet.schema import Defaults, Endpoint, Host, HostScrape, Job, N8n, Scrape, Sections, Server, Stack
from exporter.fleet.sections import Peers, Section
from exporter.wording import listed, quoted

_SECTIONS: dict[str, type[Section]] = {
    "defaults": Defaults,
    "hosts": Host,
    "endpoints": Endpoint,
    "databases": Database,
    "n8n": N8n,
    "scrape": Scrape,
    "peers": Peers,
    "stack": Stack,
}
_KINDS = {
    "string_type": "expected text",
    "tuple_type": "expected a list, such as [a, b]",
    "frozen_set_type": "expected a list, such as [a, b]",
    "dict_type": "expected a map of 'key: value'",
    "model_type": "expected a map of 'key: value'",
}
_FOLLOW = {"default_factory_not_called"}
"""What pydantic reports only because something else failed."""


def faults_of(error: ValidationError, hints: Hints) -> list[Finding]:
    """Say each error in our words."""
    details = error.errors(include_url=False)
    meant: set[Loc] = set()
    faults = [_unknown_key(detail, hints, meant) for detail in details if detail["type"] == "extra_forbidden"]
    for detail in details:
        loc = _place(detail["loc"])
        if detail["type"] in {"extra_forbidden", *_FOLLOW} or loc in meant:
            continue
        if detail["type"] == "too_short" and detail["input"]:
            continue
        faults.append(_fault(detail, loc, hints))
    return faults


def _place(loc: Loc) -> Loc:
    """Drop the steps that pydantic adds: a union's tag, and the mark of a map's key."""
    at = {"probes": 2, "endpoints": 3}.get(str(loc[0]), len(loc)) if loc else 0
    is_union = at < len(loc) and (loc[0] == "probes" or loc[2] == "probe")
    if is_union and loc[at] != "[key]":
        return loc[:at] + loc[at + 1 :]
    return loc[:-1] if loc[-1:] == ("[key]",) else loc


def _fault(detail: ErrorDetails, loc: Loc, hints: Hints) -> Finding:
    kind, value = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "missing":
        return Finding(loc, "missing; this key is required")
    if kind == "too_short":
        return Finding(loc, "is empty; name at least one")
    if kind.startswith("union_tag"):
        return _protocol(loc, value, hints)
    if kind in {"enum", "literal_error"}:
        words = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        return Finding(loc, _none_of(value, words, hints))
    if kind in _KINDS:
        return Finding(loc, f"{_KINDS[kind]}, not {quoted(value)}")
    subject = "the name " if detail["loc"][-1:] == ("[key]",) else ""
    return Finding(loc, subject + str(context.get("message", detail["msg"])))


def _none_of(value: object, words: list[str], hints: Hints) -> str:
    if not isinstance(value, str) or not value:
        return f"expected one of {listed(words)}, not {quoted(value)}"
    return f"{quoted(value)} is none of {listed(words)}{hints.ask(value, words)}"


def _protocol(loc: Loc, value: object, hints: Hints) -> Finding:
    """Say why it is not known which protocol's keys a probe has."""
    if not isinstance(value, dict):
        named = " or the name of one in 'probes'" if loc[0] == "endpoints" else ""
        message = f"expected a map such as {{protocol: icmp}}{named}, not {quoted(value)}"
        return Finding(loc, message)
    if "protocol" not in value:
        return Finding((*loc, "protocol"), f"missing; write one of {listed(PROBES)}")
    return Finding((*loc, "protocol"), _none_of(value["protocol"], list(PROBES), hints))


def _unknown_key(detail: ErrorDetails, hints: Hints, meant: set[Loc]) -> Finding:
    parent, key = detail["loc"][:-1], str(detail["loc"][-1])
    loc = _place(detail["loc"])
    known = _keys_at(parent)
    if key.lower() in {"password", "passwd"} and "password_file" in known:
        either = " or its variable with password_env" if "password_env" in known else ""
        message = f"a password never stands in this file; name its file with password_file{either}"
        return Finding(loc, message)
    is_probe = issubclass(_model_at(parent), Settings)
    owners = [name for name in PROBES if is_probe and key in _keys_at((*parent[:-1], name))]
    if owners:
        message = f"unknown key for protocol {parent[-1]}; it belongs to {' and '.join(owners)}"
        return Finding(loc, message)
    best = hints.best(key, known)
    if best:
        meant.add((*loc[:-1], best))
    if character := unseen(key):
        message = f"unknown key; it holds {character}, which looks like another character or like none: type it anew"
        return Finding(loc, message)
    remedy = f"did you mean {quoted(best)}?" if best else f"known here: {listed(sorted(known))}"
    return Finding(loc, f"unknown key; {remedy}")


def _keys_at(loc: Loc) -> set[str]:
    """List the keys that the schema has at a place (with pydantic's own steps in it)."""
    fields = _model_at(loc).model_fields
    return {field.alias or name for name, field in fields.items()}


def _model_at(loc: Loc) -> type[Section]:
    model: type[Section] = Sections
    match loc:
        case ("hosts", _, "scrape", _):
            model = HostScrape
        case ("probes", _, protocol):
            model = PROBES[str(protocol)]
        case ("endpoints", _, "probe", protocol):
            model = ENDPOINT_PROBES[str(protocol)]
        case ("scrape", "jobs", _):
            model = Job
        case ("stack", _):
            model = Server
        case (section, *_):
            model = _SECTIONS[str(section)]
    return model
