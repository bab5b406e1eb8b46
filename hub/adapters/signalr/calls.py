"""What one client has under way: its invocations, its uploads, its streams, and what it was asked in return.

Invariant: plain invocations run one after another, in the order they came, and run to their end even when the client
has gone: what was received is not forgotten. How much can be under way is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import UNSET

from hub.adapters.signalr.messages import (
    CancelInvocation,
    Completion,
    HubMessage,
    Invocation,
    ProtocolError,
    StreamItem,
)
from hub.adapters.signalr.upload import Uploads

if TYPE_CHECKING:
    from hub.adapters.signalr.connection import Connection

_CROWDED: Final = 100
"""Invocations that may wait their turn before the client is read no further."""
_STREAMS: Final = 100


class Methods(Protocol):
    """What a client can call."""

    async def invoke(self, connection: Connection, call: Invocation) -> Completion:
        """Run it. Raises nothing."""
        ...

    async def stream(self, connection: Connection, call: Invocation) -> Completion:
        """Send the items, and answer the end. Raises nothing."""
        ...


class Calls:
    """Of one connection."""

    __slots__ = (
        "_answers",
        "_asked",
        "_connection",
        "_gone",
        "_methods",
        "_room",
        "_running",
        "_streams",
        "_uploads",
        "_waiting",
    )

    def __init__(self, connection: Connection, methods: Methods) -> None:
        self._connection = connection
        self._methods = methods
        self._waiting: deque[Invocation] | None = None
        self._running: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._streams: dict[str, asyncio.Task[None]] | None = None
        self._uploads: Uploads | None = None
        self._answers: dict[str, asyncio.Future[Completion]] | None = None
        self._asked = 0
        self._gone = False

    # --- what the client sends --------------------------------------------------------------------------------------

    def take(self, message: HubMessage) -> None:
        """Raises ProtocolError."""
        match message:
            case Invocation(stream_ids=streams) if streams:
                self._open_upload(message)
            case Invocation(stream=True):
                self._start_stream(message)
            case Invocation():
                self._enqueue(message)
            case StreamItem():
                if self._uploads is not None and (failed := self._uploads.add(message)) is not None:
                    self._answer(failed)
            case Completion():
                self._complete(message)
            case CancelInvocation():
                if self._streams is not None and (task := self._streams.get(message.invocation_id)) is not None:
                    task.cancel()

    def _enqueue(self, call: Invocation) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(call)
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run(self._waiting))

    async def _run(self, waiting: deque[Invocation]) -> None:
        try:
            while waiting:
                call = waiting.popleft()
                if self._room is not None and not self.crowded:
                    self._room.set_result(None)
                    self._room = None
                self._answer(await self._methods.invoke(self._connection, call), call)
        finally:
            self._running = None

    def _start_stream(self, call: Invocation) -> None:
        id = call.invocation_id or ""
        if self._streams is None:
            self._streams = {}
        if id in self._streams:
            raise ProtocolError("The id of a stream is in use.")
        if len(self._streams) >= _STREAMS:
            self._answer(Completion(id, error=f"More than {_STREAMS} streams at once."))
            return
        self._streams[id] = asyncio.get_running_loop().create_task(self._stream(id, call))

    async def _stream(self, id: str, call: Invocation) -> None:
        end = Completion(id)
        try:
            end = await self._methods.stream(self._connection, call)
        finally:
            if self._streams is not None:
                self._streams.pop(id, None)
            self._answer(end)

    def _open_upload(self, call: Invocation) -> None:
        if self._uploads is None:
            self._uploads = Uploads(self._connection.settings.max_upload)
        self._uploads.open(call)

    def _complete(self, message: Completion) -> None:
        """The end of an upload, or the answer to a question of ours."""
        if self._uploads is not None and self._uploads.has(message.invocation_id):
            ready = self._uploads.close(message)
            if isinstance(ready, Completion):
                self._answer(ready)
            elif ready is not None:
                self._start_stream(ready) if ready.stream else self._enqueue(ready)
            return
        answer = (self._answers or {}).pop(message.invocation_id, None)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _answer(self, end: Completion, call: Invocation | None = None) -> None:
        if not self._gone and (call is None or call.invocation_id is not None):
            self._connection.send(end)

    # --- what the client is asked -----------------------------------------------------------------------------------

    async def ask(self, target: str, arguments: list[Any], timeout: float) -> Completion | None:
        """Call the client and wait for its answer; None when the connection ended first. Raises TimeoutError."""
        if self._answers is None:
            self._answers = {}
        self._asked += 1
        id = f"s{self._asked}"
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        try:
            self._connection.send(Invocation(target=target, arguments=arguments, invocation_id=id))
            async with asyncio.timeout(timeout):
                end = await answer
        finally:
            self._answers.pop(id, None)
        return None if end.invocation_id == "" else end

    # --- limits and the end -----------------------------------------------------------------------------------------

    @property
    def crowded(self) -> bool:
        return self._waiting is not None and len(self._waiting) >= _CROWDED

    async def room(self) -> None:
        """Wait until fewer invocations wait."""
        while self.crowded:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def abandon(self) -> None:
        """The client has gone: nothing is answered any more; what was received goes on."""
        self._gone = True
        for task in (self._streams or {}).values():
            task.cancel()
        for answer in (self._answers or {}).values():
            if not answer.done():
                answer.set_result(Completion("", UNSET))
        self._uploads = None

    async def finished(self) -> None:
        """Wait for the invocations that are under way."""
        while (running := self._running) is not None:
            await asyncio.wait([running])
