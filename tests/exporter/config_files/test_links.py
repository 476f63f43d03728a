"""Links that go into messages: what may stand in one, and what lets somebody in."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from exporter.config_files.net_values import Link

LINK: TypeAdapter[str] = TypeAdapter(Link)


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.example/pages/viewpage.action?spaceKey=OPS&title=Runbook",
        "https://wiki.example/runbook/?version=2&author=me",
        "https://wiki.example/@me/runbook",
        "https://wiki.example/runbook?next=https://wiki.example/token",
        "https://wiki.example/runbook?key",
    ],
)
def test_a_link_may_hold_all_that_is_no_secret(url: str) -> None:
    assert LINK.validate_python(url) == url


@pytest.mark.parametrize(
    "key",
    [
        *(
            "password",
            "passwd",
            "pass",
            "pwd",
            "Token",
            "access_token",
            "client-secret",
            "key",
            "api_key",
            "apikey",
            "sig",
        ),
        *("X-Amz-Signature", "X-Amz-Credential", "AWSAccessKeyId", "auth", "oauth", "jwt", "jsessionid"),
    ],
)
@pytest.mark.parametrize("before", ["?", "?page=7&", ";", "?page=7;", "?next=https%3A%2F%2Fwiki.example%3F"])
def test_a_key_that_is_called_like_a_secret_is_refused_and_its_value_printed_nowhere(before: str, key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LINK.validate_python(f"https://wiki.example/runbook{before}{key}=hunter2")
    (error,) = refused.value.errors()
    assert error["msg"].endswith(f"; remove {key!r}")
    assert "hunter2" not in error["msg"]


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@wiki.example/runbook",
        "https://wiki.example/?next=//me:hunter2@wiki.example/",
        "https://wiki.example/?next=https:%2F%2Fme:hunter2%40wiki.example/",
    ],
)
def test_a_login_is_refused_anywhere_in_a_link(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LINK.validate_python(url)
    (error,) = refused.value.errors()
    assert error["msg"].startswith("a link must not hold a user or a password")
