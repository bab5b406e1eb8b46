"""One job's transaction on a database server, as far as the servers agree: a slot held from first use to the end.

Invariant: the slot goes back once, when the transaction has ended, or is discarded where that is in doubt. Everything
after the end is refused. How a finish is bound to its COMMIT each server's own class says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any, ClassVar, Generic

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.db.job_connection import Abandon, JobConnection, Opener, Ready
from hub.db.share import Share, Whole
from hub.db.slots import S, Slots
from hub.db.traces import Trace
from hub.errors import HandlerEndedTransaction, TransactionAborted
from hub.ports import JobShare


class ServerTransaction(Whole, ABC, Generic[S]):
    """See hub.ports.JobTransaction. `after` is awaited before the transaction begins."""

    guards: ClassVar[type[JobConnection]] = JobConnection
    """The connections for handlers: what they refuse differs."""

    closing: ClassVar[Trace] = Trace.LASTING
    """What a handler may leave on the connection for which it is closed, once the transaction has ended."""

    def __init__(
        self, engine: AsyncEngine, slots: Slots[S], name: str, after: Awaitable[None] | None, isolation: str | None
    ) -> None:
        self.engine = engine
        self._slots = slots
        self._name = name
        self._after = after
        self._isolation = isolation
        self._slot: S | None = None
        self._sync = self.guards(engine.sync_engine, self._open, self._abandon)
        self._async = AsyncConnection(engine, self._sync)
        self._sync.left = self._note
        self._traces = Trace.NONE
        self._handed_out = False
        self._saved = False

    @property
    def connection(self) -> AsyncConnection:
        return self._async

    @property
    def opened(self) -> bool:
        return self._slot is not None

    @property
    def violation(self) -> Exception | None:
        if self._slot is not None and self._slot.expired:
            return TransactionAborted("the transaction was held longer than database.transaction_timeout")
        return self._sync.violation

    @abstractmethod
    async def driver(self) -> Any:
        """The driver's own connection, in the transaction."""

    async def rollback(self) -> None:
        slot = self._slot
        self._sync.mark_ended()
        if slot is None:
            return
        try:
            if slot.lost:
                self._end(discard=True)
                return
            await slot.undo()
        except BaseException as error:
            self._end(discard=True)
            if not isinstance(error, Exception):
                raise
        else:
            self._end()

    # --- for several jobs, one after another -------------------------------------------------------------------------

    def share(self, *, savepoints: bool) -> JobShare:
        return Share(self, savepoints)

    def guarded(self, opener: Opener, abandon: Abandon, ready: Ready) -> JobConnection:
        made = self.guards(self.engine.sync_engine, opener, abandon, ready)
        made.left = self._note
        return made

    def lent(self, borrower: JobConnection, savepoints: bool) -> Any:
        if self._slot is None or self._sync.ended or (savepoints and not self._saved):
            return None
        return self._slot.connection

    async def lend(self, borrower: JobConnection, savepoints: bool) -> Any:
        slot = await self._ensure()
        if savepoints and not self._saved:
            await self._save(slot)
            self._saved = True
        return slot.connection

    async def driver_for(self, borrower: JobConnection) -> Any:
        return await self.driver()

    @abstractmethod
    async def _save(self, slot: S) -> None:
        """Set the first job's savepoint."""

    # --- the slot ----------------------------------------------------------------------------------------------------

    async def _open(self) -> Any:
        """Called by the guarded connection at its first use."""
        if self._after is not None:
            await self._after
        self._slot = await self._slots.begin(self._name, self._isolation)
        return self._slot.connection

    async def _abandon(self, _connection: Any) -> None:
        """Opened for a handler that has ended meanwhile."""
        self._end(discard=True)

    async def _ensure(self) -> S:
        if self._slot is None:
            await self._sync.open()
        if self._slot is None or self._sync.ended:
            raise HandlerEndedTransaction(f"the transaction of {self._name} has ended")
        return self._slot

    def _end(self, *, discard: bool = False) -> None:
        slot, self._slot = self._slot, None
        self._sync.mark_ended()
        if slot is None:
            return
        if discard:
            self._slots.discard(slot)
        elif self._last:
            slot.used = False
            self._slots.discard(slot)
        else:
            self._slots.put(slot)

    def _note(self, found: Trace) -> None:
        self._traces |= found

    @property
    def _last(self) -> bool:
        """Whether no other job may have the connection."""
        return bool(self._traces & self.closing)

    def _begins_next(self, slot: S) -> bool:
        """Whether the end of this transaction is also to begin the next one, for a job that waits."""
        return not self._last and self._slots.promise(slot)


def unfit(error: Exception) -> TransactionAborted:
    """The server refuses what the hub adds to a handler's transaction: the handler has left it in another schema or
    role, say. That ends its attempt, with a reason; it is not the hub's own fault, which only its lease would end."""
    return TransactionAborted(f"what the handler left cannot be committed: {str(error).splitlines()[0]}")
