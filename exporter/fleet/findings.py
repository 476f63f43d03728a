"""What the checks of the fleet file yield."""

from __future__ import annotations

from typing import NamedTuple

from exporter.config_files.problems import Loc


class Finding(NamedTuple):
    """Something that is wrong in the file, or between two places of it; a warning lets the file pass."""

    loc: Loc
    message: str
    is_warning: bool = False
