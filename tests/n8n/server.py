"""A real n8n process and its PostgreSQL; it runs on a host of the lab that reaches nothing but itself."""

from __future__ import annotations

import os
from pathlib import Path

from tests.n8n.editor import Editor, EditorOf1
from tests.netlab import Host, Program, wait_until
from tests.system.database_server import Server

VERSION = os.environ.get("N8N_VERSION", "2.41.1")
LAST_OF_1 = "1.123.81"
"""What is upgraded to it."""


def is_of_1(version: str) -> bool:
    return version.startswith("1.")


IS_OF_1 = is_of_1(VERSION)
INSTALLED = Path(__file__).parents[2] / ".cache/n8n"
"""Where tests/n8n/install.sh puts Node and each version of n8n."""
_PORT = 5678
_START = 300.0
"""Seconds that a first start may take, with all of n8n's migrations, on a busy machine."""
_STOP = 60.0
_QUIET = {
    "N8N_DIAGNOSTICS_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
    "N8N_TEMPLATES_ENABLED": "false",
    "N8N_PERSONALIZATION_ENABLED": "false",
    "N8N_COMMUNITY_PACKAGES_ENABLED": "false",
}
"""What n8n would otherwise ask of the world, in vain, and log."""


class N8n:
    """One n8n; ``start`` after ``stop`` or ``kill`` goes on with its folder and its database."""

    def __init__(self, host: Host, database: Server, folder: Path, version: str = VERSION) -> None:
        self._host, self._database, self._folder = host, database, folder
        self._version = version
        self._program: Program | None = None
        self.is_of_1 = is_of_1(version)
        self.settings: dict[str, str] = {}
        """Variables of its environment, which hold from its next start on."""
        self.editor = EditorOf1(host, _PORT) if self.is_of_1 else Editor(host, _PORT)

    def start(self) -> None:
        self.begin_to_start()
        self.wait_until_ready()

    def begin_to_start(self) -> None:
        """Start it, and wait for nothing."""
        n8n = INSTALLED / self._version / "node_modules/n8n/bin/n8n"
        self._program = self._host.popen(["nice", "-n", "15", "node", str(n8n), "start"], env=self._environment())

    def wait_until_ready(self) -> None:
        wait_until(self._is_up, "n8n is ready", _START)

    def stop(self) -> None:
        """End it as a service manager does; n8n first waits for the executions that run."""
        if self._program is not None:
            self._program.stop(_STOP)

    def kill(self) -> None:
        """End it as a power cut does: it writes nothing more."""
        if self._program is not None:
            self._program.kill()
            self._program.wait()

    def _is_up(self) -> bool:
        assert self._program is not None
        assert self._program.poll() is None, (self._program.output() + self._program.error_output())[-3000:]
        return self.editor.is_ready()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{INSTALLED}/node/node_modules/node/bin:{os.environ['PATH']}",
            "HOME": str(self._folder),
            "N8N_USER_FOLDER": str(self._folder),
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_PORT": str(_PORT),
            "N8N_SECURE_COOKIE": "false",
            "GENERIC_TIMEZONE": "UTC",
            "DB_TYPE": "postgresdb",
            "DB_POSTGRESDB_HOST": str(self._database.socket_path),
            "DB_POSTGRESDB_PORT": str(self._database.port),
            "DB_POSTGRESDB_DATABASE": "n8n",
            "DB_POSTGRESDB_USER": "postgres",
            **_QUIET,
            **self.settings,
        }


def missing(version: str) -> list[str]:
    """Return what has to be installed first (tests/n8n/install.sh), for people."""
    return [
        f"nothing in .cache/n8n/{name}" for name in ("node", version) if not (INSTALLED / name / ".complete").exists()
    ]
