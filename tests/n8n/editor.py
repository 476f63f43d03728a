"""What people do in n8n's editor, as the requests that the editor sends; and the webhooks that start workflows."""

from __future__ import annotations

import functools
import http.client
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from tests.netlab import Host

_TIMEOUT = 60.0
_PAGE = 25
"""Executions a page of the list."""
_LONG_PAGE = 100
_STILL_OPEN = '{"status": ["new", "running", "waiting"]}'
_LONGEST_PAGE = 250
"""What n8n gives programs at most."""
FAILURES = (OSError, http.client.HTTPException)
"""What a request without an answer raises."""
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
                for status, text in (self.exchange("GET", path) for path in ("/healthz/readiness", "/rest/settings"))
            )
        except FAILURES:
            return False

    def become_owner(self) -> None:
        """Do the first set-up of a new n8n."""
        self._ask("POST", "/rest/owner/setup", _OWNER)

    def log_in(self) -> None:
        """Begin another session of the same person."""
        login = {"emailOrLdapLoginId": _OWNER["email"], "password": _OWNER["password"]}
        self._ask("POST", "/rest/login", login)

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
        return str(self._ask("POST", *self.request_to_run(identity, trigger))["executionId"])

    def request_to_run(self, identity: str, trigger: str) -> tuple[str, Any]:
        """Return the path and the body that run a workflow by hand."""
        return f"/rest/workflows/{identity}/run", {"triggerToStartFrom": {"name": trigger}}

    def stop(self, execution: str) -> None:
        self._ask("POST", f"/rest/executions/{execution}/stop", {})

    def retry(self, execution: str, *, with_saved_workflow: bool) -> None:
        self._ask("POST", f"/rest/executions/{execution}/retry", {"loadWorkflow": with_saved_workflow})

    def executions(self) -> list[dict[str, Any]]:
        """Return n8n's own list of executions, as the editor shows it.

        Its pages are ordered by start but go on by id: of executions that do not start by their ids it misses some.
        """
        listed: dict[str, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            page = self._ask("GET", f"/rest/executions?limit={_PAGE}{cursor}")
            listed |= {each["id"]: each for each in page["results"]}
            cursor = page["nextCursor"] and "&cursor=" + urllib.parse.quote(page["nextCursor"])
        return list(listed.values())

    def all_executions(self) -> list[dict[str, Any]]:
        """Return n8n's own list of executions, complete however many have ended; what is open is of one page."""
        listed: dict[str, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            path = f"/api/v1/executions?limit={_LONGEST_PAGE}{cursor}"
            status, text = self.exchange("GET", path, headers={"X-N8N-API-KEY": self._key})
            assert status == http.HTTPStatus.OK, (status, text[:500])
            page = json.loads(text)
            listed |= {each["id"]: each for each in page["data"]}
            cursor = page["nextCursor"] and "&cursor=" + urllib.parse.quote(page["nextCursor"])
        # There n8n leaves out what it has in its memory.
        still_open = self._ask("GET", f"/rest/executions?limit={_LONG_PAGE}&filter={urllib.parse.quote(_STILL_OPEN)}")
        return list((listed | {each["id"]: each for each in still_open["results"]}).values())

    @functools.cached_property
    def _key(self) -> str:
        """A key of n8n's interface for programs."""
        wanted = {"label": type(self).__name__, "scopes": ["execution:list", "execution:read"], "expiresAt": None}
        return str(self._ask("POST", "/rest/api-keys", wanted)["rawApiKey"])

    def statistics(self, identity: str) -> dict[str, int]:
        """Return n8n's own count of a workflow's runs, by the names that the editor has for its kinds of ends."""
        return {
            kind: int(count) for kind, count in self._ask("GET", f"/rest/workflow-stats/{identity}/counts/").items()
        }

    def call(self, path: str) -> Any:
        """Call a webhook by its path, or by the whole address that n8n made; return its answer."""
        status, text = self.exchange("POST", path_of(path), {})
        assert status == http.HTTPStatus.OK, (path, status, text[:500])
        return json.loads(text)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, text = self.exchange(method, path, body)
        assert status == http.HTTPStatus.OK, (method, path, status, text[:500])
        return json.loads(text)["data"]

    def exchange(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Send a request; return the answer's status and text, whatever they are. FAILURES if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        with self._host.entered():
            connection.connect()
        try:
            always = {"Content-Type": "application/json", "Cookie": self._cookie}
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {**always, **(headers or {})})
            answer = connection.getresponse()
            if cookie := answer.getheader("Set-Cookie"):
                self._cookie = cookie.partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def path_of(address: str) -> str:
    """Return an address without its server, which is the same as ever."""
    return urllib.parse.urlsplit(address)._replace(scheme="", netloc="").geturl()


class EditorOf1(Editor):
    """One person's session with n8n 1, which asked for some things otherwise."""

    def activate(self, identity: str) -> None:
        version = self._ask("GET", f"/rest/workflows/{identity}")["versionId"]
        self._ask("PATCH", f"/rest/workflows/{identity}", {"active": True, "versionId": version})

    def request_to_run(self, identity: str, trigger: str) -> tuple[str, Any]:
        path, body = super().request_to_run(identity, trigger)
        return path, {"workflowData": self._ask("GET", f"/rest/workflows/{identity}"), **body}

    def executions(self) -> list[dict[str, Any]]:
        """Return one page: pages are ordered by start but go on by id, so that a resumed execution hides others."""
        page = self._ask("GET", f"/rest/executions?limit={_LONG_PAGE}")["results"]
        assert len(page) < _LONG_PAGE
        return list(page)
