"""A password where it belongs."""

from pathlib import Path

import pytest


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("canary-7f3a\n")
    path.chmod(0o600)
    return path
