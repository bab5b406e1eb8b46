"""What a client can emit: `join` and `leave` for its groups, and every event that a route reads.

Invariant: a routed event is acknowledged after the commit of its row, with the row's id; before that, or without it,
the acknowledgement says `"ok": false`. One argument is the message's body as it came; none or several are a list.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final, Protocol

import msgspec

from hub.adapters.socketio.packets import Arguments
from hub.adapters.socketio.registry import Connection
from hub.errors import DatabaseUnavailable, HubError, Rejected, Saturated, TransactionConflict
from hub.model import Enqueued, Message
from hub.ports import Receive
from hub.telemetry import get_logger

_log = get_logger("hub.socketio")

SID_HEADER: Final = "socketio-sid"
USER_HEADER: Final = "socketio-user"
NAMESPACE_HEADER: Final = "socketio-namespace"
ARGUMENTS_HEADER: Final = "socketio-arguments"
ATTACHMENTS_HEADER: Final = "socketio-attachments"

_MAY_EMIT: Final = frozenset(("operator", "admin"))
_GROUP_NAME: Final = 255
_decode: Final = msgspec.json.Decoder().decode

Answer = dict[str, Any]


class Rooms(Protocol):
    """Where groups are kept."""

    async def join(self, connection: Connection, group: str) -> None: ...

    async def leave(self, connection: Connection, group: str) -> None: ...


class Events:
    """`receive` takes messages in; None before the start and after the stop."""

    def __init__(self, adapter: str, groups: Collection[str]) -> None:
        self._adapter = adapter
        self._may_join = [
            re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL) for pattern in groups
        ]  # fmt: skip
        self.receive: Receive | None = None
        self.received = 0
        """Messages taken in since the start."""

    async def take(
        self, rooms: Rooms, connection: Connection, event: str, arguments: Arguments, *, heard: bool
    ) -> Answer:
        """The acknowledgement; `heard`: its sender waits for it. Raises nothing."""
        try:
            match event:
                case "join":
                    return await self._group(connection, arguments, lambda name: self._join(rooms, connection, name))
                case "leave":
                    return await self._group(connection, arguments, lambda name: rooms.leave(connection, name))
            return _taken(await self._receive(connection, event, arguments))
        except HubError as error:
            refused = refusal(error)
        except Exception:
            # A bug of the hub. Its text stays in the log: it may quote a payload.
            _log.exception("an event failed", adapter=self._adapter, event_name=event[:200])
            refused = {"ok": False, "error": "the hub failed; its log says why", "code": "internal-error"}
        if not heard:
            _log.warning(
                "a message was refused, and its sender does not listen",
                adapter=self._adapter,
                why=refused["error"][:300],
            )
        return refused

    async def _receive(self, connection: Connection, event: str, arguments: Arguments) -> Sequence[Enqueued]:
        if self.receive is None:
            raise Saturated("the hub is stopping", 5.0)
        if connection.identity.role not in _MAY_EMIT:
            raise Rejected("this needs the role operator", code="forbidden")
        taken = await self.receive(self._message(connection, event, arguments))
        self.received += 1
        return taken

    def _message(self, connection: Connection, event: str, arguments: Arguments) -> Message:
        headers = {
            SID_HEADER: connection.id,
            USER_HEADER: connection.identity.name,
            NAMESPACE_HEADER: connection.namespace,
            ARGUMENTS_HEADER: str(arguments.count),
        }
        if arguments.attachments:
            headers[ATTACHMENTS_HEADER] = str(arguments.attachments)
        return Message(
            adapter=self._adapter,
            protocol="socketio",
            method="emit",
            topic=event,
            body=arguments.body,
            headers=headers,
            content_type="application/json",
        )

    # --- groups -----------------------------------------------------------------------------------------------------

    async def _group(
        self, connection: Connection, arguments: Arguments, act: Callable[[str], Awaitable[None]]
    ) -> Answer:
        try:
            name = _decode(arguments.body) if arguments.count == 1 else None
        except (msgspec.DecodeError, RecursionError):  # 1e999, half a surrogate pair
            name = None
        if not isinstance(name, str) or not 0 < len(name) <= _GROUP_NAME:
            raise Rejected("this takes the name of a group")
        await act(name)
        return {"ok": True}

    async def _join(self, rooms: Rooms, connection: Connection, group: str) -> None:
        if not any(pattern.fullmatch(group) for pattern in self._may_join):
            raise Rejected(f"the group {group!r} cannot be joined by clients", code="forbidden")
        if group not in connection.groups and not connection.may_join:
            raise Rejected("this connection is in too many groups")
        await rooms.join(connection, group)


def _taken(taken: Sequence[Enqueued]) -> Answer:
    if not taken:
        return {"ok": True, "job_id": None, "duplicate": False, "filtered": True}
    return {"ok": True, "job_id": taken[0].id, "duplicate": taken[0].duplicate}


def refusal(error: HubError) -> Answer:
    """What a client is told instead; with `retry_after`, in seconds, when the same may be said again."""
    told: Answer = {"ok": False, "error": str(error), "code": error.code}
    match error:
        case Saturated():
            told["retry_after"] = max(1, round(error.retry_after))
        case DatabaseUnavailable() | TransactionConflict():
            # The server's own words may name hosts and users.
            told |= {"error": "the database is away; try again", "retry_after": 5}
    return told
