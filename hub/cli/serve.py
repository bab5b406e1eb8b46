"""The life of `hub run`: from the configuration to the drained end.

Invariant: the first signal asks the hub to drain, whatever it is doing, starting included; the second ends the process
in the signal handler itself, even while a handler of the application holds the event loop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import typer

from hub.app import ROLES, Hub
from hub.cli.banner import announce
from hub.cli.collector import settle
from hub.cli.link import Link
from hub.cli.processes import roles_of, several, supervise
from hub.cli.session import configured
from hub.config import Configuration
from hub.config.faults import did_you_mean
from hub.reload import Reloader
from hub.telemetry import always, configure_logging, get_logger

_log = get_logger("hub")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    file: Path | None, *, roles: Collection[str] | None, queues: Collection[str] | None, process: str | None = None
) -> None:
    """Run one instance, in as many processes as the configuration wants, until a signal has drained it. `process`: this
    is one of several, named as hub.cli.link does. Raises what kept it from starting."""
    for role in roles or ():
        if role not in ROLES:
            near = did_you_mean(role, ROLES) or f"choose from {', '.join(ROLES)}"
            raise typer.BadParameter(f"there is no role {role!r}: {near}", param_hint="--only")
    configuration = configured(file)
    link = Link.named(process) if process is not None else None
    if link is not None:
        always(process=link.number)
        roles = roles_of(link.number, roles)
    configure_logging(configuration.log.level, configuration.log.format)
    if link is None and several(configuration, roles):
        raise typer.Exit(supervise(configuration, file, roles, queues))
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(_live(configuration, roles, queues, link))


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed; None: the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _live(
    configuration: Configuration,
    roles: Collection[str] | None,
    queues: Collection[str] | None,
    link: Link | None,
) -> None:
    with Signals() as signals:
        hub = Hub(configuration, roles=roles, queues=queues)
        _check_queues(hub, queues)
        if link is None or link.number == 0:
            announce(hub, queues)
        if link is not None:
            await link.start(hub, lambda: signals.ask("the supervisor has ended"))
        reloader = _reloader(hub)
        if await signals.unless_asked(hub.start()):
            settle()
            if link is not None:
                link.ready()
            if reloader is not None:
                reloader.start()
            await signals.asked.wait()
        if reloader is not None:
            await reloader.stop()
        limit = configuration.jobs.shutdown_timeout
        _log.info("stopping", signal=signals.name, drains_for_at_most=f"{limit:g} s", to_end_at_once="signal again")
        await hub.stop()
        if link is not None:
            await link.stop()
        _log.info("stopped")


def _reloader(hub: Hub) -> Reloader | None:
    """Watches the file of the configuration, if it came from one; SIGHUP has it read at once."""
    file = hub.configuration.file
    if file is None:
        return None
    reloader = Reloader(hub, file, os.environ)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.soon)
    return reloader


def _check_queues(hub: Hub, queues: Collection[str] | None) -> None:
    """A misspelt queue would leave its jobs waiting for ever."""
    known = {"default", *hub.configuration.jobs.queues, *hub.registry.queues().values()}
    for queue in queues or ():
        if queue not in known:
            near = did_you_mean(queue, known) or f"choose from {', '.join(sorted(known))}"
            raise typer.BadParameter(f"there is no queue {queue!r}: {near}", param_hint="--queues")


class Signals:
    """SIGINT and SIGTERM while the block lasts: the first sets `asked`, the second ends the process."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.name: str | None = None
        self._loop = asyncio.get_running_loop()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # Not the loop's own signal handlers: a blocked loop would not run them.
        self._before = {each: signal.signal(each, self._received) for each in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def ask(self, name: str) -> None:
        """As the first signal does, unless one has come."""
        if self.name is None:
            self.name = name
            self.asked.set()

    async def unless_asked(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether `work` came to its end; it is cancelled when a signal comes first."""
        task = asyncio.create_task(work)
        asked = asyncio.create_task(self.asked.wait())
        try:
            await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if task.cancelled():
            return False
        await task
        return True

    def _received(self, number: int, frame: FrameType | None) -> None:
        if self.name is not None:
            os.write(sys.stderr.fileno(), b"ended at once: what was running is taken up again when its lease expires\n")
            os._exit(128 + number)
        self.name = signal.Signals(number).name
        self._loop.call_soon_threadsafe(self.asked.set)
