"""One of several processes of a `hub run`, as their supervisor has it.

Invariant: it is one place through any number of lives; what was said in one life counts for nothing in the next.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import msgspec

from hub.cli.link import LONGEST, Report, Told, line_of
from hub.cli.pulse import Life


class Process:
    """One process, through all of its lives. `ready`: this life has started."""

    def __init__(self, number: int, words: list[str]) -> None:
        self.number = number
        self.restarts = 0
        self.ready = asyncio.Event()
        self.said: Report | None = None
        self._words = words
        self._reads_later = False
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._heard: asyncio.Task[None] | None = None
        self._life: Life | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def code(self) -> int | None:
        return None if self._process is None else self._process.returncode

    @property
    def how(self) -> str:
        """How this life ended, in words."""
        if self.code is not None and self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        if self._life is not None:
            self._life.close()
        life = self._life = Life()
        with theirs, life.handed_over():
            # A session of its own: a terminal's Ctrl-C would reach it twice, and the second one ends it at once.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "hub", "run", *self._words),
                *("--process", f"{self.number}:{theirs.fileno()}:{life.theirs}"),
                pass_fds=[theirs.fileno(), life.theirs],
                start_new_session=True,
            )
        self.ready.clear()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=LONGEST)
        self._heard = asyncio.create_task(self._hear(reader, self._writer), name=f"process {self.number}, heard")

    @property
    def silent_for(self) -> float:
        """Seconds since it gave a sign of life; 0 before its first one, and when it does not live."""
        return self._life.silent_for if self._life is not None and self.alive else 0.0

    def forgive(self) -> None:
        """Count its silence from now: nobody has listened meanwhile."""
        if self._life is not None:
            self._life.forgive()

    async def ended(self) -> None:
        """Once this life is over; at once when there was none."""
        if self._process is not None:
            await self._process.wait()

    def send(self, number: int) -> None:
        """A signal, if it lives."""
        if self._process is not None and self.alive:
            try:
                self._process.send_signal(number)
            except ProcessLookupError:
                pass  # it has ended this moment

    def read_anew(self) -> None:
        """Have it read the configuration; one that starts has read it already, perhaps too early, and is told then."""
        if self.ready.is_set():
            self.send(signal.SIGHUP)
        else:
            self._reads_later = True

    def _started(self) -> None:
        self.ready.set()
        if self._reads_later:
            self._reads_later = False
            self.send(signal.SIGHUP)

    def kill(self) -> None:
        """End it, with whatever it has started."""
        if self._process is not None and self.alive:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended this moment

    def tell(self, what: Told) -> None:
        """Nothing is kept for one that does not listen."""
        writer = self._writer
        if (
            writer is not None
            and self.alive
            and not writer.is_closing()
            and not writer.transport.get_write_buffer_size()
        ):
            writer.write(line_of(what))

    def view(self) -> dict[str, Any]:
        """For /health and `hub status`."""
        state = "running" if self.alive and self.ready.is_set() else "starting" if self.alive else "ended"
        jobs = self.said.jobs if self.said is not None else {}
        return {
            "number": self.number,
            "pid": self._process.pid if self._process is not None and self.alive else None,
            "state": state,
            "instance": self.said.instance if self.said is not None else None,
            "restarts": self.restarts,
            "running": jobs.get("running", 0),
            "held": jobs.get("held", 0),
        }

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.said = msgspec.json.decode(line, type=Report)
                if self.said.ready and not self.ready.is_set():
                    self._started()
        except OSError:
            pass  # its end is noticed by itself
        finally:
            self.said = None  # its counts begin anew, too
            self.ready.clear()
            writer.close()
