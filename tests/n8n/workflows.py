"""Small workflows, each of which ends in one way."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

BY_HAND, BY_WEBHOOK, BY_ANOTHER, BY_FAILURE = "By hand", "By webhook", "By another workflow", "By a failure"
ODD = 'It\'s "quoted" \\ back\nnew line 🚀'
"""A name with all that has to be escaped somewhere: in SQL, in JSON, in a label of Prometheus."""

Node = dict[str, Any]
_PACKAGE = "n8n-nodes-base."
_numbers = itertools.count(1)


def node(name: str, kind: str, version: float, /, **parameters: Any) -> Node:
    identity = f"00000000-0000-4000-8000-{next(_numbers):012}"
    return {
        "id": identity,
        "webhookId": identity,  # only triggers and waits by webhook have one; the others ignore it
        "name": name,
        "type": _PACKAGE + kind,
        "typeVersion": version,
        "position": [0, 0],
        "parameters": parameters,
    }


def nothing(name: str = "Nothing") -> Node:
    return node(name, "noOp", 1)


def failure() -> Node:
    return node("Fail", "stopAndError", 1, errorMessage="on purpose")


def unreachable(**handling: Any) -> Node:
    """Return a request that is refused; ``handling`` says what n8n does with the error."""
    return node("Refused", "httpRequest", 4.2, url="http://127.0.0.1:1/", options={}) | handling


def pause(seconds: int) -> Node:
    """Return a wait; up to a minute n8n keeps it in its memory, as running; from 65 s on it is stored, as waiting."""
    return node("Pause", "wait", 1.1, resume="timeInterval", amount=seconds, unit="seconds")


def answer() -> Node:
    """Return what answers the webhook with the execution's id, and with the address that lets it go on if it waits."""
    body = '={{ { "id": $execution.id, "address": $execution.resumeUrl } }}'
    return node("Answer", "respondToWebhook", 1.1, respondWith="json", responseBody=body, options={})


def wait_for_a_call() -> Node:
    return node("Wait for a call", "wait", 1.1, resume="webhook", httpMethod="POST", options={})


def another(identity: str, *, waits: bool = True) -> Node:
    """Return what runs another workflow."""
    place = {"__rl": True, "mode": "id", "value": identity}
    return node("Another", "executeWorkflow", 1.2, workflowId=place, options={"waitForSubWorkflow": waits})


def workflow(name: str, path: str, steps: Sequence[Node], **settings: Any) -> dict[str, Any]:
    """Return a workflow of these steps in a row, begun by hand or by a webhook."""
    how = "responseNode" if any(each["name"] == "Answer" for each in steps) else "onReceived"
    triggers = [
        node(BY_HAND, "manualTrigger", 1),
        node(BY_WEBHOOK, "webhook", 2, path=path, httpMethod="POST", responseMode=how, options={}),
    ]
    return _joined(name, triggers, steps, settings)


def called_workflow(name: str, steps: Sequence[Node], **settings: Any) -> dict[str, Any]:
    """Return a workflow that others run."""
    return _joined(name, [node(BY_ANOTHER, "executeWorkflowTrigger", 1.1, inputSource="passthrough")], steps, settings)


def error_workflow(name: str) -> dict[str, Any]:
    """Return a workflow that n8n runs when another, which names it in its settings, has failed."""
    return _joined(name, [node(BY_FAILURE, "errorTrigger", 1)], [nothing()], {})


def _joined(name: str, triggers: Sequence[Node], steps: Sequence[Node], settings: dict[str, Any]) -> dict[str, Any]:
    arrows = [(trigger, steps[0]) for trigger in triggers] + list(itertools.pairwise(steps))
    return {
        "name": name,
        "nodes": [*triggers, *steps],
        "connections": {
            before["name"]: {"main": [[{"node": after["name"], "type": "main", "index": 0}]]}
            for before, after in arrows
        },
        "settings": settings,
    }
