"""The stanzas in Grafana Alloy's own syntax: a custom component, which ``import.file`` reads whenever the file changes.

A string of Alloy is one of Go, which reads what ``one_line`` writes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from exporter.fleet import OWN_JOB, Scrape
from exporter.scrape_configs.json_line import one_line
from exporter.scrape_configs.targets import Stanza
from exporter.scrape_configs.text import GENERATED, USES, StanzaSettings, access, duration

_KEYWORDS = {"true", "false", "null"}


def component_text(stanzas: Sequence[Stanza], scrape: Scrape, settings: StanzaSettings) -> str:
    """Write all stanzas as the component ``jobs``, whose user says where the samples go."""
    body = ['argument "forward_to" { }']
    for stanza in stanzas:
        body += ["", *_discovery(stanza, settings), "", *_scrape(stanza, scrape, settings)]
    return "\n".join((f"// {GENERATED}", f"// {USES[settings.format]}", *_block('declare "jobs"', body), ""))


def _discovery(stanza: Stanza, settings: StanzaSettings) -> Iterator[str]:
    files = f"[{one_line(str(PurePosixPath(settings.targets_location, stanza.file)))}]"
    return _block(f'discovery.file "{_label(stanza)}"', _attributes({"files": files}))


def _scrape(stanza: Stanza, scrape: Scrape, settings: StanzaSettings) -> Iterator[str]:
    attributes = {
        "targets": f"discovery.file.{_label(stanza)}.targets",
        "forward_to": "argument.forward_to.value",
        "job_name": one_line(stanza.name),
        "scrape_interval": one_line(duration(scrape.interval)),
        "scrape_timeout": one_line(duration(scrape.timeout)),
        **({"sample_limit": str(settings.sample_limit)} if stanza.job_name == OWN_JOB else {}),
        "scheme": one_line(stanza.job.scheme),
        "metrics_path": one_line(stanza.job.path),
    }
    body = [*_attributes(attributes)]
    for name, words in access(stanza.job).items():
        body += ["", *_block(name, _attributes({word: one_line(value) for word, value in words.items()}))]
    return _block(f'prometheus.scrape "{_label(stanza)}"', body)


def _label(stanza: Stanza) -> str:
    """Return the stanza's name where it is an identifier of Alloy's, else one that is made of it."""
    if re.fullmatch(r"[a-zA-Z_]\w*", stanza.name, re.ASCII) and stanza.name not in _KEYWORDS:
        return stanza.name
    return f"job_{hashlib.sha256(stanza.name.encode()).hexdigest()[:8]}"


def _block(head: str, body: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"\t{line}" if line else "" for line in body)
    yield "}"


def _attributes(values: Mapping[str, str]) -> Iterator[str]:
    """Write attributes as ``alloy fmt`` does."""
    width = max(map(len, values))
    yield from (f"{key:{width}} = {value}" for key, value in values.items())
