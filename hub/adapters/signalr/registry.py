"""Who is connected: by token, by id, in groups, by user.

Invariant: a connection is in no table once it has ended, except by its token, under which its transport may still fetch
what was left for it. Their number is bounded, those that were negotiated and never came included.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from hub.adapters.signalr.calls import Calls
from hub.adapters.signalr.connection import Connection
from hub.adapters.signalr.settings import Settings
from hub.clock import Clock
from hub.errors import Saturated
from hub.ports import Identity

_GROUPS: Final = 1000
_NOBODY: Final[Collection[Connection]] = ()


class Registry:
    """The connections of one adapter in this process."""

    def __init__(self, settings: Settings, clock: Clock, calls: Callable[[Connection], Calls]) -> None:
        self._settings = settings
        self._clock = clock
        self._calls = calls
        self._by_token: dict[str, Connection] = {}
        self._by_id: dict[str, Connection] = {}
        self._groups: dict[str, dict[Connection, None]] = {}
        self._users: dict[str, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, identity: Identity, *, stateful: bool = False, shared_id: bool = False) -> Connection:
        """A new connection without a transport. Raises Saturated when there are too many."""
        if len(self._by_token) >= self._settings.max_connections:
            raise Saturated("too many connections are open", 5.0)
        made = Connection(
            identity,
            self._settings,
            self._calls,
            self._ended,
            self._clock.monotonic(),
            stateful=stateful,
            shared_id=shared_id,
        )
        self._by_token[made.token] = made
        self._by_id[made.id] = made
        self._users.setdefault(identity.name, {})[made] = None
        return made

    def by_token(self, token: str) -> Connection | None:
        return self._by_token.get(token)

    def forget(self, connection: Connection) -> None:
        """Its transport has fetched everything, or never will."""
        self._by_token.pop(connection.token, None)

    def join(self, connection: Connection, group: str) -> bool:
        """False when it is in too many groups."""
        if connection.ended or len(connection.groups) >= _GROUPS:
            return False
        connection.groups.add(group)
        self._groups.setdefault(group, {})[connection] = None
        return True

    def leave(self, connection: Connection, group: str) -> None:
        connection.groups.discard(group)
        _take_out(self._groups, group, connection)

    # --- who is meant -----------------------------------------------------------------------------------------------

    def all(self) -> Collection[Connection]:
        return self._by_id.values()

    def every(self) -> list[Connection]:
        """Those that have ended and still have a transport included."""
        return list(self._by_token.values())

    def one(self, id: str) -> Connection | None:
        return self._by_id.get(id)

    def group(self, name: str) -> Collection[Connection]:
        return self._groups.get(name, _NOBODY)

    def user(self, name: str) -> Collection[Connection]:
        return self._users.get(name, _NOBODY)

    def _ended(self, connection: Connection) -> None:
        self._by_id.pop(connection.id, None)
        for group in connection.groups:
            _take_out(self._groups, group, connection)
        _take_out(self._users, connection.identity.name, connection)
        if connection.carrier is None:
            self.forget(connection)


def _take_out(table: dict[str, dict[Connection, None]], name: str, connection: Connection) -> None:
    members = table.get(name)
    if members is not None:
        members.pop(connection, None)
        if not members:
            del table[name]
