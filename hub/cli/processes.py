"""`jobs.processes` above 1: one supervisor, and under it the hub in several processes.

Invariant: the supervisor runs no job and opens neither port nor database. Process 0 does what a hub alone does, port,
scheduler and adapters included; the others are workers. One that dies is started again, later each time; what it held
is taken up when its leases expire, as after any crash. A signal goes to all of them, and a second one ends them at
once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from hub.cli.link import LONGEST, Report, Told, line_of
from hub.clock import backoff
from hub.config import Configuration
from hub.telemetry import get_logger

_log = get_logger("hub.processes")

_STEADY: Final = 30.0
"""A process that lived for so many seconds is started again at once when it ends."""
_FIRST: Final = 0.5
_LONGEST: Final = 30.0
_BEYOND: Final = 25.0
"""Seconds beyond jobs.shutdown_timeout after which a process that still drains is killed: requests, receipts and
handlers that ignore their cancellation have theirs."""


def several(configuration: Configuration, roles: Collection[str] | None) -> bool:
    """Whether `hub run` is a supervisor: processes multiply workers only."""
    jobs = configuration.jobs
    return jobs.processes > 1 and jobs.enabled and (roles is None or "worker" in roles)


def roles_of(number: int, roles: Collection[str] | None) -> Collection[str] | None:
    """What a process does, of what all of them are to do."""
    return roles if number == 0 else ["worker"]


def supervise(
    configuration: Configuration, file: Path | None, roles: Collection[str] | None, queues: Collection[str] | None
) -> int:
    """Run the processes until a signal has drained them; the exit code."""
    words = [*_option("--config", [str(file)] if file else None), *_option("--only", roles)]
    words += _option("--queues", queues)
    return asyncio.run(Supervisor(configuration, words).run())


class Supervisor:
    """The processes of one `hub run`; `words` are the command line's."""

    def __init__(self, configuration: Configuration, words: list[str]) -> None:
        jobs = configuration.jobs
        self._patience = jobs.shutdown_timeout + _BEYOND
        self._follows = configuration.file is not None
        self._processes = [_Process(number, words) for number in range(jobs.processes)]
        self._asked = asyncio.Event()
        self._signals: list[int] = []

    async def run(self) -> int:
        """The exit code: 0 once drained, that of process 0 if it could not start, 128 + n after a second signal."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._told_to_end, each)
        loop.add_signal_handler(signal.SIGHUP, self._told_to_read)
        telling = loop.create_task(self._tell(), name="processes, told")
        first, *others = self._processes
        try:
            # Alone at first: it migrates, and says what is wrong with the configuration.
            code = await self._first_start(first)
            if code is not None:
                return code
            keeping = [loop.create_task(self._keep(process)) for process in (first, *others)]
            await self._asked.wait()
            await self._drained()
            await asyncio.gather(*keeping)
        finally:
            telling.cancel()
            for process in self._processes:
                process.kill()
        _log.info("every process has ended", processes=len(self._processes))
        return 128 + self._signals[1] if len(self._signals) > 1 else 0

    # --- life --------------------------------------------------------------------------------------------------------

    async def _first_start(self, process: _Process) -> int | None:
        """None once it is ready, or told to end; the exit code of one that could not start."""
        await process.start()
        waits = [asyncio.create_task(each) for each in (process.ready.wait(), process.ended(), self._asked.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        if process.ready.is_set() or self._asked.is_set():
            return None
        return process.code or 0

    async def _keep(self, process: _Process) -> None:
        """Start it, and again whenever it ends, until all are told to end."""
        loop, short_lives = asyncio.get_running_loop(), 0
        while True:
            since = loop.time()
            if not process.alive and not self._asked.is_set():
                await process.start()
            await process.ended()
            if self._asked.is_set():
                return
            lived = loop.time() - since
            short_lives = 0 if lived >= _STEADY else short_lives + 1
            delay = backoff(_FIRST, short_lives - 1, _LONGEST) if short_lives else 0.0
            process.restarts += 1
            _log.error(
                "a process has ended and is started again",
                process=process.number,
                ended=process.how,
                lived=f"{lived:.1f} s",
                starts_in=f"{delay:g} s",
            )
            try:
                async with asyncio.timeout(delay):
                    await self._asked.wait()
            except TimeoutError:
                continue
            return

    async def _drained(self) -> None:
        """Once all have ended, or the time for it is over."""
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.gather(*(process.ended() for process in self._processes))
        except TimeoutError:
            late = [process.number for process in self._processes if process.alive]
            _log.error("processes that did not end are killed", processes=late, after=f"{self._patience:g} s")
            for process in self._processes:
                process.kill()

    def _told_to_end(self, number: int) -> None:
        self._signals.append(number)
        for process in self._processes:
            process.send(number)
        self._asked.set()

    def _told_to_read(self) -> None:
        # A process that came from no file does not listen to it, and would end.
        for process in self._processes if self._follows else ():
            process.read_anew()

    async def _tell(self) -> None:
        """Process 0 hears of all of them."""
        while True:
            metrics = {str(each.number): each.said.metrics for each in self._processes[1:] if each.said is not None}
            self._processes[0].tell(Told([process.view() for process in self._processes], metrics))
            await asyncio.sleep(1.0)


class _Process:
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
        with theirs:
            # A session of its own: a terminal's Ctrl-C would reach it twice, and the second one ends it at once.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "hub", "run", *self._words, "--process", f"{self.number}:{theirs.fileno()}"),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.ready.clear()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=LONGEST)
        self._heard = asyncio.create_task(self._hear(reader, self._writer), name=f"process {self.number}, heard")

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


def _option(name: str, values: Iterable[str] | None) -> list[str]:
    return [] if values is None else [name, ",".join(values)]
