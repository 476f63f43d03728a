"""What people do in n8n's editor, as the requests that the editor sends; and the webhooks that start workflows."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any

from tests.netlab import Host

_TIMEOUT = 60.0
_PAGE = 25
"""Executions a page of the list."""
_LONG_PAGE = 100
_OWNER = {"email": "owner@example.com", "firstName": "An", "lastName": "Owner", "password": "Pa55word-of-tests"}


class Editor:
    """One person's session with n8n 2."""

    def __init__(self, host: Host, port: int) -> None:
        self._host, self._port = host, port
        self._cookie = ""

    def is_ready(self) -> bool:
        """Return whether the database is migrated, and the editor is answered by more than "starting"."""
        try:
            return all(
                status == http.HTTPStatus.OK and text.startswith("{")
                for status, text in (self._exchange("GET", path) for path in ("/healthz/readiness", "/rest/settings"))
            )
        except (OSError, http.client.HTTPException):
            return False

    def become_owner(self) -> None:
        """Do the first set-up of a new n8n."""
        self._ask("POST", "/rest/owner/setup", _OWNER)

    def create(self, workflow: dict[str, Any]) -> str:
        """Save a new workflow; return its id."""
        return str(self._ask("POST", "/rest/workflows", {"active": False, **workflow})["id"])

    def save(self, identity: str, workflow: dict[str, Any]) -> None:
        """Change a workflow; what is active stays as it was until it is activated again."""
        self._ask("PATCH", f"/rest/workflows/{identity}", workflow)

    def activate(self, identity: str) -> None:
        version = self._ask("GET", f"/rest/workflows/{identity}")["versionId"]
        self._ask("POST", f"/rest/workflows/{identity}/activate", {"versionId": version})

    def run(self, identity: str, trigger: str) -> str:
        """Run a workflow by hand, from one of its triggers; return the execution's id."""
        body = {"triggerToStartFrom": {"name": trigger}}
        return str(self._ask("POST", f"/rest/workflows/{identity}/run", body)["executionId"])

    def stop(self, execution: str) -> None:
        self._ask("POST", f"/rest/executions/{execution}/stop", {})

    def retry(self, execution: str, *, with_saved_workflow: bool) -> None:
        self._ask("POST", f"/rest/executions/{execution}/retry", {"loadWorkflow": with_saved_workflow})

    def executions(self) -> list[dict[str, Any]]:
        """Return n8n's own list of executions, as the editor shows it."""
        listed: dict[str, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            page = self._ask("GET", f"/rest/executions?limit={_PAGE}{cursor}")
            listed |= {each["id"]: each for each in page["results"]}
            cursor = page["nextCursor"] and "&cursor=" + urllib.parse.quote(page["nextCursor"])
        return list(listed.values())

    def call(self, path: str) -> Any:
        """Call a webhook by its path, or by the whole address that n8n made; return its answer."""
        status, text = self._exchange("POST", urllib.parse.urlsplit(path)._replace(scheme="", netloc="").geturl(), {})
        assert status == http.HTTPStatus.OK, (path, status, text[:500])
        return json.loads(text)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, text = self._exchange(method, path, body)
        assert status == http.HTTPStatus.OK, (method, path, status, text[:500])
        return json.loads(text)["data"]

    def _exchange(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        with self._host.entered():
            connection.connect()
        try:
            headers = {"Content-Type": "application/json", "Cookie": self._cookie}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            if cookie := answer.getheader("Set-Cookie"):
                self._cookie = cookie.partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class EditorOf1(Editor):
    """One person's session with n8n 1, which asked for some things otherwise."""

    def activate(self, identity: str) -> None:
        version = self._ask("GET", f"/rest/workflows/{identity}")["versionId"]
        self._ask("PATCH", f"/rest/workflows/{identity}", {"active": True, "versionId": version})

    def run(self, identity: str, trigger: str) -> str:
        body = {
            "workflowData": self._ask("GET", f"/rest/workflows/{identity}"),
            "triggerToStartFrom": {"name": trigger},
        }
        return str(self._ask("POST", f"/rest/workflows/{identity}/run", body)["executionId"])

    def executions(self) -> list[dict[str, Any]]:
        """Return one page: pages are ordered by start but go on by id, so that a resumed execution hides others."""
        page = self._ask("GET", f"/rest/executions?limit={_LONG_PAGE}")["results"]
        assert len(page) < _LONG_PAGE
        return list(page)
