"""One job's transaction on PostgreSQL: BEGIN at first use, the finish and COMMIT in one trip.

Invariant: the COMMIT is sent behind the fenced finish in the same query text, so that it is run only if the fence held.
Nothing else commits. After an error of the finish itself nothing was written; after a lost connection nobody knows, and
the caller asks with the fence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.db.job_connection import Abandon, JobConnection, Opener, Ready
from hub.db.postgresql.connections import BY_INDEX, execute
from hub.db.postgresql.faults import DIVISION_BY_ZERO, UNKNOWN_PREPARED_STATEMENT, sqlstate, translate
from hub.db.postgresql.literal import arguments
from hub.db.postgresql.slots import BEGIN, JobSlot, JobSlots
from hub.db.share import SAVEPOINT, Share
from hub.errors import DatabaseUnavailable, HandlerEndedTransaction, TransactionAborted, TransactionConflict
from hub.ports import JobShare, Row, Rows, Statement

_ABORTED = "25P02"
_NO_SAVEPOINT = ("3B001", "25P01")
_NEXT_SAVEPOINT = f"RELEASE SAVEPOINT {SAVEPOINT};SAVEPOINT {SAVEPOINT}"
# For the hub's own statement, behind all that handlers had to say: see connections.
_BY_INDEX = ";".join(f"SET LOCAL {name}={value}" for name, value in BY_INDEX.items())
_ENDED = "the handler ended the transaction on the driver's connection; its effects stand"
# Fails as no other statement of a finish does (invalid_text_representation) once the transaction is another one.
_PROOF = "SELECT (CASE WHEN current_setting('hub.tx', TRUE) = 'job' THEN '1' ELSE 'hub.tx is gone' END)::int"
_NO_PROOF = "22P02"


class PostgresJobTransaction:
    """See hub.ports.JobTransaction."""

    def __init__(
        self, engine: AsyncEngine, slots: JobSlots, name: str, after: Awaitable[None] | None, isolation: str | None
    ) -> None:
        self.engine = engine
        self._slots = slots
        self._name = name
        self._after = after
        self._isolation = isolation
        self._slot: JobSlot | None = None
        self._sync = JobConnection(engine.sync_engine, self._open, self._abandon)
        self._async = AsyncConnection(engine, self._sync)
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

    async def driver(self) -> Any:
        slot = await self._ensure()
        self._handed_out = True
        return slot.driver

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        slot = await self._ensure()
        try:
            return await execute(slot.driver, statement, rows, scalars)
        except Exception as error:
            raise translate(error) or error from error

    async def commit_with(self, statement: Statement, row: Sequence[Any]) -> bool:
        slot = await self._ensure()
        try:
            self._sync.check_finish()
            if not slot.driver.is_in_transaction():
                raise HandlerEndedTransaction(_ENDED)
            ahead = await self._send(slot, statement, row)
        except Exception as error:
            await self.rollback()
            if sqlstate(error) == DIVISION_BY_ZERO:
                return False
            raise _meaning(error, slot) from error
        except BaseException:
            self._end(discard=True)
            raise
        slot.begun = ahead
        self._end()
        return True

    async def commit_all(self, statement: Statement, rows: Rows, /, **scalars: Any) -> bool:
        slot = await self._ensure()
        ahead = False
        try:
            self._sync.check_finish()
            if not slot.driver.is_in_transaction():
                raise HandlerEndedTransaction(_ENDED)
            proof = f"EXECUTE {await self._prepared(slot, 'hub_proof', _PROOF)};" if self._handed_out else ""
            await slot.driver.execute(f"{proof}{_BY_INDEX}")
            held = len(await execute(slot.driver, statement, rows, scalars)) == len(rows)
            if held:
                ahead = self._slots.promise(slot)
                await slot.driver.execute(f"COMMIT;{BEGIN}" if ahead else "COMMIT")
        except Exception as error:
            await self.rollback()
            raise _meaning(error, slot) from error
        except BaseException:
            self._end(discard=True)
            raise
        if not held:
            await self.rollback()
            return False
        slot.begun = ahead
        self._end()
        return True

    # --- for several jobs, one after another -------------------------------------------------------------------------

    def share(self, *, savepoints: bool) -> JobShare:
        return Share(self, savepoints)

    def guarded(self, opener: Opener, abandon: Abandon, ready: Ready) -> JobConnection:
        return JobConnection(self.engine.sync_engine, opener, abandon, ready)

    def lent(self, borrower: JobConnection, savepoints: bool) -> Any:
        if self._slot is None or self._sync.ended or (savepoints and not self._saved):
            return None
        return self._slot.connection

    async def lend(self, borrower: JobConnection, savepoints: bool) -> Any:
        slot = await self._ensure()
        if savepoints and not self._saved:
            await slot.driver.execute(f"SAVEPOINT {SAVEPOINT}")
            self._saved = True
        return slot.connection

    async def driver_for(self, borrower: JobConnection) -> Any:
        return await self.driver()

    async def advance(self, savepoints: bool) -> None:
        # That the driver's connection was not used for `commit; begin` is proved once, with the commit.
        slot = await self._ensure()
        try:
            if not slot.driver.is_in_transaction():
                raise HandlerEndedTransaction(_ENDED)
            if savepoints:
                await slot.driver.execute(_NEXT_SAVEPOINT)
        except Exception as error:
            raise _meaning(error, slot) from error

    async def retreat(self) -> None:
        slot = await self._ensure()
        if slot.connection.dbapi_connection is None or slot.driver.is_closed():
            raise DatabaseUnavailable("the connection of job.db was lost")
        try:
            await slot.driver.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}", timeout=5)
        except Exception as error:
            raise _meaning(error, slot) from error

    async def rollback(self) -> None:
        slot = self._slot
        self._sync.mark_ended()
        if slot is None:
            return
        try:
            if slot.connection.dbapi_connection is None or slot.driver.is_closed():
                self._end(discard=True)
                return
            if slot.driver.is_in_transaction():
                await slot.driver.execute("ROLLBACK", timeout=5)
        except BaseException as error:
            self._end(discard=True)
            if not isinstance(error, Exception):
                raise
        else:
            self._end()

    async def _open(self) -> Any:
        """Called by the guarded connection at its first use."""
        if self._after is not None:
            await self._after
        self._slot = await self._slots.begin(self._name, self._isolation)
        return self._slot.connection

    async def _abandon(self, _connection: Any) -> None:
        """Opened for a handler that has ended meanwhile."""
        self._end(discard=True)

    async def _ensure(self) -> JobSlot:
        if self._slot is None:
            await self._sync.open()
        if self._slot is None or self._sync.ended:
            raise HandlerEndedTransaction(f"the transaction of {self._name} has ended")
        return self._slot

    async def _send(self, slot: JobSlot, statement: Statement, row: Sequence[Any]) -> bool:
        prepared = await self._prepared(slot, f"hub_{statement.name}", statement.texts[0])
        ordered = dict(zip(statement.columns, row, strict=True))
        finish = f"EXECUTE {prepared}({arguments(ordered[name] for name in statement.order)});COMMIT"
        if self._handed_out:
            finish = f"EXECUTE {await self._prepared(slot, 'hub_proof', _PROOF)};{finish}"
        ahead = self._slots.promise(slot)
        await slot.driver.execute(f"{finish};{BEGIN}" if ahead else finish)
        return ahead

    async def _prepared(self, slot: JobSlot, name: str, text: str) -> str:
        if name not in slot.prepared:
            await slot.driver.execute(f"PREPARE {name} AS {text}")
            slot.prepared.add(name)
        return name

    def _end(self, *, discard: bool = False) -> None:
        slot, self._slot = self._slot, None
        self._sync.mark_ended()
        if slot is None:
            return
        if discard:
            self._slots.discard(slot)
        else:
            self._slots.put(slot)


def _meaning(error: Exception, slot: JobSlot) -> Exception:
    """The hub's word for an error of the hub's own statement in a job's transaction."""
    match sqlstate(error):
        case s if s in _NO_SAVEPOINT or (s == _NO_PROOF and "hub.tx is gone" in str(error)):
            return HandlerEndedTransaction(_ENDED)
        case s if s == _ABORTED:
            return TransactionAborted("a database error was swallowed: its transaction cannot be committed")
        case s if s == UNKNOWN_PREPARED_STATEMENT:
            slot.prepared.clear()
            return TransactionConflict("the handler dropped the hub's prepared statements")
    return translate(error) or error
