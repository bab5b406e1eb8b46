"""`jobs.processes` above 1: one supervisor, and under it the hub in several processes.

Invariant: the supervisor runs no job and opens neither port nor database. Process 0 does what a hub alone does, port,
scheduler and adapters included; the others are workers. One that dies is started again, later each time; what it held
is taken up when its leases expire, as after any crash. One that is frozen beyond its leases is killed, so that it keeps
the port from nobody. A signal goes to all of them, and a second one ends them at once.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from hub.cli.link import Told
from hub.cli.process import Process
from hub.cli.pulse import PERIOD
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

_SILENCE: Final = 10.0
"""A process that gives no sign of life for jobs.lease, and for so many seconds at least, is killed: others have, or are
about to take, all that it held."""


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
        self._silence = max(jobs.lease, _SILENCE)
        self._patience = jobs.shutdown_timeout + _BEYOND
        self._follows = configuration.file is not None
        self._processes = [Process(number, words) for number in range(jobs.processes)]
        self._asked = asyncio.Event()
        self._signals: list[int] = []

    async def run(self) -> int:
        """The exit code: 0 once drained, that of process 0 if it could not start, 128 + n after a second signal."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._told_to_end, each)
        loop.add_signal_handler(signal.SIGHUP, self._told_to_read)
        asides = [
            loop.create_task(self._tell(), name="processes, told"),
            loop.create_task(self._watch(), name="processes, watched"),
        ]
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
            for aside in asides:
                aside.cancel()
            for process in self._processes:
                process.kill()
        _log.info("every process has ended", processes=len(self._processes))
        return 128 + self._signals[1] if len(self._signals) > 1 else 0

    # --- life --------------------------------------------------------------------------------------------------------

    async def _first_start(self, process: Process) -> int | None:
        """None once it is ready, or told to end; the exit code of one that could not start."""
        await process.start()
        waits = [asyncio.create_task(each) for each in (process.ready.wait(), process.ended(), self._asked.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        if process.ready.is_set() or self._asked.is_set():
            return None
        return process.code or 0

    async def _keep(self, process: Process) -> None:
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

    async def _watch(self) -> None:
        """Kill who gives no sign of life."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(PERIOD)
            late = loop.time() - before > 2 * PERIOD
            for process in self._processes:
                if late:  # this one was frozen, or kept from running: nobody has listened
                    process.forgive()
                elif (silent := process.silent_for) > self._silence:
                    _log.error(
                        "a process gives no sign of life and is killed",
                        process=process.number,
                        silent=f"{silent:.0f} s",
                    )
                    process.kill()

    async def _tell(self) -> None:
        """Process 0 hears of all of them."""
        while True:
            metrics = {str(each.number): each.said.metrics for each in self._processes[1:] if each.said is not None}
            self._processes[0].tell(Told([process.view() for process in self._processes], metrics))
            await asyncio.sleep(1.0)


def _option(name: str, values: Iterable[str] | None) -> list[str]:
    return [] if values is None else [name, ",".join(values)]
