"""What a client can call: the groups' two methods, and every target that a route reads.

Invariant: a routed invocation is answered after the commit of its row, with the row's id; before that, or without it,
the answer is an error. One argument is the message's body as it came; none or several are a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec

from hub.adapters.signalr.connection import Connection
from hub.adapters.signalr.messages import Completion, Invocation, ProtocolError, StreamItem, as_json, plain
from hub.adapters.signalr.registry import Registry
from hub.errors import DatabaseUnavailable, HubError, NotFound, Rejected, Saturated, TransactionConflict
from hub.model import Enqueued, Message
from hub.ports import Follow, Receive
from hub.telemetry import get_logger

_log = get_logger("hub.signalr")

CONNECTION_HEADER: Final = "signalr-connection"
USER_HEADER: Final = "signalr-user"
ARGUMENTS_HEADER: Final = "signalr-arguments"

_MAY_CALL: Final = frozenset(("operator", "admin"))
_GROUP_NAME: Final = 255


class HubMethods:
    """`receive` takes messages in; None before the start and after the stop. `follow` tells of a job's states."""

    def __init__(self, adapter: str, registry: Registry, groups: Collection[str], follow: Follow | None) -> None:
        self._adapter = adapter
        self._registry = registry
        self._follow = follow
        self._may_join = _patterns(groups)
        self.receive: Receive | None = None
        self.received = 0
        """Messages taken in since the start."""

    async def invoke(self, connection: Connection, call: Invocation) -> Completion:
        """See calls.Methods."""
        match call.target.lower():
            case "joingroup":
                return self._group(connection, call, self._join)
            case "leavegroup":
                return self._group(connection, call, self._leave)
        taken = await self._receive(connection, call)
        return taken if isinstance(taken, Completion) else Completion(_id(call), result=_result(taken))

    async def stream(self, connection: Connection, call: Invocation) -> Completion:
        """What `invoke` answers is the first item; the job's states follow as they change, the last one is its end."""
        taken = await self._receive(connection, call)
        if isinstance(taken, Completion):
            return taken
        id = _id(call)
        connection.send(StreamItem(id, _result(taken)))
        if self._follow is not None and taken:
            try:
                async with aclosing(self._follow(taken[0].id)) as states:
                    async for state in states:
                        connection.send(StreamItem(id, state))
            except HubError as error:
                return Completion(id, error=f"The job can no longer be followed: {_told(error)}")
        return Completion(id)

    async def _receive(self, connection: Connection, call: Invocation) -> Sequence[Enqueued] | Completion:
        """What became of the message, or the error to answer."""
        try:
            if self.receive is None:
                raise Saturated("the hub is stopping", 5.0)
            if connection.identity.role not in _MAY_CALL:
                raise Rejected("this needs the role operator")
            taken = await self.receive(self._message(connection, call))
        except NotFound:
            return self._refused(call, f"Unknown hub method '{call.target}'")
        except (HubError, ProtocolError) as error:
            return self._refused(call, f"'{call.target}' was not taken: {_told(error)}")
        except Exception:
            # A bug of the hub. Its text stays in the log: it may quote a payload.
            _log.exception("an invocation failed", adapter=self._adapter, target=call.target)
            return Completion(_id(call), error=f"An unexpected error occurred invoking '{call.target}' on the server.")
        self.received += 1
        return taken

    def _refused(self, call: Invocation, error: str) -> Completion:
        if call.invocation_id is None:
            _log.warning(
                "a message was refused, and its sender does not listen", adapter=self._adapter, why=error[:300]
            )
        return Completion(_id(call), error=error)

    def _message(self, connection: Connection, call: Invocation) -> Message:
        arguments = call.arguments
        body = as_json(arguments[0]) if len(arguments) == 1 else b"[" + b",".join(map(as_json, arguments)) + b"]"
        return Message(
            adapter=self._adapter,
            protocol="signalr",
            method="invoke",
            topic=call.target,
            body=body,
            headers={
                **call.headers,
                CONNECTION_HEADER: connection.id,
                USER_HEADER: connection.identity.name,
                ARGUMENTS_HEADER: str(len(arguments)),
            },
            content_type="application/json",
        )

    # --- groups -----------------------------------------------------------------------------------------------------

    def _group(
        self, connection: Connection, call: Invocation, act: Callable[[Connection, str], str | None]
    ) -> Completion:
        try:
            names = [plain(argument) for argument in call.arguments]
        except (msgspec.DecodeError, RecursionError):
            names = []
        if len(names) != 1 or not isinstance(names[0], str) or not 0 < len(names[0]) <= _GROUP_NAME:
            return Completion(_id(call), error=f"'{call.target}' takes the name of a group.")
        return Completion(_id(call), error=act(connection, names[0]))

    def _join(self, connection: Connection, group: str) -> str | None:
        if not any(pattern.fullmatch(group) for pattern in self._may_join):
            return f"The group '{group}' cannot be joined by clients."
        return None if self._registry.join(connection, group) else "This connection is in too many groups."

    def _leave(self, connection: Connection, group: str) -> str | None:
        self._registry.leave(connection, group)
        return None


def _id(call: Invocation) -> str:
    """The id of its answer; that of a call without one is sent to nobody."""
    return call.invocation_id or ""


def _result(taken: Sequence[Enqueued]) -> dict[str, Any]:
    if not taken:
        return {"job_id": None, "duplicate": False, "filtered": True}
    return {"job_id": taken[0].id, "duplicate": taken[0].duplicate}


def _told(error: Exception) -> str:
    match error:
        case Saturated():
            return f"the hub is saturated ({error}); try again in {max(1, round(error.retry_after))} s"
        case DatabaseUnavailable() | TransactionConflict():
            # The server's own words may name hosts and users.
            return "the database is away; try again"
    return str(error)


def _patterns(groups: Collection[str]) -> list[re.Pattern[str]]:
    return [re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL) for pattern in groups]
