"""configuration.json while the hub runs: watched, checked whole, and the difference applied.

Invariant: an edit is in force wholly or not at all. What is not valid leaves everything as it was, and every fault of
it is said, in the log and by the API; what did not change keeps its connections, its messages and its jobs. What can
only count after a restart, and schedules while the database is away, are said to be missing for as long as they are:
`hub.configuration` is what is in force, never what merely stands in the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from watchfiles import awatch

from hub.app import Hub
from hub.config import ConfigurationError, load
from hub.config.diff import Changes
from hub.errors import HubError
from hub.reload.edit import follow, prepare
from hub.service import end
from hub.telemetry import get_logger
from hub.workflows.definition import WorkflowInvalid

_log = get_logger("hub.config")
_PARTS: Final = {
    **{part: part for part in ("routes", "destinations", "schedules", "workflows", "log")},
    "pool": "jobs",
    "looked_up": "templates, resource types, alerts",
}
_SETTLE: Final = 200
"""Milliseconds in which an editor has written all of what it writes."""
_TICK: Final = 1000
"""Milliseconds after which the file is looked at without having been told that it changed."""
_Mark = tuple[int, int, int] | None


class Reload(msgspec.Struct, frozen=True, kw_only=True):
    """The last edit that was looked at. `changed`: what it put in force; `faults`: why nothing of it is; `waiting`:
    what of it will be, once the database takes it; `restart`: what of the file counts only once the hub starts anew."""

    at: datetime
    applied: bool
    changed: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Reloader:
    """Keeps `hub` in step with the file that its configuration came from; start, stop, or `look` once."""

    def __init__(self, hub: Hub, file: Path, environ: Mapping[str, str]) -> None:
        self._hub = hub
        self._file = file.absolute()
        self._environ = environ
        self._task: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Task[Reload]] = set()
        self._lock = asyncio.Lock()
        self._mark: _Mark = None
        self._overdue = False
        self._unwatched: str | None = None
        self.last: Reload | None = None
        hub.last_edit = lambda: self.last

    def start(self) -> None:
        """Begin to watch, with a look at what was edited since the file was loaded."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="configuration")

    async def stop(self) -> None:
        """Tolerates never-started and twice."""
        tasks, self._task = [*self._asked, *([self._task] if self._task is not None else [])], None
        for task in tasks:
            await end(task)

    def soon(self) -> None:
        """Read the file as soon as the event loop comes to it; before the hub has started that happens anyway."""
        if self._task is not None:
            task = asyncio.get_running_loop().create_task(self.look(), name="configuration, asked for")
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

    async def look(self, *, again: bool = False) -> Reload:
        """Read the file now; what came of it. `again`: only to finish what was begun, which is said once."""
        async with self._lock:
            found, last = await self._read(), self.last
            if not (again and last is not None and msgspec.structs.replace(found, at=last.at) == last):
                _tell(found, last, self._file)
            self.last = found
            return found

    async def _read(self) -> Reload:
        now, restart = self._hub.clock.now(), self.last.restart if self.last is not None else ()
        try:
            # Before it is read: what is written meanwhile has another mark.
            self._mark = await asyncio.to_thread(_marked, self._file)
            new = await asyncio.to_thread(load, self._file, self._environ)
            edit = prepare(self._hub, new, overdue=self._overdue)
            self._overdue = not await follow(self._hub, edit)
        except Exception as error:  # also of a stranger's adapter, or a bug: the hub goes on as it is, and says so
            if not isinstance(error, HubError):
                _log.exception("the edit could not be followed", file=str(self._file))
            return Reload(at=now, applied=False, faults=_faults(error), restart=restart)
        return Reload(
            at=now,
            applied=True,
            changed=_parts(edit.difference, without="schedules" if self._overdue else None),
            waiting=("schedules",) if self._overdue else (),
            restart=edit.difference.restart,
        )

    # --- watching ---------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        await self._since_loaded()
        while True:
            try:
                await self._heed()
            except Exception as error:  # the folder is gone for now, or the system has no watch left: look now and then
                if (reason := str(error) or type(error).__name__) != self._unwatched:
                    _log.warning("the configuration cannot be watched and is looked at instead", reason=reason)
                self._unwatched = reason
                await self._glance(named=False)
                await asyncio.sleep(_TICK / 1000)

    async def _since_loaded(self) -> None:
        """Whether the file was edited between its load and now; if not, there was no edit to tell of."""
        async with self._lock:
            found = await self._read()
            if found.faults or found.changed or found.waiting or found.restart:
                _tell(found, self.last, self._file)
                self.last = found

    async def _heed(self) -> None:
        """Look at each change; returns when one was found that nobody told of: the folder may be another one."""
        # The folder, as editors put a new file in the place of the old one; and that of the file a link leads to.
        real = self._file.resolve()
        names = {self._file.name, real.name}
        async for found in awatch(
            *{self._file.parent, real.parent},
            watch_filter=None,
            debounce=_SETTLE,
            step=50,
            rust_timeout=_TICK,
            yield_on_timeout=True,
            recursive=False,
        ):
            named = any(Path(path).name in names for _, path in found)
            if await self._glance(named=named) and not named:
                return

    async def _glance(self, *, named: bool) -> bool:
        """Look if there is reason to. Whether the file is another one than it was."""
        changed = await asyncio.to_thread(_marked, self._file) != self._mark
        if named or changed or self._overdue:
            await self.look(again=not (named or changed))
        return changed


def _marked(file: Path) -> _Mark:
    """What tells one state of a file from the next; None if it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


# --- told ------------------------------------------------------------------------------------------------------------


def _faults(error: Exception) -> tuple[str, ...]:
    match error:
        case ConfigurationError():
            return tuple(str(fault) for fault in error.faults)
        case WorkflowInvalid():
            return error.faults
        case HubError():
            field = getattr(error, "field", None)
            return (f"{field}: {error}" if field else str(error),)
    return (f"the hub could not follow it ({type(error).__name__}: {error}); its log says more",)


def _parts(difference: Changes, without: str | None) -> tuple[str, ...]:
    """What a difference changes, in words."""
    adapters = [f"adapters.{name}" for name in sorted(difference.adapters | difference.gone)]
    parts = [name for part, name in _PARTS.items() if part != without and getattr(difference, part)]
    return (*adapters, *parts)


def _tell(found: Reload, last: Reload | None, file: Path) -> None:
    """In the log."""
    if found.faults:
        _log.error("the edit is not in force", file=str(file), faults=len(found.faults))
    for fault in found.faults:
        _log.error("fault", where=fault)
    if found.changed:
        _log.info("the edit is in force", changed=", ".join(found.changed))
    if found.waiting:
        _log.warning("the database does not take it yet; it is tried again", places=", ".join(found.waiting))
    if found.restart and found.applied:
        _log.warning("counts only once the hub starts anew", places=", ".join(found.restart))
    elif found.applied and last is not None and last.restart:
        _log.info("nothing waits for a new start any more")
