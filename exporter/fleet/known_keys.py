"""The keys that the fleet file can hold at a place: what a message about an unknown key offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporter.config_files.problems import Loc
from exporter.config_files.schema_errors import Keys, KeysAt
from exporter.config_files.sections import Section
from exporter.fleet.database import Database
from exporter.fleet.hosts_from import Dns, FileSd, HostsFrom, HttpSd
from exporter.fleet.n8n import N8n
from exporter.fleet.probes import ENDPOINT_PROBES, PROBES, keys_of
from exporter.fleet.probes.settings import Sample
from exporter.fleet.schema import (
    Defaults,
    Endpoint,
    Host,
    HostScrape,
    Rules,
    Scrape,
    ScrapeJob,
    Sections,
    Stack,
    StackServerKeys,
)
from exporter.fleet.sections import Peers

_SECTIONS: dict[str, type[Section]] = {
    "defaults": Defaults,
    "hosts": Host,
    "hosts_from": HostsFrom,
    "http_sd": HttpSd,
    "file_sd": FileSd,
    "dns": Dns,
    "endpoints": Endpoint,
    "databases": Database,
    "n8n": N8n,
    "scrape": Scrape,
    "rules": Rules,
    "peers": Peers,
    "stack": Stack,
}


def keys_in(plain: Mapping[str, Any]) -> KeysAt:
    """Return a function from a place to the keys there; those of a probe depend on its protocol in this file."""

    def keys_at(loc: Loc) -> Keys:
        match loc:
            case ("probes", name):
                return keys_of(plain["probes"][name]["protocol"], PROBES)
            case ("endpoints", index, "probe"):
                return keys_of(plain["endpoints"][index]["probe"]["protocol"], ENDPOINT_PROBES)
        return Keys(_section_at(loc).known_keys(), {})

    return keys_at


def _section_at(loc: Loc) -> type[Section]:
    match loc:
        case ():
            return Sections
        case ("probes", _, "sample") | ("endpoints", _, "probe", "sample"):
            return Sample
        case ("hosts", _, "scrape", _):
            return HostScrape
        case ("scrape", "jobs", _):
            return ScrapeJob
        case ("hosts_from", _, mechanism):
            loc = (mechanism,)
        case ("stack", _):
            return StackServerKeys
    return _SECTIONS[str(loc[0])]
