"""What an edit of configuration.json changes, by what can be done about it.

Invariant: pure. Whatever differs is in one place: among what a running hub follows, or among what is held as it was
until the hub starts anew. `in_force` of the two is what the hub does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from hub.config.faults import Path, path_text
from hub.config.schema import Configuration

_FOLLOWED = frozenset(("adapters", "routes", "destinations", "schedules", "workflows", "jobs", "log"))
_LOOKED_UP = frozenset(("schema_", "resource_types", "templates", "alerts"))
"""Looked up for each request: nothing is to be done about them, but that the new ones are known."""
_POOL = frozenset(("workers", "queues", "limits"))
_JOBS_LOOKED_UP = frozenset(("default_handler", "use_redis"))
_RECOVERY_LOOKED_UP = frozenset(("default_enabled",))
LISTENERS = frozenset(("signalr", "socketio"))
"""Types whose clients are on the hub's own port, which stays as it was opened."""
_DOOR = "http"
"""Not a connection but a door: which routes it has is looked up for each request."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """`adapters`: names of those to be started anew, `gone`: of those to be stopped for good. `held`: the places that
    count only once the hub starts again."""

    adapters: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    routes: bool = False
    destinations: bool = False
    schedules: bool = False
    workflows: bool = False
    pool: bool = False
    log: bool = False
    looked_up: bool = False
    held: tuple[Path, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything to follow."""
        return msgspec.structs.replace(self, held=()) != Changes()

    @property
    def restart(self) -> tuple[str, ...]:
        """`held`, as the author of the file writes these places."""
        return tuple(path_text(path) for path in self.held)


def changes(old: Configuration, new: Configuration, listeners: Collection[str] = ()) -> Changes:
    """From `old`, which is in force, to `new`. `listeners`: adapters of other packages that are on the hub's port."""
    adapters, gone, door, held = _adapters(old, new, listeners)
    held += _sections(old, new)
    held += _jobs(old, new)
    return Changes(
        adapters=frozenset(adapters),
        gone=frozenset(gone),
        # A route's adapter decides how its topic is read, and whether it has an address.
        routes=old.routes != new.routes or bool(adapters or gone) or door,
        destinations=old.destinations != new.destinations,
        schedules=old.schedules != new.schedules,
        workflows=old.workflows != new.workflows,
        pool=_differ(old.jobs, new.jobs, _POOL),
        log=old.log != new.log,
        looked_up=_differ(old, new, _LOOKED_UP)
        or _disabled(old, held) != _disabled(new, held)
        or _differ(old.jobs, new.jobs, _JOBS_LOOKED_UP)
        or _differ(old.jobs.recovery, new.jobs.recovery, _RECOVERY_LOOKED_UP),
        held=tuple(held),
    )


def in_force(old: Configuration, new: Configuration, held: Iterable[Path]) -> Configuration:
    """`new`, with what is held as it is in `old`."""
    held = list(held)
    found = new
    for path in held:
        found = _kept(old, found, path)
    if held:
        # How secrets are shown goes with the values.
        texts = {path: text for path, text in new._templates.items() if not _below(path, held)}
        found._templates = texts | {path: text for path, text in old._templates.items() if _below(path, held)}
    return found


def _below(path: Path, held: Iterable[Path]) -> bool:
    return any(path[: len(one)] == one for one in held)


def _kept(old: Any, new: Any, path: Path) -> Any:
    """`new` with the value that `old` has at `path`, or without it where `old` has none."""
    part, rest = str(path[0]), path[1:]
    if isinstance(new, BaseModel):
        value = getattr(old, part)
        return new.model_copy(update={part: _kept(value, getattr(new, part), rest) if rest else value})
    others = {key: value for key, value in new.items() if key != part}
    return {**others, part: old[part]} if part in old else others


def _sections(old: Configuration, new: Configuration) -> list[Path]:
    """The places in sections that are read when the hub starts, and only then."""
    found: list[Path] = []
    for section in sorted(set(Configuration.model_fields) - _FOLLOWED - _LOOKED_UP):
        before, after = getattr(old, section), getattr(new, section)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            found += [(section, key) for key in _differing(before, after)]
        elif before != after:
            found.append((section,))
    return found


def _jobs(old: Configuration, new: Configuration) -> list[Path]:
    found: list[Path] = []
    for key in _differing(old.jobs, new.jobs):
        if key == "recovery":
            inner = _differing(old.jobs.recovery, new.jobs.recovery)
            found += [("jobs", key, each) for each in inner if each not in _RECOVERY_LOOKED_UP]
        elif key not in _POOL | _JOBS_LOOKED_UP:
            found.append(("jobs", key))
    return found


def _differing(old: BaseModel, new: BaseModel) -> list[str]:
    return [key for key in type(old).model_fields if getattr(old, key) != getattr(new, key)]


def _differ(old: BaseModel, new: BaseModel, keys: Iterable[str]) -> bool:
    return any(getattr(old, key) != getattr(new, key) for key in keys)


def _adapters(
    old: Configuration, new: Configuration, listeners: Collection[str]
) -> tuple[list[str], list[str], bool, list[Path]]:
    """Names to start anew, names to stop, whether a door was opened or closed, and what is held."""
    before, after = _enabled(old), _enabled(new)
    anew: list[str] = []
    gone: list[str] = []
    door = False
    held: list[Path] = []
    for name in sorted({*before, *after}):
        was, is_now = before.get(name), after.get(name)
        if was == is_now:
            continue
        types = {one.type for one in (was, is_now) if one is not None}
        if name in listeners or types & LISTENERS:
            held.append(("adapters", name))
            continue
        door = door or _DOOR in types
        if is_now is not None and is_now.type != _DOOR:
            anew.append(name)
        elif was is not None and was.type != _DOOR:
            gone.append(name)
    return anew, gone, door, held


def _enabled(configuration: Configuration) -> Mapping[str, Any]:
    return {name: adapter for name, adapter in configuration.adapters.items() if adapter.enabled}


def _disabled(configuration: Configuration, held: Collection[Path]) -> Mapping[str, Any]:
    """Those that are off and only shown."""
    adapters = configuration.adapters.items()
    return {name: adapter for name, adapter in adapters if not adapter.enabled and ("adapters", name) not in held}
