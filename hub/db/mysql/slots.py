"""The slots of job transactions on MariaDB and MySQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.clock import Clock
from hub.db.mysql.connector import Connector, leave
from hub.db.mysql.faults import translate
from hub.db.settings import DatabaseSettings
from hub.db.slots import Slot, Slots


class JobSlot(Slot):
    """`server` is what answers there, MariaDB or MySQL."""

    def __init__(self, connection: Any, connector: Connector) -> None:
        super().__init__(connection, connection.driver_connection)
        self.server = connector.server(self.driver)
        self._connector = connector

    @property
    def cut(self) -> bool:
        return not self.driver.connected

    async def begin(self, isolation: str | None) -> None:
        try:
            if isolation is not None:
                await self.driver.cursor().execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            await self.driver.begin()
        except Exception as error:
            raise translate(error) or error from error

    async def isolate(self, isolation: str) -> None:
        # The level is chosen before a transaction begins; this one has run nothing.
        await self.driver.rollback()
        await self.begin(isolation)

    async def undo(self) -> None:
        # Whether one is open the driver knows from the last answer only, and errors do not tell.
        await self.driver.rollback()

    def close(self) -> None:
        if not self.used:
            leave(self.driver)
        if self.connection.dbapi_connection is not None:
            self.connection.invalidate()
        if self.used:
            self.used = False
            self._connector.abandon(self.driver)


class JobSlots(Slots[JobSlot]):
    """See hub.db.slots."""

    def __init__(self, engine: AsyncEngine, connector: Connector, settings: DatabaseSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._engine = engine
        self._connector = connector

    async def open(self) -> JobSlot:
        try:
            return JobSlot(await self._engine.raw_connection(), self._connector)
        except Exception as error:
            raise translate(error) or error from error
