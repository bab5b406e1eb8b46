"""configuration.json while the hub runs: watched, checked whole, and the difference applied.

Invariant: an edit is in force wholly or not at all. What is not valid leaves everything as it was, and every fault of
it is said, in the log and by the API; what did not change keeps its connections, its messages and its jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from watchfiles import awatch

from hub.app import Hub
from hub.config import Configuration, ConfigurationError, load
from hub.config.diff import Changes, changes
from hub.errors import HubError, Rejected
from hub.ingest.supervisor import connects
from hub.service import end
from hub.settings import schedules_of
from hub.surface import adapter_kinds, compile_routes, make_outlets
from hub.telemetry import configure_logging, get_logger

_log = get_logger("hub.config")
_PARTS: Final = {
    **{part: part for part in ("routes", "destinations", "schedules", "pool", "log")},
    "looked_up": "templates, resource types, alerts",
}
_SETTLE: Final = 200
"""Milliseconds in which an editor has written all of what it writes."""


class Reload(msgspec.Struct, frozen=True, kw_only=True):
    """The last edit that was looked at. `faults`: why it is not in force; `restart`: what of it is not, until the hub
    starts anew."""

    at: datetime
    applied: bool
    faults: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Reloader:
    """Keeps `hub` in step with the file that its configuration came from; start, stop, or `look` once."""

    def __init__(self, hub: Hub, file: Path, environ: Mapping[str, str]) -> None:
        self._hub = hub
        self._file = file
        self._environ = environ
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Task[Reload] | None = None
        self._lock = asyncio.Lock()
        self.last: Reload | None = None
        hub.last_edit = lambda: self.last

    def start(self) -> None:
        """Begin to watch."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="configuration")

    async def stop(self) -> None:
        """Tolerates never-started and twice."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    def soon(self) -> None:
        """Read the file as soon as the event loop comes to it."""
        self._asked = asyncio.get_running_loop().create_task(self.look(), name="configuration, asked for")

    async def look(self) -> Reload:
        """Read the file now; what came of it."""
        async with self._lock:
            self.last = found = await self._read()
            return found

    async def _read(self) -> Reload:
        now = self._hub.clock.now()
        try:
            new = await asyncio.to_thread(load, self._file, self._environ)
            difference = changes(self._hub.configuration, new)
            if difference.any:
                await follow(self._hub, new, difference)
        except ConfigurationError as error:
            faults = tuple(str(fault) for fault in error.faults)
            _log.error("the edit is not in force", file=str(self._file), faults=len(faults))
            for fault in faults:
                _log.error("fault", where=fault)
            return Reload(at=now, applied=False, faults=faults)
        except HubError as error:
            field = getattr(error, "field", None)
            fault = f"{field}: {error}" if field else str(error)
            _log.error("the edit is not in force", file=str(self._file), fault=fault)
            return Reload(at=now, applied=False, faults=(fault,))
        if difference.log:
            configure_logging(new.log.level, new.log.format)
        if difference.any:
            _log.info("the edit is in force", **_told(difference))
        if difference.restart:
            _log.warning("counts only once the hub starts anew", places=", ".join(difference.restart))
        return Reload(at=now, applied=True, restart=difference.restart)

    async def _watch(self) -> None:
        # The folder, as editors put a new file in the place of the old one.
        folder, name = self._file.resolve().parent, self._file.name
        while True:
            try:
                async for found in awatch(folder, debounce=_SETTLE, step=50, recursive=False):
                    if any(Path(path).name == name for _, path in found):
                        await self.look()
            except Exception as error:  # a bug, or a folder that is gone for a moment: the hub goes on as it is
                _log.exception("watching the configuration failed", file=str(self._file), error=str(error))
                await asyncio.sleep(5)


async def follow(hub: Hub, new: Configuration, difference: Changes) -> None:
    """Put an edited configuration in force while everything runs. Raises Rejected, with nothing done."""
    table = compile_routes(new, hub.registry)
    for number, route in enumerate(new.routes):
        if route.handler is not None and hub.registry.get(route.handler) is None:
            raise Rejected(f"no handler {route.handler!r} is registered here", field=f"routes[{number}].handler")
    made = hub.make_adapters(new, only=difference.adapters)
    if difference.destinations:
        forgotten = hub.outbound.outlets.keys() - new.destinations.keys()
        hub.outbound.follow(new)
        _forget(hub, forgotten)
        hub.outlets.update(hub.outbound.outlets)
    hub.configuration = new
    if hub.services is not None:
        hub.services.configuration = new
    if hub.intake is not None:
        hub.intake.table = table
    if made or difference.gone:
        _forget(hub, difference.gone)
        anew = {name: adapter for name, adapter in made.items() if connects(adapter)}
        await hub.supervisor.follow(anew, adapter_kinds(new), difference.gone)
        hub.adapters.update(made)
        hub.outlets.update(make_outlets(made, hub.supervisor, hub.clock))
    if difference.routes:
        hub.supervisor.changed()
    if difference.pool:
        queues = {name: queue.limit for name, queue in new.jobs.queues.items()}
        hub.engine.pool.resize(new.jobs.resolved_workers, queues)
    if difference.schedules:
        await hub.scheduler.follow(schedules_of(new, keep_house=len(hub.workflows.catalog) > 0))


def _forget(hub: Hub, names: Iterable[str]) -> None:
    for name in names:
        hub.outlets.pop(name, None)
        hub.adapters.pop(name, None)


def _told(difference: Changes) -> dict[str, str]:
    """The parts of a change for one line of the log."""
    said = {
        "adapters": ", ".join(sorted(difference.adapters)),
        "stopped": ", ".join(sorted(difference.gone)),
        "changed": ", ".join(name for part, name in _PARTS.items() if getattr(difference, part)),
    }
    return {key: value for key, value in said.items() if value}
