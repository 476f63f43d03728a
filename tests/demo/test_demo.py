"""``make demo``, as it is typed in terminals of one machine; its network is a namespace, so another demo may run."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo import control
from tests.demo.faults import FAULTS
from tests.demo.fleet import PREFIX
from tests.netlab import Host, Lab, Program, leftovers, requires_root, wait_until
from tests.system.databases import requires_databases
from tests.system.running import REPOSITORY

pytestmark = [requires_root, requires_databases, pytest.mark.servers]

STARTED = 60.0
WELL = 100.0
SOON = 25.0
PAGES = re.compile(r"http://127\.0\.0\.1:(\d+)(/\S*)")


class Stage:
    """Terminals on one machine, two demos started one after the other: the first one is killed."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine
        killed = self.typed()
        wait_until(lambda: "http://" in killed.output(), "the first demo is up", STARTED)
        self.killed, self.left = killed.pid, left_of(killed.pid)
        killed.kill()
        killed.wait()
        self.running = self.typed()
        wait_until(lambda: "http://" in self.running.output(), "the second demo is up", STARTED)

    def typed(self, *words: str) -> Program:
        """Start it on the machine's network, and on nothing else of its own."""
        enter = ("nsenter", f"--net=/run/netns/{self._machine.namespace.name}")
        program = Program(
            [*enter, sys.executable, "-m", "tests.demo", *words],
            mark=self._machine.mark,
            output=self._machine.folder / f"terminal-{time.monotonic_ns()}",
            env=None,
            cwd=REPOSITORY,
        )
        self._machine.programs.append(program)
        return program

    def get(self, port: int, path: str) -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            with self._machine.entered():
                connection.connect()
            connection.request("GET", path)
            return connection.getresponse().status

    def answer_to(self, fault: str) -> str:
        """Return the first line with which the running demo answers."""
        with self._machine.entered(), socket.socket(socket.AF_UNIX) as demo, demo.makefile() as lines:
            demo.connect(control._NAME)
            demo.sendall(fault.encode())
            return lines.readline()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Lab() as lab:
        yield Stage(lab.host("machine"))


def left_of(pid: int) -> set[str]:
    """Return what is left of a demo: namespaces, folders, and processes by their command lines."""
    own = f"{PREFIX}{pid}-"
    folders = {str(path) for path in Path(tempfile.gettempdir()).glob(f"{own}*")}
    return {*leftovers(pid, PREFIX), *folders, *_programs(own)}


def _programs(own: str) -> Iterator[str]:
    """Find the programs that name a demo's files; exporters, Prometheus, Alertmanager and PostgreSQL do."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if own in (line := (process / "cmdline").read_text().replace("\0", " ")):
                yield f"{process.name} {line}"


def test_the_next_start_sweeps_what_a_killed_one_left(stage: Stage) -> None:
    for program in ("exporter run", "postgres -D", "prometheus --config", "prometheus-alertmanager"):
        assert program in str(stage.left)
    assert left_of(stage.killed) == set()


def test_all_pages_that_it_names_can_be_had(stage: Stage) -> None:
    pages = PAGES.findall(stage.running.output())
    assert len(pages) == 6
    assert {page: stage.get(int(page[0]), page[1]) for page in pages} == dict.fromkeys(pages, 200)


def test_a_second_one_is_refused_and_told_what_it_can_do(stage: Stage) -> None:
    second = stage.typed()
    assert second.wait(STARTED) == 1
    assert second.error_output().startswith("demo: one is running already; make demo FAULT=cut|loss|slow-peer|")


def test_a_fault_that_is_none_is_refused(stage: Stage) -> None:
    wrong = stage.typed("fire")
    assert wrong.wait(STARTED) == 2
    assert wrong.error_output() == f"demo: no FAULT is called 'fire'; there are {', '.join(FAULTS)}\n"


def test_the_running_one_refuses_a_fault_that_only_another_clone_knows(stage: Stage) -> None:
    assert "the one that is running knows no FAULT 'fire'; it knows cut, loss," in stage.answer_to("fire")


def test_another_terminal_breaks_something_reads_what_the_program_says_and_mends_it(stage: Stage) -> None:
    other = stage.typed("cut")
    wait_until(lambda: "broken: nothing passes between wf001 and wf008" in other.output(), "it is broken", WELL)
    for words in (
        "; wf008 or its only link: no answer by any probe",
        "path wf001 to wf008: all gets lost, and both ends live [PathDegraded]",
    ):
        wait_until(lambda words=words: words in other.output(), f"{words} in {other.output()}", SOON)  # type: ignore[misc]  # mypy knows no default here
    third = stage.typed("loss")
    assert third.wait(SOON) == 1
    assert third.error_output() == "demo: something is broken already, by another terminal; Ctrl-C there mends it\n"
    other.send_signal(signal.SIGINT)
    assert other.wait(SOON) == 0
    assert other.output().endswith("\nmended\n")


def test_at_the_end_nothing_is_left_and_another_terminal_is_told(stage: Stage) -> None:
    assert left_of(stage.running.pid)
    other = stage.typed("loss")
    wait_until(lambda: "waiting until all is well" in other.output(), "it is heard", STARTED)
    os.kill(stage.running.pid, signal.SIGINT)
    assert stage.running.wait(SOON) == 0, stage.running.error_output()
    assert stage.running.output().endswith("demo: ended, nothing is left\n")
    assert left_of(stage.running.pid) == set()
    assert other.wait(SOON) == 1
    assert other.error_output().startswith("demo: the one that was running has ended")
