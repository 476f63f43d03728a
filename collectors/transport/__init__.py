"""Connections as probes need them: looked up, opened, timed by the kernel, over TLS."""
