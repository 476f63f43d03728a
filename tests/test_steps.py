"""What CI is made of: every step is run, the end tells what failed, and nothing is left running."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

STEPS = f"set -eu\n. {Path(__file__).parent / 'steps.sh'}\n"


def started(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(["sh", "-c", STEPS + script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def told(script: str) -> tuple[int, str]:
    """Return the exit code and what was printed, without the seconds."""
    with started(script) as process:
        output = process.stdout.read() if process.stdout else ""
    return process.returncode, re.sub(r"after \d+ s", "after N s", output)


def test_every_step_is_run_and_the_end_says_which_failed() -> None:
    assert told("step 9s false\nstep 9s echo on\nstep 9s sh -c 'exit 3'\nend_of_steps CI") == (1, (
        "\n=== false\n=== false: FAILED (exit 1) after N s\n"
        "\n=== echo on\non\n=== echo on: ok after N s\n"
        "\n=== sh -c exit 3\n=== sh -c exit 3: FAILED (exit 3) after N s\n"
        "\nCI: FAILED: false; sh -c exit 3\n"
    ))  # fmt: skip


def test_without_a_failure_the_end_says_so() -> None:
    assert told("step 9s true\nend_of_steps CI") == (
        0, "\n=== true\n=== true: ok after N s\n\nCI: all steps ok\n"
    )  # fmt: skip


def test_a_step_has_a_limit_and_no_stdin() -> None:
    code, output = told("step 0.1s sleep 60\nstep 9s cat\nend_of_steps CI")
    assert code == 1
    assert "=== sleep 60: FAILED (exit 124)" in output
    assert "=== cat: ok" in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_when_it_is_ended_its_step_is_too_and_cleans_up(number: signal.Signals, tmp_path: Path) -> None:
    step = tmp_path / "step.sh"
    step.write_text("trap 'trap \"\" TERM; echo cleaned; exit' TERM\necho begun\nwhile :; do sleep 0.01; done\n")
    with started(f"step 60s sh {step}") as process:
        assert process.stdout is not None
        while process.stdout.readline() != "begun\n":
            pass
        process.send_signal(number)
        assert "cleaned" in process.stdout.read().splitlines()
    assert process.returncode == (130 if number != signal.SIGKILL else -signal.SIGKILL)
