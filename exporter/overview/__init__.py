"""This host's view, for the person on call: every pair with now, usual, loss and a verdict in words."""

from exporter.overview.overview import Overview, PageFormat, States

__all__ = ["Overview", "PageFormat", "States"]
