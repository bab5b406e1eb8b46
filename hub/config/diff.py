"""What an edit of configuration.json changes, by what can be done about it.

Invariant: pure. Whatever differs is named in one place: as something that a running hub can follow, or in `restart`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.config.schema import Configuration

_FOLLOWED = ("adapters", "routes", "destinations", "schedules", "jobs", "log")
_READ_ANEW = ("schema_", "resource_types", "templates", "alerts")
"""Looked up for each request: nothing is to be done about them, but that the new ones are known."""
_POOL = ("workers", "queues")
LISTENERS = frozenset(("http", "signalr", "socketio"))
"""Types whose clients come to the hub's own port, which stays as it was opened."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """`adapters`: names of those to be started anew, `gone`: of those to be stopped for good. `restart`: the places
    that count only once the hub starts again."""

    adapters: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    routes: bool = False
    destinations: bool = False
    schedules: bool = False
    pool: bool = False
    log: bool = False
    looked_up: bool = False
    restart: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return self != Changes()


def changes(old: Configuration, new: Configuration) -> Changes:
    """From `old` to `new`."""
    adapters, gone, restart = _adapters(old, new)
    for section in sorted(set(Configuration.model_fields) - {*_FOLLOWED, *_READ_ANEW}):
        if getattr(old, section) != getattr(new, section):
            restart.append(section)
    for key in type(old.jobs).model_fields:
        if key not in _POOL and getattr(old.jobs, key) != getattr(new.jobs, key):
            restart.append(f"jobs.{key}")
    return Changes(
        adapters=frozenset(adapters),
        gone=frozenset(gone),
        # A route's adapter decides how its topic is read.
        routes=old.routes != new.routes or bool(adapters or gone),
        destinations=old.destinations != new.destinations,
        schedules=old.schedules != new.schedules or old.jobs.default_timeout != new.jobs.default_timeout,
        pool=any(getattr(old.jobs, key) != getattr(new.jobs, key) for key in _POOL),
        log=old.log != new.log,
        looked_up=any(getattr(old, section) != getattr(new, section) for section in _READ_ANEW),
        restart=tuple(restart),
    )


def _adapters(old: Configuration, new: Configuration) -> tuple[list[str], list[str], list[str]]:
    """Names to start anew, names to stop, places that need a restart."""
    before, after = _enabled(old), _enabled(new)
    anew, gone, restart = [], [], []
    for name in sorted({*before, *after}):
        was, is_now = before.get(name), after.get(name)
        if was == is_now:
            continue
        if any(one is not None and one.type in LISTENERS for one in (was, is_now)):
            restart.append(f"adapters.{name}")
        elif is_now is None:
            gone.append(name)
        else:
            anew.append(name)
    return anew, gone, restart


def _enabled(configuration: Configuration) -> Mapping[str, Any]:
    return {name: adapter for name, adapter in configuration.adapters.items() if adapter.enabled}
