"""What happens to the workflows, step by step, and how n8n must then list each execution."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from tests.n8n import workflows as made
from tests.n8n.editor import Editor
from tests.n8n.server import IS_OF_1, N8n
from tests.netlab import wait_until

T = TypeVar("T")
_SOON = 60.0
_BETWEEN_LOOKS = 0.2
"""Seconds; each look is a request that n8n has to answer beside its work."""
_STORED_WAIT = 66
"""Seconds; n8n stores a wait from 65 s on, and keeps a shorter one in memory."""
_SLOW = 60

ENDS: Counter[tuple[str, str, str]] = Counter(
    {
        (made.ODD, "webhook", "success"): 2,
        (made.ODD, "manual", "success"): 1,
        ("fails", "webhook", "error"): 2,
        ("fails", "manual", "error"): 1,
        ("fails", "retry", "error"): 1,
        ("fails", "retry", "success"): 1,
        ("after a failure", "error", "success"): 3,  # not after one by hand
        ("continues", "webhook", "success"): 2,
        ("continues", "manual", "success"): 1,
        ("calls", "webhook", "success"): 2,
        ("calls", "manual", "success"): 1,
        ("calls and goes on", "webhook", "success"): 2,
        ("calls and goes on", "manual", "success"): 1,
        ("is called", "integrated", "success"): 6,
        ("unsaved", "manual", "success"): 1,
        ("unsaved failure", "manual", "error"): 1,
        ("unsaved by hand", "webhook", "success"): 2,
        ("times out", "webhook", "canceled"): 1,
        ("slow", "webhook", "canceled"): 1,
        ("slow", "manual", "canceled"): 1,
        ("slow", "webhook", "crashed"): 1,
        ("slow", "manual", "crashed"): 1,
        ("waits for a call", "webhook", "canceled"): 1,
        ("waits for a call", "webhook", "success"): 2,
        ("waits", "webhook", "success"): 1,
        ("waits", "manual", "success"): 1,
    }
)
"""(workflow, mode, status) -> executions in n8n's own list at the end."""
UNSAVED: Counter[tuple[str, str, str]] = Counter(
    {
        ("unsaved", "webhook", "success"): 2,
        ("unsaved failure", "webhook", "error"): 2,
        ("unsaved by hand", "manual", "success"): 1,
    }
)
"""The same of executions that n8n does not list, because the workflow's settings say so."""
_QUICK = (
    *(made.ODD, "fails", "continues", "calls", "calls and goes on"),
    *("unsaved", "unsaved failure", "unsaved by hand"),
)


class Script:
    """All of it once, on an n8n that is new and has started."""

    def __init__(self, n8n: N8n) -> None:
        self._n8n = n8n
        self._editor: Editor = n8n.editor
        self._identities: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self.killed_at = datetime.datetime.max.replace(tzinfo=datetime.UTC)

    def play(self) -> None:
        self._editor.become_owner()
        self._create_workflows()
        for begin in (self._call, self._run):
            begin("waits")
        self._quick_ends()
        self._retries()
        self._stops()
        self._crash()
        _wait(lambda: not self._of("new", "running", "waiting"), "every execution has ended", _STORED_WAIT + _SOON)

    def _create_workflows(self) -> None:
        on_failure = self._create(made.error_workflow("after a failure"), active=not IS_OF_1)
        called = self._create(made.called_workflow("is called", [made.nothing()]), active=not IS_OF_1)
        self._create_both(made.ODD, made.nothing(made.ODD))
        self._create_both("fails", made.failure(), errorWorkflow=on_failure)
        self._create_both("continues", made.unreachable(onError="continueRegularOutput"), made.nothing())
        self._create_both("calls", made.another(called))
        self._create_both("calls and goes on", made.another(called, waits=False))
        self._create_both("unsaved", made.nothing(), saveDataSuccessExecution="none")
        self._create_both("unsaved failure", made.failure(), saveDataErrorExecution="none")
        self._create_both("unsaved by hand", made.nothing(), saveManualExecutions=False)
        self._create_both("times out", made.pause(_SLOW), executionTimeout=1)
        self._create_both("slow", made.pause(_SLOW))
        self._create_both("waits", made.pause(_STORED_WAIT))
        self._create_both("waits for a call", made.answer(), made.wait_for_a_call())

    def _quick_ends(self) -> None:
        for name in _QUICK:
            for begin in (self._call, self._call, self._run):
                begin(name)
        self._call("times out")
        _wait(lambda: not self._of("new", "running"), "the quick executions have ended")

    def _retries(self) -> None:
        """Retry a failed execution as it was, and once more with its workflow repaired."""
        failed = self._one("fails", "error")
        self._editor.retry(failed, with_saved_workflow=False)
        _wait(lambda: len(self._of("success", name="after a failure")) == 3, "the retry has failed")
        repaired = made.workflow("fails", self._paths["fails"], [made.nothing("Fail")])
        self._editor.save(self._identities["fails"], repaired)
        self._editor.retry(failed, with_saved_workflow=True)
        self._one("fails", "success")

    def _stops(self) -> None:
        """Stop executions that run and one that waits; let another that waits go on."""
        for begin in (self._call, self._run):
            begin("slow")
            self._editor.stop(self._one("slow", "running"))
            _wait(lambda: not self._of("running", name="slow"), "the slow execution has stopped")
        self._call("waits for a call")
        self._editor.stop(self._one("waits for a call", "waiting"))
        address = self._call("waits for a call")["address"]
        self._one("waits for a call", "waiting")
        self._editor.call(address)
        self._one("waits for a call", "success")

    def _crash(self) -> None:
        """Kill n8n with executions that run, that wait for a time and that wait for a call; then start it again."""
        address = self._call("waits for a call")["address"]
        self._one("waits for a call", "waiting")
        self._call("slow")
        self._run("slow")
        _wait(lambda: len(self._of("running", name="slow")) == 2, "both slow executions run")
        self._n8n.kill()
        self.killed_at = datetime.datetime.now(datetime.UTC)
        self._n8n.start()
        _wait(lambda: len(self._of("crashed", name="slow")) == 2, "the crash has been written")
        self._one("waits for a call", "waiting")  # its recovery turns what waits into crashed, and back
        self._editor.call(address)

    def _create(self, workflow: dict[str, Any], *, active: bool = True) -> str:
        """Save a workflow and make it active, which n8n 1 refuses for one that others begin; return its id."""
        identity = self._identities[workflow["name"]] = self._editor.create(workflow)
        if active:
            self._editor.activate(identity)
        return identity

    def _create_both(self, name: str, *steps: made.Node, **settings: Any) -> None:
        """Save a workflow that begins by hand or by a webhook."""
        self._paths[name] = f"workflow-{len(self._paths)}"
        self._create(made.workflow(name, self._paths[name], steps, **settings))

    def _call(self, name: str) -> Any:
        """Begin a workflow by its webhook; return the answer."""
        return self._editor.call(f"/webhook/{self._paths[name]}")

    def _run(self, name: str) -> None:
        """Begin a workflow by hand."""
        self._editor.run(self._identities[name], made.BY_HAND)

    def _of(self, *statuses: str, name: str = "") -> list[str]:
        """Return the ids of listed executions in one of these statuses, newest first."""
        return [
            each["id"]
            for each in self._editor.executions()
            if each["status"] in statuses and name in ("", each["workflowName"])
        ]

    def _one(self, name: str, status: str) -> str:
        """Return the newest execution of a workflow in a status, as soon as there is one."""
        return _wait(lambda: self._of(status, name=name), f"{name} is {status}")[0]


def _wait(condition: Callable[[], T], what: str, timeout: float = _SOON) -> T:
    def look() -> T:
        time.sleep(_BETWEEN_LOOKS)
        return condition()

    return wait_until(look, what, timeout)
