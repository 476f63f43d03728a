"""What systemd is told."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from exporter import ready


@pytest.mark.parametrize("abstract", [False, True])
def test_whoever_has_started_the_program_is_told_when_it_is_ready(tmp_path: Path, abstract: bool) -> None:
    path = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + path if abstract else path)
        systemd.settimeout(5)
        ready.tell({"NOTIFY_SOCKET": f"@{path}" if abstract else path})
        assert systemd.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1234", "/" + "x" * 200])
def test_nobody_to_be_told_is_no_fault(address: str) -> None:
    ready.tell({"NOTIFY_SOCKET": address} if address else {})
