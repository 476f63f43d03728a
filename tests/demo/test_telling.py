"""What stands on the screen of a notification."""

from __future__ import annotations

from typing import Any

from tests.culprits.receiver import _message
from tests.demo.telling import _in_words


def _alert(cause: str, status: str) -> dict[str, Any]:
    labels = {"severity": "warning", "alertname": "PathDegraded", "cause": cause, "source": "wf008", "target": "site"}
    return {"status": status, "labels": labels, "annotations": {"summary": f"{cause} of it"}}


def test_of_a_group_that_fires_only_that_is_named_which_does() -> None:
    message = _message({"groupKey": "1", "alerts": [_alert("cut", "resolved"), _alert("loss", "firing")]})
    assert _in_words(message) == "Alertmanager           warning PathDegraded loss wf008 to site: loss of it"


def test_a_group_that_is_over_names_all() -> None:
    message = _message({"groupKey": "1", "alerts": [_alert("cut", "resolved")]})
    assert _in_words(message) == "Alertmanager           over: warning PathDegraded cut wf008 to site: cut of it"
