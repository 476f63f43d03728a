"""Thousands of executions of all kinds, begun by several callers at once, while n8n is killed now and then."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from http import HTTPStatus
from typing import Any

from tests.n8n import workflows as made
from tests.n8n.editor import FAILURES, path_of
from tests.n8n.server import N8n

_CALLERS = 10
_PATIENCE = 20.0
_AGAIN = 0.2
"""Seconds between two tries of what n8n is not ready for."""
_STORED_WAIT = 66
"""Seconds; n8n stores a wait from 65 s on, and keeps a shorter one in memory."""
_SLOW = 60
_STARTS = "starting up"
"""What n8n answers to everything, as if all were well, until it is ready."""
_RUNNING_AT_A_KILL = 6
UNSAVED = _UNSAVED, _UNSAVED_FAILURE, _UNSAVED_BY_HAND = "unsaved", "unsaved failure", "unsaved by hand"
"""The workflows whose executions n8n does not keep."""
_AFTER_A_FAILURE, _IS_CALLED = _BEGUN_BY_OTHERS = "after a failure", "is called"


class Load:
    """The workflows, and what is done with them."""

    def __init__(self, n8n: N8n) -> None:
        self._n8n, self._editor = n8n, n8n.editor
        self.workflows: dict[str, str] = {}
        """Name -> id."""
        self._paths: dict[str, str] = {}
        self._by_hand_requests: dict[str, tuple[str, Any]] = {}
        self.begun: Counter[str] = Counter()
        """By workflow's name: executions that were begun by a call, and that answered."""
        self.unanswered: Counter[str] = Counter()
        """Likewise: calls after which nobody knows whether there is an execution."""
        self._up = threading.Event()
        self._up.set()
        self._lock = threading.Lock()

    @property
    def names(self) -> dict[str, str]:
        """The workflows' names by their ids."""
        return {identity: name for name, identity in self.workflows.items()}

    def create(self) -> None:
        """Do the first set-up of a new n8n, and save the workflows."""
        self._editor.become_owner()
        on_failure = self._save(made.error_workflow(_AFTER_A_FAILURE), active=not self._n8n.is_of_1)
        called = self._save(made.called_workflow(_IS_CALLED, [made.nothing()]), active=not self._n8n.is_of_1)
        self._begins_by_call(made.ODD, made.nothing(made.ODD))
        self._begins_by_call("fails", made.failure(), errorWorkflow=on_failure)
        self._begins_by_call("calls", made.another(called))
        self._begins_by_call(_UNSAVED, made.nothing(), saveDataSuccessExecution="none")
        self._begins_by_call(_UNSAVED_FAILURE, made.failure(), saveDataErrorExecution="none")
        self._begins_by_call("times out", made.pause(_SLOW), executionTimeout=1)
        self._begins_by_call("slow", made.pause(_SLOW))
        self._begins_by_call("pauses", made.pause(1))
        self._begins_by_call("waits", made.pause(_STORED_WAIT))
        self._begins_by_call("waits for a call", made.wait_for_a_call())
        self._begins_by_hand("by hand", made.nothing())
        self._begins_by_hand("fails by hand", made.failure())
        self._begins_by_hand(_UNSAVED_BY_HAND, made.nothing(), saveManualExecutions=False)

    def go_on_with(self, n8n: N8n) -> None:
        """Use another n8n, which has the same workflows; n8n 2 wants those that others begin to be active too."""
        self._n8n, self._editor = n8n, n8n.editor
        self._editor.log_in()
        for name in _BEGUN_BY_OTHERS:
            self._editor.activate(self.workflows[name])

    def play(self, runs: int, kills: int = 0) -> None:
        """Begin so many executions, and some that these begin; kill n8n in between, as often, and start it again."""
        with ThreadPoolExecutor(_CALLERS) as callers:
            jobs = [callers.submit(job) for job in _shuffled(runs, self._kinds())]
            for number in range(kills):
                wait(jobs[: len(jobs) * (number + 1) // (kills + 1)])  # the callers are at those that follow
                self._kill()
        for job in jobs:
            job.result()

    def leave_open(self) -> None:
        """Begin some that run for a minute, and some that wait for ever."""
        for name in ("slow", "waits for a call") * 3:
            self._begin(name)

    def _kinds(self) -> Sequence[tuple[int, Callable[[], object]]]:
        """Return of each kind how many of a hundred runs it has, and what to do."""
        return (
            (36, lambda: self._begin(made.ODD)),
            (12, lambda: self._begin("fails")),
            (9, lambda: self._begin("calls")),
            (9, lambda: self._begin(_UNSAVED)),
            (6, lambda: self._begin(_UNSAVED_FAILURE)),
            (2, lambda: self._begin("times out")),
            (4, lambda: self._begin("pauses")),
            (4, lambda: self._begin("waits")),
            (4, self._go_on),
            (3, lambda: self._stop("slow")),
            (2, lambda: self._stop("waits for a call")),
            (3, self._retry),
            (3, lambda: self._by_hand("by hand")),
            (1, lambda: self._by_hand("fails by hand")),
            (2, lambda: self._by_hand(_UNSAVED_BY_HAND)),
        )

    def _begin(self, name: str) -> dict[str, str]:
        """Begin an execution by its webhook; return the answer, nothing if there was none."""
        return self._begun(name, f"/webhook/{self._paths[name]}", {})

    def _by_hand(self, name: str) -> None:
        self._begun(name, *self._by_hand_requests[name])

    def _begun(self, name: str, path: str, body: Any) -> dict[str, str]:
        while True:
            self._up.wait()
            try:
                status, text = self._editor.exchange("POST", path, body)
            except ConnectionRefusedError:
                status, text = HTTPStatus.SERVICE_UNAVAILABLE, ""
            except FAILURES:
                status, text = HTTPStatus.INTERNAL_SERVER_ERROR, ""
            if status == HTTPStatus.OK and text.startswith("{"):
                self._count(self.begun, name)
                return dict(json.loads(text))
            if status not in {HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE} and _STARTS not in text:
                self._count(self.unanswered, name)  # or it ended before its answer
                return {}
            time.sleep(_AGAIN)  # n8n, or the webhook, is not there: nothing was begun

    def _go_on(self) -> None:
        """Let an execution wait for a call, and call it."""
        if answer := self._begin("waits for a call"):
            self._insist(path_of(answer["address"]))

    def _stop(self, name: str) -> None:
        if answer := self._begin(name):
            self._insist(f"/rest/executions/{answer['id']}/stop")

    def _retry(self) -> None:
        if answer := self._begin("fails"):
            self._insist(f"/rest/executions/{answer['id']}/retry", {"loadWorkflow": False})

    def _insist(self, path: str, body: Any = None) -> None:
        """Ask until n8n does it; an execution that is not so far, or that a kill has ended, refuses for a while."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            self._up.wait()
            try:
                if self._editor.exchange("POST", path, body or {})[0] == HTTPStatus.OK:
                    return
            except FAILURES:
                pass
            time.sleep(_AGAIN)

    def _kill(self) -> None:
        """Kill n8n while some executions run for long, and others are just anywhere."""
        for _ in range(_RUNNING_AT_A_KILL):
            self._begin("slow")
        self._up.clear()
        self._n8n.kill()
        self._n8n.start()
        self._up.set()

    def _count(self, counter: Counter[str], name: str) -> None:
        with self._lock:
            counter[name] += 1

    def _begins_by_call(self, name: str, *steps: made.Node, **settings: Any) -> None:
        """Save a workflow that answers a call with what its execution is called, before its steps."""
        self._paths[name] = f"call-{len(self.workflows)}"
        self._save(made.workflow(name, self._paths[name], [made.answer(), *steps], **settings))

    def _begins_by_hand(self, name: str, step: made.Node, **settings: Any) -> None:
        identity = self._save(made.workflow(name, f"call-{len(self.workflows)}", [step], **settings))
        self._by_hand_requests[name] = self._editor.request_to_run(identity, made.BY_HAND)

    def _save(self, workflow: dict[str, Any], *, active: bool = True) -> str:
        """Save a workflow and make it active, which n8n 1 refuses for one that others begin; return its id."""
        identity = self.workflows[workflow["name"]] = self._editor.create(workflow)
        if active:
            self._editor.activate(identity)
        return identity


def _shuffled(runs: int, kinds: Sequence[tuple[int, Callable[[], object]]]) -> list[Callable[[], object]]:
    jobs = [job for share, job in kinds for _ in range(round(runs * share / 100))]
    random.Random(1).shuffle(jobs)
    return jobs
