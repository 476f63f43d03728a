"""What is measured: one module per protocol, each behind the interface in ``collectors.contract``."""
