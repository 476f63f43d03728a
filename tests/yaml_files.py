"""YAML files of this tree: each is parsed once, however many tests ask for it, and no test changes what it gets."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml


@functools.cache
def content(file: Path) -> Any:
    return yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
