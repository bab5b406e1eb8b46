"""What this machine did meanwhile: CPU of process trees, memory, work of others. Linux's /proc; elsewhere nothing.

Invariant: figures are differences of counters that only grow, so that a process which ended in between is not lost
(its parent has collected it).
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from pathlib import Path

from tests.servers.process import descendants

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_HAS_PROC = Path("/proc/self/stat").exists()


def tree_cpu(pid: int) -> float | None:
    """Seconds of CPU that a process, those below it and those it has collected have used; None where nobody knows."""
    if not _HAS_PROC:
        return None
    return sum(_cpu(one) for one in (*descendants(pid), pid))  # a parent last: it may collect a child meanwhile


def children_cpu() -> float:
    """Seconds of CPU of the processes that this one started and collected."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def resident(pid: int | str = "self") -> float | None:
    """Megabytes of memory a process occupies."""
    if not _HAS_PROC:
        return None
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICK


class Foreign:
    """How much CPU others used since this was made, in cores: what was busy or stolen, less our own processes."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy, self._own = _busy(), tree_cpu(os.getpid()) or 0.0

    def cores(self) -> float:
        passed = time.monotonic() - self._began
        if not _HAS_PROC or passed < 0.5:
            return 0.0  # ticks are too coarse
        return max(0.0, (_busy() - self._busy) - ((tree_cpu(os.getpid()) or 0.0) - self._own)) / passed


def _busy() -> float:
    """Seconds that the CPUs were not idle, since the machine started."""
    if not _HAS_PROC:
        return 0.0
    with Path("/proc/stat").open() as file:
        user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICK


def load() -> float:
    """How many processes wanted to run in the last minute, on average."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def described() -> dict[str, str]:
    """What a reader wants to know of the machine."""
    return {
        "cpu": f"{os.cpu_count()} x {_processor()}",
        "system": platform.system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
