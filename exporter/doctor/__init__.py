"""``latency-exporter doctor``: ask the whole stack whether the data really arrives.

    fleet file -> stack: whom to ask        expected: what should be there
               -> consultation: all of it asked at once, by HTTP and TLS, until one deadline -> outcome: what was said
               -> view: what a Prometheus knows, brought together
               -> rules: from what was seen to findings, pure functions -> report

Only ``client``, ``certificates`` and ``resolver`` touch the network. Import it only where the command runs: the
program that runs for months has no use for an HTTP client.
"""

from exporter.doctor.examination import examine
from exporter.doctor.progress import Progress
from exporter.doctor.report import Report

__all__ = ["Progress", "Report", "examine"]
