"""One job's transaction on PostgreSQL: BEGIN at first use, the finish and COMMIT in one trip.

Invariant: the COMMIT is sent behind the fenced finish in the same query text, so that it is run only if the fence held.
Nothing else commits. After an error of the finish itself nothing was written; after a lost connection nobody knows, and
the caller asks with the fence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.db.job import ServerTransaction, unfit
from hub.db.postgresql.connections import BY_INDEX, execute
from hub.db.postgresql.faults import DIVISION_BY_ZERO, UNKNOWN_PREPARED_STATEMENT, sqlstate, translate
from hub.db.postgresql.literal import arguments
from hub.db.postgresql.slots import BEGIN, MARK, JobSlot
from hub.db.share import SAVEPOINT
from hub.db.traces import Trace
from hub.errors import DatabaseUnavailable, HandlerEndedTransaction, TransactionAborted, TransactionConflict
from hub.ports import Row, Rows, Statement

_ABORTED = "25P02"
_NO_SAVEPOINT = ("3B001", "25P01")
_NEXT_SAVEPOINT = f"RELEASE SAVEPOINT {SAVEPOINT};SAVEPOINT {SAVEPOINT}"
# For the hub's own statement, behind all that handlers had to say: see connections.
_BY_INDEX = ";".join(f"SET LOCAL {name}={value}" for name, value in BY_INDEX.items())
_ENDED = "the handler ended the transaction on the driver's connection; its effects stand"
# Fails as no other statement of a finish does (invalid_text_representation) once the transaction is another one.
_PROOF = "SELECT (CASE WHEN current_setting('hub.tx', TRUE) = 'job' THEN '1' ELSE 'hub.tx is gone' END)::int"
_NO_PROOF = "22P02"
# A handler may have chosen a schema, a role or a time-out, for the transaction or for longer; the hub's statements and
# the jobs after go by those of the connection.
_SCHEMA_AND_ROLE = "SELECT current_setting('search_path'), current_setting('role')"
_HOME = "RESET ROLE;SET LOCAL search_path TO DEFAULT"
_AWAY = "SELECT set_config('search_path', $1, TRUE), set_config('role', $2, TRUE)"
_RESTORE = f"RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;{MARK}"


class PostgresJobTransaction(ServerTransaction[JobSlot]):
    """See hub.ports.JobTransaction."""

    async def driver(self) -> Any:
        slot = await self._ensure()
        self._handed_out = True
        return slot.driver

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        slot = await self._ensure()
        try:
            if not self._traces & Trace.SETTING:
                return await execute(slot.driver, statement, rows, scalars)
            handlers = await slot.driver.fetchrow(_SCHEMA_AND_ROLE)
            await slot.driver.execute(_HOME)
            answer = await execute(slot.driver, statement, rows, scalars)
            await slot.driver.execute(_AWAY, *handlers)
            return answer
        except Exception as error:
            raise _meaning(error, slot) from error

    async def commit_with(self, statement: Statement, row: Sequence[Any]) -> bool:
        slot = await self._ensure()
        try:
            self._sync.check_finish()
            if not slot.driver.is_in_transaction():
                raise HandlerEndedTransaction(_ENDED)
            await self._restore(slot)
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
            await self._restore(slot)
            await slot.driver.execute(f"{await self._proof(slot)}{_BY_INDEX}")
            held = len(await execute(slot.driver, statement, rows, scalars)) == len(rows)
            if held:
                ahead = self._begins_next(slot)
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

    async def _save(self, slot: JobSlot) -> None:
        await slot.driver.execute(f"SAVEPOINT {SAVEPOINT}")

    async def advance(self, savepoints: bool) -> None:
        # That the driver's connection was not used for `commit; begin` is proved once, with the commit.
        slot = await self._ensure()
        try:
            if not slot.driver.is_in_transaction():
                raise HandlerEndedTransaction(_ENDED)
            await self._restore(slot)
            if savepoints:
                await slot.driver.execute(_NEXT_SAVEPOINT)
        except Exception as error:
            raise _meaning(error, slot) from error

    async def retreat(self) -> None:
        slot = await self._ensure()
        if slot.lost:
            raise DatabaseUnavailable("the connection of job.db was lost")
        try:
            await slot.driver.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}", timeout=5)
        except Exception as error:
            raise _meaning(error, slot) from error

    async def _send(self, slot: JobSlot, statement: Statement, row: Sequence[Any]) -> bool:
        prepared = await self._prepared(slot, f"hub_{statement.name}", statement.texts[0])
        ordered = dict(zip(statement.columns, row, strict=True))
        finish = f"EXECUTE {prepared}({arguments(ordered[name] for name in statement.order)});COMMIT"
        finish = f"{await self._proof(slot)}{finish}"
        ahead = self._begins_next(slot)
        await slot.driver.execute(f"{finish};{BEGIN}" if ahead else finish)
        return ahead

    async def _restore(self, slot: JobSlot) -> None:
        if self._traces & Trace.SETTING:
            await slot.driver.execute(f"{await self._proof(slot)}{_RESTORE}")
            self._traces &= ~Trace.SETTING

    async def _proof(self, slot: JobSlot) -> str:
        return f"EXECUTE {await self._prepared(slot, 'hub_proof', _PROOF)};" if self._handed_out else ""

    async def _prepared(self, slot: JobSlot, name: str, text: str) -> str:
        if name not in slot.prepared:
            await slot.driver.execute(f"PREPARE {name} AS {text}")
            slot.prepared.add(name)
        return name


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
    return translate(error) or (unfit(error) if sqlstate(error) is not None else error)
