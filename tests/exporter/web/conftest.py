"""A web configuration with its certificates."""

from pathlib import Path

import pytest
from cryptography import x509

from tests.exporter.web.certificates import Authority


@pytest.fixture(scope="session")
def authority():
    return Authority()


@pytest.fixture
def written(tmp_path, authority):
    """A folder with server.pem, server.key, client.pem, client.key and ca.pem, and a writer of web.yml."""
    authority.issue(tmp_path, "server")
    authority.issue(tmp_path, "client", x509.DNSName("prometheus.example"))
    (tmp_path / "ca.pem").write_bytes(authority.pem())

    def write(text: str) -> Path:
        path = tmp_path / "web.yml"
        path.write_text(text)
        return path

    return write
