"""The page on installation against what is installed: commands counted, files named as the package has them."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import PAGES, ROOT, tables, words

INSTALL = PAGES["install"]


@pytest.mark.parametrize("section", ["A Debian package", "One file", "Kubernetes", "Ansible"])
def test_one_command_leads_to_numbers(section: str) -> None:
    """The tests of ``tests/deploy`` type no other."""
    (block,) = re.findall(r"^```sh\n(.*?)^```$", INSTALL.section(section), re.MULTILINE | re.DOTALL)
    assert len(block.splitlines()) == 1


def test_the_files_of_the_package_are_those_that_it_makes() -> None:
    (rows,) = tables(INSTALL.section("A Debian package")).values()
    built = (ROOT / "deploy/debian/build.sh").read_text()
    for path, _ in rows:
        (name,) = words(path)
        assert name in built or f"StateDirectory={name.removeprefix('/var/lib/')}" in built


def test_what_the_package_depends_on_is_what_the_page_says() -> None:
    assert "python3 (>= 3.11), python3 (<< 3.12)" in (ROOT / "deploy/debian/control").read_text()
    assert "Debian's Python\n3.11" in INSTALL.section("A Debian package")
