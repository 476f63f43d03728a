"""Data in the flatted format, written as n8n writes it: by breadth, each text once."""

import json
from typing import Any


def flatted(root: Any) -> str:
    """Return a value's text; equal texts share an element, and so does an object with itself."""
    elements: list[Any] = [root]
    known: dict[Any, str] = {_identity(root): "0"}

    def reference(value: Any) -> Any:
        if not isinstance(value, str | dict | list):
            return value
        if _identity(value) not in known:
            known[_identity(value)] = str(len(elements))
            elements.append(value)
        return known[_identity(value)]

    written: list[Any] = []
    for element in elements:  # it grows meanwhile
        if isinstance(element, dict):
            written.append({key: reference(value) for key, value in element.items()})
        elif isinstance(element, list):
            written.append([reference(value) for value in element])
        else:
            written.append(element)
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def run(started: float, took: float = 0.0, status: str | None = "success", data: Any = None) -> dict[str, Any]:
    """One run of a node; times in seconds."""
    made: dict[str, Any] = {
        "startTime": round(started * 1000),
        "executionIndex": 0,
        "source": [],
        "hints": [],
        "executionTime": round(took * 1000),
    }
    if status is not None:
        made["executionStatus"] = status
    return made | {"data": {"main": [[{"json": data or {"a": 1}, "pairedItem": {"item": 0}}]]}}


def execution(run_data: dict[str, list[dict[str, Any]]]) -> str:
    return flatted(
        {
            "version": 1,
            "startData": {},
            "resultData": {"runData": run_data, "pinData": {}, "lastNodeExecuted": next(iter(run_data), "")},
            "executionData": {"contextData": {}, "nodeExecutionStack": [], "metadata": {}},
        }
    )


def _identity(value: Any) -> Any:
    return value if isinstance(value, str) else id(value)
