"""The rows of the summary, in their order: which value of which measurement each shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the summary. Where other programs have the value too, smaller is better."""

    what: str
    measurement: str
    name: str
    unit: str
    every_size: bool = False
    """A row for each number of targets, instead of one for the largest."""
    others: str = ""
    """The measurement with the other programs' values, if not the same."""
    is_of_the_few: bool = False
    """It is in the README too, of the largest number of targets."""
    and_of_the_smallest: bool = False
    """The README has a second row of it: of the smallest number of targets."""

    @property
    def command(self) -> str:
        """Return the measurement by its name on the command line."""
        return self.measurement.split("-")[0] if self.measurement.startswith("load-") else self.measurement


_LOADED = "the same under load (others: without)"
FIGURES = (
    Figure(
        "CPU per ICMP probe", "icmp-cost", "cpu_us", "µs", every_size=True, is_of_the_few=True, and_of_the_smallest=True
    ),
    Figure("memory, ICMP", "icmp-cost", "resident_mb", "MB", every_size=True),
    Figure("ICMP probes in bursts that had all begun within 20 ms", "icmp-cost", "on_time_share", "%", every_size=True),
    Figure("ICMP round trip, error, median", "icmp-truth", "rtt_median_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-icmp", "rtt_median_us", "µs", others="icmp-truth"),
    Figure("ICMP round trip, error, 99 %", "icmp-truth", "rtt_p99_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-icmp", "rtt_p99_us", "µs", others="icmp-truth"),
    Figure("CPU per TCP probe", "tcp-cost", "cpu_us", "µs", every_size=True, is_of_the_few=True),
    Figure("TCP round trip, error, median", "tcp-truth", "rtt_median_us", "µs"),
    Figure(_LOADED, "load-tcp", "rtt_median_us", "µs", others="tcp-truth"),
    Figure("TCP round trip, error, 99 %", "tcp-truth", "rtt_p99_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-tcp", "rtt_p99_us", "µs", others="tcp-truth"),
    Figure("CPU per HTTP probe", "http-cost", "cpu_us", "µs", every_size=True, is_of_the_few=True),
    Figure("HTTP: round trip, error, median", "http-truth", "rtt_median_us", "µs"),
    Figure(_LOADED, "load-http", "rtt_median_us", "µs", others="http-truth"),
    Figure("HTTP: round trip, error, 99 %", "http-truth", "rtt_p99_us", "µs"),
    Figure(_LOADED, "load-http", "rtt_p99_us", "µs", others="http-truth"),
    Figure("HTTP: response, error, median", "http-truth", "response_median_us", "µs"),
    Figure(_LOADED, "load-http", "response_median_us", "µs", others="http-truth"),
    Figure("HTTP: response, error, 99 %", "http-truth", "response_p99_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-http", "response_p99_us", "µs", others="http-truth"),
    Figure("CPU per line of a page", "page", "plain_line_us", "µs"),
    Figure("CPU per line of a page, gzip", "page", "gzip_line_us", "µs"),
    Figure("CPU per page (ours: seven times the lines)", "page", "plain_scrape_ms", "ms"),
    Figure("CPU per page, gzip", "page", "gzip_scrape_ms", "ms"),
    Figure("loop held at most while scraped", "page", "plain_held_ms", "ms"),
    Figure("loop held at most while scraped, gzip", "page", "gzip_held_ms", "ms"),
    Figure(
        "memory, three probes per target (smokeping_prober: one)",
        "page",
        "resident_mb",
        "MB",
        every_size=True,
        is_of_the_few=True,
    ),
)
