"""Who made what is in the package: ``python -m deploy.debian.copyright SITE_PACKAGES``."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution

_HEAD = """\
This is latency-exporter with the Python packages that it needs, unpacked from
their wheels into /usr/lib/latency-exporter/lib/python3.11/site-packages. The
full texts of their licences are there, in the folders NAME-VERSION.dist-info.
Common licences are in /usr/share/common-licenses.

latency-exporter: Copyright The latency-exporter project. No licence has been
chosen for it so far.
"""


def text(distributions: Iterable[Distribution]) -> str:
    """Return one line for each package: its name, its version, its licence."""
    lines = [
        f"{each.name} {each.version}: {_licence(each)}" for each in distributions if each.name != "latency-exporter"
    ]
    return "\n".join([_HEAD, *sorted(lines, key=str.lower), ""])


def _licence(distribution: Distribution) -> str:
    """Return what a package says of its licence, in the newest of the ways that packages have had."""
    metadata = distribution.metadata
    classified = (
        value.rpartition(" :: ")[2] for value in metadata.get_all("Classifier", []) if value.startswith("License ::")
    )
    return metadata["License-Expression"] or ", ".join(classified) or metadata["License"].splitlines()[0]


if __name__ == "__main__":
    sys.stdout.write(text(importlib.metadata.distributions(path=sys.argv[1:])))
