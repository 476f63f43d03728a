"""The fleet for programs: culprits, hosts and paths; what is not known is null."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from exporter.fleet_view.cells import Cell
from exporter.fleet_view.culprits import FleetCulprit
from exporter.fleet_view.paths import FleetPath
from exporter.fleet_view.view import View

_AT_ONCE = 200
"""Paths, or cells, of one piece."""


def render(view: View, title: str, wall: float) -> Iterator[str]:
    """Write it in pieces, between which others may run."""
    head = {
        "title": title,
        "time": wall,
        "asked_from": view.layout.here,
        "culprits": [_culprit(culprit) for culprit in view.culprits],
        "hosts": [_host(view, name) for name in view.layout.hosts],
    }
    yield json.dumps(head)[:-1] + ', "paths": ['
    for start in range(0, len(view.paths), _AT_ONCE):
        batch = ",\n".join(json.dumps(_path(path)) for path in view.paths[start : start + _AT_ONCE])
        yield (",\n" if start else "\n") + batch
    yield '\n], "cells": ['
    cells = iter(view.cells.items())
    comma = ""
    while some := [json.dumps(_cell(*ends, cell)) for ends, cell in islice(cells, _AT_ONCE)]:
        yield comma + ", ".join(some)
        comma = ", "
    yield "]}\n"


def _culprit(culprit: FleetCulprit) -> dict[str, Any]:
    return {
        "kind": culprit.kind,
        "name": culprit.name,
        "text": culprit.text,
        "alert": culprit.alert or None,
        "severity": "critical" if culprit.critical else "warning",
    }


def _host(view: View, name: str) -> dict[str, Any]:
    layout, missing = view.layout, view.no_pages.get(name)
    return {
        "name": name,
        "datacenter": layout.datacenter(name),
        "exporter": name in layout.exporters,
        "asked": name in view.asked,
        "no_page": missing.why if missing else None,
        "maintenance": layout.maintenance.get(name),
    }


def _cell(source: str, place: str, cell: Cell) -> dict[str, Any]:
    return {"source": source, "target": place, "state": cell.state, "word": cell.word}


def _path(path: FleetPath) -> dict[str, Any]:
    return {
        "source": path.source,
        "target": path.target,
        "ip_family": path.ip_family,
        "bad": path.bad,
        "lost": path.lost,
        "loses": path.loses,
        "loss": path.loss,
        "uneven": path.uneven,
        "rtt": path.rtt,
        "usual_rtt": path.usual,
    }
