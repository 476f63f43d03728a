"""The running program: collectors, schedulers, metrics and server put together, until a signal ends it."""

from exporter.app.app import App

__all__ = ["App"]
