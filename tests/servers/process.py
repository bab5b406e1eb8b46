"""A child process and all that it starts, handled as one: spawned, frozen, continued, killed.

Invariant: a server does not outlive the test run, even one that is killed itself. A process group is not enough for
that, nor for `kill -9`: PostgreSQL's backends leave the group they were started in.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

# The parent-death signal is sent when the *thread* that forked ends, and a test may call from a short-lived one. This
# thread ends with the interpreter.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="servers")
_STOPS_WITHIN = 5.0


def spawn(
    command: Sequence[str],
    *,
    output: BinaryIO,
    environment: Mapping[str, str],
    user: str | None = None,
    death_signal: str = "KILL",
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, with `/` as its folder, as `user` (a name; only root may say one)."""
    program = list(command)
    if setpriv := shutil.which("setpriv"):
        program = [setpriv, "--pdeathsig", death_signal, *program]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )

    return _spawner.submit(start).result()


def freeze(pid: int) -> list[int]:
    """SIGSTOP a process and its descendants, parents first, until none is new. Returns their ids, the root first."""
    frozen: list[int] = []
    while fresh := [one for one in [pid, *descendants(pid)] if one not in frozen]:
        for one in fresh:
            _signal(one, signal.SIGSTOP)
        frozen += fresh
    deadline = time.monotonic() + _STOPS_WITHIN
    while not all(map(_stands_still, frozen)) and time.monotonic() < deadline:
        time.sleep(0.001)
    return frozen


def _stands_still(pid: int) -> bool:
    """Whether each of its threads has heard the signal, which takes its time on a busy machine; true where nothing
    tells, and of a process that is gone."""
    try:
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return True
    return all(stat.rpartition(")")[2].split()[0] in "TtZX" for stat in stats)


def thaw(pid: int) -> None:
    """SIGCONT a process and its descendants, the root last, so that it finds its children alive."""
    for one in [*descendants(pid), pid]:
        _signal(one, signal.SIGCONT)


def kill_tree(process: subprocess.Popen[bytes], *, timeout: float) -> None:
    """SIGKILL a process and its descendants, and return when all of them are gone."""
    tree = freeze(process.pid) if process.poll() is None else []
    for one in tree:
        _signal(one, signal.SIGKILL)
    process.wait(timeout)
    deadline = time.monotonic() + timeout
    while any(alive(one) for one in tree):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {tree} are still there {timeout} s after SIGKILL")
        time.sleep(0.002)


def descendants(pid: int) -> list[int]:
    """The ids of all processes below `pid`, parents before their children."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def alive(pid: int) -> bool:
    """Whether the process still runs; one that has ended and was not collected does not."""
    if Path("/proc/self/stat").exists():
        # In a container nobody may ever collect an orphan.
        return (_stat(pid) or ["Z"])[0] not in "ZX"
    return _signal(pid, 0)


def _parents() -> list[tuple[int, int]]:
    pairs = []
    if not Path("/proc/self/stat").exists():
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        return [(int(line.split()[0]), int(line.split()[1])) for line in listing.splitlines()]
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            pairs.append((int(entry), int(fields[1])))
    return pairs


def _stat(pid: int) -> list[str] | None:
    """State, parent's id, … of /proc/PID/stat, or None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
