"""Scrapes a page again and again, as Prometheus does, and writes down the few lines that are compared.

A process of its own, so that reading pages disturbs neither the measuring process nor the capture::

    python -m benchmarks.scraper PORT --output FILE [--every 1] [--count N] [--plain] [--label ip --series NAME...]

One line per scrape, ``scrape BEGAN ENDED BYTES PLAIN_BYTES LINES``, followed by its samples,
``sample NAME LABEL_VALUE VALUE``; ``failed BEGAN ENDED WHY`` where there was no page. Times are the wall
clock's, as the packets' are.
"""

from __future__ import annotations

import argparse
import http.client
import re
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The samples that are compared: some names, distinguished by one label."""

    names: tuple[str, ...]
    label: str

    def find(self, page: bytes) -> Iterator[bytes]:
        """Yield ``NAME LABEL_VALUE VALUE``. Most lines are rejected by their beginning alone."""
        beginnings = tuple(f"{name}{{".encode() for name in self.names)
        sample = re.compile(rb'(\w+)\{(?:.*,)?%s="([^"]*)".*\} (\S+)' % self.label.encode())
        for line in page.splitlines() if beginnings else ():
            if line.startswith(beginnings) and (match := sample.match(line)):
                yield b" ".join(match.groups())


class Scraper:
    """One connection, kept, as Prometheus keeps it."""

    def __init__(self, port: int, *, plain: bool) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._headers = {} if plain else {"Accept-Encoding": "gzip"}

    def scrape(self, wanted: Wanted) -> bytes:
        """Return the notes of one scrape."""
        began = time.time()
        try:
            self._connection.request("GET", "/metrics", headers=self._headers)
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return f"failed {began!r} {time.time()!r} {type(error).__name__}\n".encode()
        ended = time.time()
        page = zlib.decompress(body, 16 + zlib.MAX_WBITS) if answer.headers["Content-Encoding"] == "gzip" else body
        head = f"scrape {began!r} {ended!r} {len(body)} {len(page)} {page.count(10)}\n"
        return head.encode() + b"".join(b"sample %s\n" % sample for sample in wanted.find(page))


def main() -> None:
    """Scrape at a cadence; a scrape that takes longer than it skips the next ones."""
    flags = _parser().parse_args()
    scraper, wanted = Scraper(flags.port, plain=flags.plain), Wanted(tuple(flags.series), flags.label)
    first, turn = time.monotonic(), 0
    with flags.output.open("ab") as notes:
        for _ in range(flags.count or sys.maxsize):
            time.sleep(max(0.0, first + turn * flags.every - time.monotonic()))
            notes.write(scraper.scrape(wanted))
            notes.flush()
            turn = max(turn + 1, int((time.monotonic() - first) / flags.every))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--every", type=float, default=1.0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--label", default="target")
    parser.add_argument("--series", nargs="*", default=[])
    return parser


if __name__ == "__main__":
    main()
