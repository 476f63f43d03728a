"""``latency-exporter doctor``: ask the whole stack whether the data really arrives.

    fleet file -> stack: the servers to ask     expected: what they should know
               -> consultation: all asked at once, by HTTP and TLS, until one deadline -> outcome: answer or trouble
               -> knowledge: what one Prometheus knows, brought together from the bodies of its answers
               -> rules: from that to diagnoses, pure functions -> report

Only ``exporter.http_client`` and ``certificates`` touch the network. Import it only where the command runs: the program
that runs for months has no use for it.
"""

from exporter.doctor.examination import examine
from exporter.doctor.progress import Progress
from exporter.doctor.report import Report

__all__ = ["Progress", "Report", "examine"]
