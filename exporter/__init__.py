"""When round trips are measured and how they are shown; what is measured lives in ``collectors``."""

__version__ = "0.1.0"
