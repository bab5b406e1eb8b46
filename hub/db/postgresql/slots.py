"""The slots of job transactions on PostgreSQL."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.clock import Clock
from hub.db.postgresql.faults import translate
from hub.db.settings import DatabaseSettings
from hub.db.slots import Slot, Slots

# A handler that has the driver's connection can say `commit; begin`, and nobody would see: but the mark dies with the
# transaction it was set in. It rides with the BEGIN, and `proof` with the finish, so that neither costs a trip.
MARK = "SET LOCAL hub.tx='job'"
BEGIN = f"BEGIN;{MARK}"


class JobSlot(Slot):
    """`prepared` are the names of the hub's own statements on it."""

    driver: asyncpg.Connection[Any]

    def __init__(self, connection: Any) -> None:
        super().__init__(connection, connection.driver_connection)
        self.prepared: set[str] = set()

    @property
    def cut(self) -> bool:
        return bool(self.driver.is_closed())

    async def begin(self, isolation: str | None) -> None:
        try:
            await self.driver.execute(f"BEGIN ISOLATION LEVEL {isolation};{MARK}" if isolation else BEGIN)
        except Exception as error:
            raise translate(error) or error from error

    async def isolate(self, isolation: str) -> None:
        await self.driver.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")

    async def undo(self) -> None:
        if self.driver.is_in_transaction():
            await self.driver.execute("ROLLBACK", timeout=5)

    def close(self) -> None:
        if self.connection.dbapi_connection is not None:
            self.connection.invalidate()
        self.driver.terminate()


class JobSlots(Slots[JobSlot]):
    """See hub.db.slots."""

    def __init__(self, engine: AsyncEngine, settings: DatabaseSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._engine = engine

    async def open(self) -> JobSlot:
        try:
            return JobSlot(await self._engine.raw_connection())
        except Exception as error:
            raise translate(error) or error from error
