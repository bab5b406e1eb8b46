"""One job's transaction on MariaDB and MySQL: BEGIN at first use, the fenced finish before the COMMIT.

Invariant: the COMMIT is run only if the finish changed its one row. On MariaDB both travel in one block, in which a
lost fence raises before the COMMIT; elsewhere the answer is looked at in between. A transaction that the server undid
by itself (a deadlock) is over for the handler too, even if it swallows the error: what it went on to write would
otherwise be committed statement by statement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from sqlalchemy.engine.interfaces import Dialect, ExecutionContext
from sqlalchemy.sql.compiler import Compiled

from hub.db.job import ServerTransaction, unfit
from hub.db.job_connection import JobConnection
from hub.db.mysql.faults import code_of, ends_transaction, translate
from hub.db.mysql.guard import refusal
from hub.db.mysql.slots import JobSlot
from hub.db.mysql.statements import compose, execute, parameters
from hub.db.share import SAVEPOINT
from hub.db.traces import Trace
from hub.errors import DatabaseUnavailable, HandlerEndedTransaction, TransactionConflict
from hub.ports import Row, Rows, Statement

_SIGNALLED = 1644
_NO_SAVEPOINT = 1305
_FENCE = "the fence was lost"
_ENDED = (
    "the handler ended the transaction, on the driver's connection or by a statement that commits by itself; its "
    "effects stand"
)


class _Guarded(JobConnection):
    """Also refuses what commits by itself here, and remembers that the server has undone the transaction."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.undone: BaseException | None = None

    def check_finish(self) -> None:
        if self.undone is not None and self.violation is None:
            raise TransactionConflict("the server undid the transaction, and the handler went on") from self.undone
        super().check_finish()

    def check_undo(self) -> None:
        if self.undone is not None:
            raise TransactionConflict("the server undid the transaction") from self.undone
        super().check_undo()

    def _execute_context(
        self,
        dialect: Dialect,
        constructor: Callable[..., ExecutionContext],
        statement: str | Compiled,
        *args: Any,
        **kw: Any,
    ) -> Any:
        if (why := refusal(str(statement))) is not None:
            self.refuse(why)
        return super()._execute_context(dialect, constructor, statement, *args, **kw)

    def _handle_dbapi_exception(self, e: BaseException, *args: Any, **kw: Any) -> NoReturn:
        if ends_transaction(e):
            self.undone = e
            self._dbapi_connection = None
        super()._handle_dbapi_exception(e, *args, **kw)


class MysqlJobTransaction(ServerTransaction[JobSlot]):
    """See hub.ports.JobTransaction."""

    guards = _Guarded
    closing = Trace.SETTING | Trace.LASTING  # nothing puts a setting back

    async def driver(self) -> Any:
        slot = await self._ensure()
        if not self._handed_out:
            # `commit; begin` on the driver would go unseen: the savepoint dies with the transaction
            await slot.driver.cursor().execute("SAVEPOINT hub")
            self._handed_out = True
        return slot.driver

    async def run(self, statement: Statement, rows: Rows = (), /, **scalars: Any) -> list[Row]:
        named = parameters(statement, rows, scalars)
        slot = await self._ensure()
        try:
            return list(await execute(slot.driver, statement, named, slot.server.largest))
        except Exception as error:
            raise _meaning(error) from error

    async def commit_with(self, statement: Statement, row: Sequence[Any]) -> bool:
        slot = await self._ensure()
        try:
            await self._refuse_ended(slot)
            named = parameters(statement, (), dict(zip(statement.columns, row, strict=True)))
            texts = [compose(slot.driver, text, named, slot.server.largest) for text in statement.texts]
            if slot.server.mariadb:
                held = await self._send_block(slot, texts)
            else:
                held = await self._send_apart(slot, texts)
        except Exception as error:
            await self.rollback()
            raise _meaning(error) from error
        except BaseException:
            self._end(discard=True)
            raise
        if not held:
            await self.rollback()
            return False
        self._end()
        return True

    async def commit_all(self, statement: Statement, rows: Rows, /, **scalars: Any) -> bool:
        slot = await self._ensure()
        try:
            await self._refuse_ended(slot)
            named = parameters(statement, rows, scalars)
            held = len(await execute(slot.driver, statement, named, slot.server.largest)) == len(rows)
            if held:
                await self._commit(slot)
        except Exception as error:
            await self.rollback()
            raise _meaning(error) from error
        except BaseException:
            self._end(discard=True)
            raise
        if not held:
            await self.rollback()
            return False
        self._end()
        return True

    async def _refuse_ended(self, slot: JobSlot) -> None:
        self._sync.check_finish()
        ended = not slot.driver.get_transaction_status()
        if not ended and self._handed_out:
            try:
                await slot.driver.cursor().execute("RELEASE SAVEPOINT hub")
            except Exception as error:
                if code_of(error) != _NO_SAVEPOINT:
                    raise
                ended = True
        if ended:
            raise HandlerEndedTransaction(_ENDED)

    # --- for several jobs, one after another -------------------------------------------------------------------------

    async def _save(self, slot: JobSlot) -> None:
        await slot.driver.query(f"SAVEPOINT {SAVEPOINT}")

    async def advance(self, savepoints: bool) -> None:
        slot = await self._ensure()
        try:
            await self._refuse_ended(slot)
            self._handed_out = False
            if savepoints:  # here a savepoint takes the place of the one that has its name
                await slot.driver.query(f"SAVEPOINT {SAVEPOINT}")
        except Exception as error:
            raise _meaning(error) from error

    async def retreat(self) -> None:
        slot = await self._ensure()
        self._handed_out = False
        if slot.lost:
            raise DatabaseUnavailable("the connection of job.db was lost")
        try:
            await slot.driver.query(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
        except Exception as error:
            if code_of(error) == _NO_SAVEPOINT:
                raise HandlerEndedTransaction(_ENDED) from error
            raise _meaning(error) from error

    async def _send_block(self, slot: JobSlot, texts: Sequence[str]) -> bool:
        """One trip, and BEGIN rides along only if a job waits this moment."""
        first, *others = texts
        ahead = self._begins_next(slot)
        rest = "".join(f"{text}; " for text in others)
        block = (
            f"BEGIN NOT ATOMIC {first}; "
            f"IF ROW_COUNT() <> 1 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_FENCE}'; END IF; "
            f"{rest}COMMIT; {'START TRANSACTION; ' if ahead else ''}END"
        )
        try:
            await slot.driver.query(block)
        except Exception as error:
            if code_of(error) == _SIGNALLED and _FENCE in str(error):
                return False
            raise
        slot.begun = ahead
        return True

    async def _send_apart(self, slot: JobSlot, texts: Sequence[str]) -> bool:
        first, *others = texts
        if await slot.driver.query(first) != 1:
            return False
        for text in others:
            await slot.driver.query(text)
        await self._commit(slot)
        return True

    async def _commit(self, slot: JobSlot) -> None:
        await slot.driver.commit()


def _meaning(error: Exception) -> Exception:
    """The hub's word for an error of the hub's own statement in a job's transaction."""
    return translate(error) or (unfit(error) if code_of(error) is not None else error)
