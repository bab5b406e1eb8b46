"""What the transports with an open answer have in common: one writer that takes off what waits.

Invariant: one write at a time, in order. What is queued within one turn of the loop leaves together; there is a task
only while the client does not keep up, so that a message to thousands costs no thousands of them.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Generator
from typing import Any, Final

from hub.adapters.signalr.connection import Connection

_LAST_WORDS: Final = 5.0
"""Seconds that what is left may take to leave when the connection ends."""


class Push(ABC):
    """A carrier with an open answer."""

    binary = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writing: asyncio.Task[None] | None = None
        self._nudged = False
        self._abandoned = False

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Raises ConnectionError."""

    @abstractmethod
    async def close(self) -> None:
        """End the answer. Raises nothing."""

    @abstractmethod
    def abort(self) -> None:
        """Cut the connection."""

    @abstractmethod
    def lost(self) -> bool: ...

    def nudge(self) -> None:
        """See Carrier."""
        if self._writing is None and not self._nudged and not self._abandoned:
            self._nudged = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        """Write here and now as far as that goes without waiting; the rest is a task's."""
        self._nudged = False
        if self._writing is not None or self._abandoned:
            return
        writing = self._write()
        try:
            waited_for = writing.send(None)
        except StopIteration:
            return
        self._writing = asyncio.get_running_loop().create_task(_go_on(writing, waited_for))

    def abandon(self) -> None:
        """See Carrier."""
        if not self._abandoned:
            self._abandoned = True
            self._writing = asyncio.get_running_loop().create_task(self._finish(self._writing))

    async def finished(self) -> None:
        """Wait until nothing is being written any more."""
        while (writing := self._writing) is not None and not writing.done():
            await asyncio.wait([writing])

    async def _write(self) -> None:
        connection = self._connection
        try:
            while connection.carrier is self and (data := connection.drain()):
                await self.write(data)
        except ConnectionError:
            self.abort()  # its reader finds it closed, and says so to the connection
        finally:
            if not self._abandoned:
                self._writing = None

    async def _finish(self, writing: asyncio.Task[None] | None) -> None:
        try:
            async with asyncio.timeout(_LAST_WORDS):
                if writing is not None:
                    await asyncio.wait([writing])
                await self._write()
                await self.close()
        except TimeoutError:
            self.abort()


async def _go_on(begun: Coroutine[Any, Any, None], waited_for: Any) -> None:
    await _Rest(begun, waited_for)


class _Rest:
    """A coroutine that has begun and waits, as something to be awaited."""

    def __init__(self, begun: Coroutine[Any, Any, None], waited_for: Any) -> None:
        self._begun = begun
        self._waited_for = waited_for

    def __await__(self) -> Generator[Any, Any, None]:
        waited_for = self._waited_for
        try:
            while True:
                try:
                    answer = yield waited_for
                except BaseException as error:
                    waited_for = self._begun.throw(error)
                else:
                    waited_for = self._begun.send(answer)
        except StopIteration:
            return
