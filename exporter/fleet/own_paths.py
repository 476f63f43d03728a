"""What other exporters and Prometheus ask an exporter for."""

PING_PATH = "/ping"
SD_PATH = "/sd/prometheus"
HOST_HEADER = "Latency-Exporter-Host"
"""Names the asking host to a peer's ``/ping``; sent to hosts of the fleet only."""
