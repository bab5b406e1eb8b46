"""What the transports with an open answer have in common: one writer that takes off what waits.

Invariant: one write at a time, in order; there is a task only while something is being written.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from hub.adapters.signalr.connection import Connection

_LAST_WORDS: Final = 5.0
"""Seconds that what is left may take to leave when the connection ends."""


class Push(ABC):
    """A carrier with an open answer."""

    binary = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writing: asyncio.Task[None] | None = None
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
        if self._writing is None and not self._abandoned:
            self._writing = asyncio.get_running_loop().create_task(self._write())

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
