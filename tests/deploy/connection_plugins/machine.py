"""Lets ansible into a machine of ``machines.py``: ``ansible_host`` is the process number of its init."""

from __future__ import annotations

import shutil
import subprocess

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: machine
short_description: into the namespaces of a process
description: Runs commands by nsenter, as root.
options: {}
"""


class Connection(ConnectionBase):  # type: ignore[misc] # ansible ships no types
    transport = "machine"
    has_pipelining = False

    def _connect(self):
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        into = ["nsenter", f"--target={self._play_context.remote_addr}", "--all", "--root", "--wd"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        done = subprocess.run([*into, *clean, "sh", "-c", cmd], input=in_data, capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def _path(self, path):
        return f"/proc/{self._play_context.remote_addr}/root{path}"

    def put_file(self, in_path, out_path):
        shutil.copyfile(in_path, self._path(out_path))

    def fetch_file(self, in_path, out_path):
        shutil.copyfile(self._path(in_path), out_path)

    def close(self):
        self._connected = False
