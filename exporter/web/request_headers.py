"""What a request's headers say: which formats its client takes, and whether another site's page has sent it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

_ANY: Mapping[str, str] = MappingProxyType({})
_QUALITY = re.compile(r"q=([01](?:\.[0-9]*)?)")


def weight(request: web.Request, header: str, name: str, needed: Mapping[str, str] = _ANY) -> float:
    """Return how much a header wants something (RFC 9110, section 12.4.2); 0 where it does not name it.

    It does not where a parameter that is ``needed`` is missing or another one.
    """
    wanted = {f"{parameter}={value}".lower() for parameter, value in needed.items()}
    weights = [0.0]
    for item in ",".join(request.headers.getall(header, ())).lower().split(","):
        named, *parameters = (part.strip() for part in item.split(";"))
        if named == name and wanted <= {parameter.replace('"', "") for parameter in parameters}:
            given = next((parameter for parameter in parameters if parameter.startswith("q=")), "q=1")
            quality = _QUALITY.fullmatch(given)
            weights.append(float(quality[1]) if quality else 0.0)
    return max(weights)


def is_of_another_site(request: web.Request) -> bool:
    """Return whether a browser sends this for a page that is not ours; programs send none of these (Fetch standard)."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin", request.headers.get("Referer") or None)
    return origin is not None and origin.partition("://")[2].partition("/")[0].lower() != request.host.lower()
