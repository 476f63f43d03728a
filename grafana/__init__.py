"""The dashboards for Grafana, as code: ``python -m grafana`` writes ``dashboards/``."""
