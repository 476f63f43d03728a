"""A fleet from a few lines of text."""

import textwrap

import pytest

from exporter.fleet import load


@pytest.fixture
def fleet(tmp_path):
    def from_text(text):
        path = tmp_path / "fleet.yml"
        path.write_text(textwrap.dedent(text))
        return load(path)

    return from_text
