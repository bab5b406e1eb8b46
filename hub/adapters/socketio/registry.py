"""Who is connected to which namespace.

Invariant: a connection is here from when it was let in until it ends; whoever waits for its answer hears of the end.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from hub.ports import Identity

_GROUPS: Final = 1000


class Connection:
    """One client in one namespace. `session` is the id of what carries it."""

    __slots__ = ("_asked", "_number", "groups", "id", "identity", "namespace", "session")

    def __init__(self, id: str, session: str, namespace: str, identity: Identity) -> None:
        self.id = id
        self.session = session
        self.namespace = namespace
        self.identity = identity
        self.groups: set[str] = set()
        self._asked: dict[int, asyncio.Future[list[Any] | None]] = {}
        self._number = 0

    @property
    def may_join(self) -> bool:
        """False when it is in too many groups."""
        return len(self.groups) < _GROUPS

    def question(self) -> tuple[int, asyncio.Future[list[Any] | None]]:
        """The number of a question, and its answer: a list of values, None when the connection ended first."""
        self._number += 1
        answer = self._asked[self._number] = asyncio.get_running_loop().create_future()
        return self._number, answer

    def answered(self, number: int, values: list[Any]) -> None:
        """An answer that nobody waits for, or waits for no more, is forgotten."""
        answer = self._asked.pop(number, None)
        if answer is not None and not answer.done():
            answer.set_result(values)

    def forget(self, number: int) -> None:
        self._asked.pop(number, None)

    def ended(self) -> None:
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_result(None)


class Registry:
    """The connections of one adapter in this process, by id."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Connection) -> None:
        self._connections[connection.id] = connection

    def one(self, id: str | None) -> Connection | None:
        return None if id is None else self._connections.get(id)

    def remove(self, id: str) -> Connection | None:
        connection = self._connections.pop(id, None)
        if connection is not None:
            connection.ended()
        return connection
