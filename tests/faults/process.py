"""A victim as the test sees it: started, waited for, frozen, continued, ended.

Invariant: a victim does not outlive the test that started it, nor the test run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from tests.faults.controls import Control
from tests.faults.engine import Work
from tests.faults.points import INSTANCE, Deed, Journal, Point
from tests.faults.waiting import until
from tests.servers.process import freeze, kill_tree, spawn, thaw

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
START = 120.0
"""What a busy machine may take until a process has begun its work. Nothing is proved by how long that is."""


class Victim:
    """One process, with a journal and a log of its own in `folder`. Use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        url: str,
        work: Work,
        *,
        point: Point | None = None,
        at: int = 1,
        deed: Deed = Deed.KILL,
        control: Sequence[Control] = (),
        hub: Path | None = None,
        waits: bool = False,
    ) -> None:
        """`hub` is the configuration of a whole hub, in which `work` has but its name to say. `waits`: the trap is not
        there before `arm`."""
        self.work = work
        self.point = point
        self.journal = Journal(folder / f"{work.owner}.journal")
        self.log = folder / f"{work.owner}.log"
        self._armed = folder / f"{work.owner}.armed"
        trap = ["--point", point, "--at", str(at), "--deed", deed] if point is not None else []
        trap += ["--armed", str(self._armed)] if waits else []
        where = ["--url", url] if hub is None else ["--hub", str(hub)]
        self._command = [
            *(sys.executable, "-m", "tests.faults.victim", *where, "--journal", str(self.journal.path)),
            *(*trap, "--work", msgspec.json.encode(work).decode()),
            *(word for one in control for word in ("--control", one)),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start, and return at once."""
        with self.log.open("ab") as output:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            self._process = spawn(self._command, output=output, environment=environment)
        return self

    def ready(self) -> Self:
        """Start, and return once it works, or has been killed by its own trap."""
        self.start()
        until(lambda: self.said("ready") or self.landed or not self.alive, START, lambda: self._told("was not ready"))
        if not self.said("ready") and not self.landed:
            raise RuntimeError(self._told("ended instead of starting"))
        return self

    def __enter__(self) -> Self:
        return self.ready()

    def __exit__(self, *exception: object) -> None:
        self.kill()

    # --------------------------------------------------------------------------------------------------- what it says

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def owner(self) -> str:
        """The name that stands in its leases. A hub makes one for itself, and of several processes each: then that of
        the one in which the trap has sprung."""
        landed = [entry.pid for entry in self.journal.read() if entry.event == f"landed {self.point}"]
        names = [name for name, pid in self.instances.items() if not landed or pid in landed]
        return names[0] if names else self.work.owner

    @property
    def instances(self) -> dict[str, int]:
        """The names that the processes of a hub have given themselves, with their process ids."""
        said = [entry for entry in self.journal.read() if entry.event.startswith(INSTANCE)]
        return {entry.event.removeprefix(INSTANCE): entry.pid for entry in said}

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the victim was not started")
        return self._process

    @property
    def landed(self) -> bool:
        """Whether the trap has sprung."""
        return self.point is not None and self.said(f"landed {self.point}")

    def said(self, event: str) -> bool:
        return any(entry.event == event for entry in self.journal.read())

    def when(self, event: str) -> float:
        """Seconds since 1970."""
        return next(entry.at for entry in self.journal.read() if entry.event == event)

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # ---------------------------------------------------------------------------------------------------- what is done

    def killed(self, timeout: float = START) -> None:
        """Wait until its own trap has killed it."""
        until(lambda: not self.alive, timeout, lambda: self._told(f"did not come by {self.point}"))
        if not self.landed or self.process.returncode != -signal.SIGKILL:
            raise RuntimeError(self._told(f"ended with {self.process.returncode}, not by its trap"))

    def stopped(self, timeout: float = START) -> None:
        """Wait until its own trap has frozen it."""
        until(
            lambda: self.landed and self._state() == "T", timeout, lambda: self._told(f"did not come by {self.point}")
        )

    def arm(self) -> None:
        """From now on passings count."""
        self._armed.touch()

    def freeze(self) -> None:
        freeze(self.process.pid)

    def thaw(self) -> None:
        thaw(self.process.pid)

    def terminate(self, timeout: float = PATIENCE) -> int:
        """Ask it to end and wait for that; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        until(lambda: not self.alive, timeout, lambda: self._told("did not end after SIGTERM"))
        return int(self.process.returncode)

    def kill(self) -> None:
        """kill -9, if it is still there."""
        if self._process is not None and self._process.poll() is None:
            kill_tree(self._process, timeout=PATIENCE)

    def _state(self) -> str:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def _told(self, what: str) -> str:
        return f"victim {self.work.owner} {what}\n{self.output()[-4000:]}"
