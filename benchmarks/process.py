"""What a process has used, as the kernel counts it (proc(5))."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

CpuTimes = dict[int, int]
"""Thread -> nanoseconds on a processor."""
_KIBIBYTE = 1024


def cpu_times(pid: int) -> CpuTimes:
    """Return the CPU time of each thread: to the nanosecond, where /proc/PID/stat has ticks of 10 ms."""
    times = {}
    for task in Path("/proc", str(pid), "task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            times[int(task.name)] = int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return times


def cpu_between(before: CpuTimes, after: CpuTimes) -> float:
    """Return the seconds between two looks; a thread that ended in between is missing."""
    return sum(spent - before.get(thread, 0) for thread, spent in after.items()) / 1e9


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a process, in bytes."""

    resident: int
    peak: int


def memory_of(pid: int) -> Memory:
    """Return what is resident now, and the most that ever was."""
    status = Path("/proc", str(pid), "status").read_text(encoding="ascii")
    sizes = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return Memory(int(sizes["VmRSS"]) * _KIBIBYTE, int(sizes["VmHWM"]) * _KIBIBYTE)
