"""A job's own transaction on SQLite: what it keeps, what it refuses, what it survives."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, PendingRollbackError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hub.db.sqlite import SqliteDatabase
from hub.db.sqlite.job import SqliteJobTransaction
from hub.errors import AlreadyExists, DatabaseUnavailable, HandlerEndedTransaction, Rejected, TransactionAborted
from tests.unit.db.notes import Notes, Open, sql

TABLE = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("body", String, unique=True))
ADD = text("INSERT INTO notes (body) VALUES (:body)")
# Some seconds of work for SQLite, which an interruption ends at once.
ENDLESS = text("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 500000000) SELECT count(*) FROM c")


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


@pytest.fixture
def job(database: SqliteDatabase) -> SqliteJobTransaction:
    return begin(database, "first")


def begin(database: SqliteDatabase, name: str) -> SqliteJobTransaction:
    made = database.begin_job(name)
    assert isinstance(made, SqliteJobTransaction)
    return made


async def add(job: SqliteJobTransaction, *bodies: str) -> None:
    for body in bodies:
        await job.connection.execute(ADD, {"body": body})


async def finish(job: SqliteJobTransaction, body: str = "finish") -> bool:
    return await job.commit_with(Notes.ADD, (body,))


async def free(notes: Notes) -> None:
    """The writer is there for others, and in no transaction of somebody else."""
    async with asyncio.timeout(30):
        await notes.database.run(notes.ADD, [("free",)])


# --- the ends --------------------------------------------------------------------------------------------------------


async def test_effects_and_finish_are_committed_together(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "effect")
    assert await notes.bodies() == []
    assert await finish(job)
    assert await notes.bodies() == ["effect", "finish"]
    await free(notes)


async def test_a_finish_that_answers_no_row_undoes_everything(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "effect")
    assert not await job.commit_with(Notes.ADD_NONE, ())
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_a_finish_that_fails_undoes_everything(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "effect")
    with pytest.raises(AlreadyExists):
        await finish(job, "effect")
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_a_finish_of_several_texts_is_one(job: SqliteJobTransaction, notes: Notes) -> None:
    both = sql("-- columns: body\nINSERT INTO notes (body) VALUES ('fence')", "SELECT 1 WHERE changes() = 1")
    await add(job, "effect")
    assert await job.commit_with(both, ("x",))
    assert await notes.bodies() == ["effect", "fence"]


async def test_a_finish_without_any_use_before(job: SqliteJobTransaction, notes: Notes) -> None:
    assert not job.opened
    assert await finish(job)
    assert await notes.bodies() == ["finish"]


async def test_rolling_back_undoes_and_is_harmless_again_and_unused(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    await add(job, "effect")
    await job.rollback()
    await job.rollback()
    await begin(database, "unused").rollback()
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_statements_of_the_hub_run_inside(job: SqliteJobTransaction, notes: Notes) -> None:
    assert [row["body"] for row in await job.run(notes.ADD, [("a",), ("b",)])] == ["a", "b"]
    with pytest.raises(AlreadyExists):
        await job.run(notes.ADD, [("a",)])
    assert await notes.bodies() == []
    await finish(job)
    assert await notes.bodies() == ["a", "b", "finish"]


async def test_a_deferred_constraint_fails_the_commit_and_nothing_else(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    await database.run(
        sql("CREATE TABLE child (parent INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED) STRICT")
    )
    await job.connection.execute(text("INSERT INTO child VALUES (99)"))
    with pytest.raises(Rejected, match="FOREIGN KEY"):
        await finish(job)
    await free(notes)
    assert await notes.bodies() == ["free"]


# --- the turn --------------------------------------------------------------------------------------------------------


async def test_jobs_write_one_after_another_and_the_hub_goes_first(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    await add(job, "first")
    second = begin(database, "second")
    waiting = asyncio.create_task(add(second, "second"))
    hub = asyncio.create_task(database.run(notes.ADD, [("hub",)]))
    await asyncio.sleep(0)
    await finish(job)
    await hub
    await waiting
    await finish(second, "finish of second")
    assert await notes.bodies() == ["first", "finish", "hub", "second", "finish of second"]


async def test_two_first_uses_at_once_are_one_transaction(job: SqliteJobTransaction, notes: Notes) -> None:
    await asyncio.gather(*(add(job, body) for body in ("a", "b", "c")))
    await finish(job)
    assert sorted(await notes.bodies()) == ["a", "b", "c", "finish"]


async def test_a_job_cancelled_while_it_waits_leaves_its_place(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    await add(job, "first")
    second = begin(database, "second")
    waiting = asyncio.create_task(add(second, "second"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await second.rollback()
    await finish(job)
    await free(notes)
    assert await notes.bodies() == ["first", "finish", "free"]


async def test_a_job_waits_for_the_one_before_it_without_holding_the_turn(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    before: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    second = database.begin_job("second", before, "SERIALIZABLE")
    impatient = asyncio.create_task(second.run(notes.ADD, [("second",)]))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    waiting = asyncio.create_task(second.run(notes.ADD, [("second",)]))
    await asyncio.sleep(0)
    await add(job, "first")
    assert not waiting.done()
    await finish(job)
    before.set_result(None)
    await waiting
    await second.rollback()


async def test_a_task_that_outlives_its_job_cannot_write(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    holder = begin(database, "holder")
    await add(holder, "holder")
    leaked = asyncio.create_task(add(job, "leaked"))  # waits for the turn
    await asyncio.sleep(0)
    await job.rollback()
    await finish(holder)
    with pytest.raises(ResourceClosedError):
        await leaked
    await free(notes)
    assert await notes.bodies() == ["holder", "finish", "free"]


# --- what a handler must not -----------------------------------------------------------------------------------------

ENDS: dict[str, Callable[[AsyncConnection], Awaitable[object]]] = {
    "commit()": lambda db: db.commit(),
    "rollback()": lambda db: db.rollback(),
    "begin()": lambda db: db.begin().start(),
    "close()": lambda db: db.close(),
    "isolation level": lambda db: db.execution_options(isolation_level="AUTOCOMMIT"),
    "text": lambda db: db.execute(text("COMMIT")),
    "text behind a comment": lambda db: db.execute(text("/* done */ -- now\n COMMIT")),
    "text END": lambda db: db.execute(text("end transaction")),
    "text ROLLBACK": lambda db: db.exec_driver_sql("ROLLBACK"),
    "text BEGIN": lambda db: db.exec_driver_sql("BEGIN"),
    "text ATTACH": lambda db: db.exec_driver_sql("ATTACH ':memory:' AS other"),
    "text PRAGMA": lambda db: db.exec_driver_sql("PRAGMA query_only = 1"),
    "session rollback_only": lambda db: AsyncSession(db, join_transaction_mode="rollback_only").execute(
        ADD, {"body": "x"}
    ),
    "session control_fully": lambda db: AsyncSession(db, join_transaction_mode="control_fully").execute(
        ADD, {"body": "x"}
    ),
}


@pytest.mark.parametrize("way", ENDS)
async def test_refused_remembered_and_nothing_is_committed(way: str, job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "effect")
    with pytest.raises(HandlerEndedTransaction):
        await ENDS[way](job.connection)
    assert isinstance(job.violation, HandlerEndedTransaction)
    with pytest.raises(HandlerEndedTransaction):
        await finish(job)
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_two_statements_in_one_text_are_refused_by_sqlite(job: SqliteJobTransaction, notes: Notes) -> None:
    with pytest.raises(DBAPIError, match="one statement"):
        await job.connection.exec_driver_sql("INSERT INTO notes (body) VALUES ('a'); COMMIT")
    await job.rollback()
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_a_constraint_that_rolls_back_is_a_violation(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "effect")
    with pytest.raises(IntegrityError):
        await job.connection.execute(text("INSERT OR ROLLBACK INTO notes (body) VALUES ('effect')"))
    with pytest.raises(HandlerEndedTransaction):  # and not a transaction of one statement, committed by itself
        await add(job, "after")
    with pytest.raises(HandlerEndedTransaction):
        await finish(job)
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_a_nested_transaction_left_open_forbids_the_finish(job: SqliteJobTransaction, notes: Notes) -> None:
    await job.connection.begin_nested()
    await add(job, "effect")
    with pytest.raises(HandlerEndedTransaction, match="still open"):
        await finish(job)
    assert job.violation is not None
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_a_leaked_connection_is_closed(job: SqliteJobTransaction) -> None:
    await add(job, "effect")
    driver = await job.driver()
    await finish(job)
    with pytest.raises(ResourceClosedError):
        await add(job, "late")
    with pytest.raises(TransactionAborted):
        await driver.execute("SELECT 1")
    with pytest.raises(TransactionAborted):
        await job.run(Notes.ALL)


# --- savepoints, sessions, the driver --------------------------------------------------------------------------------


async def test_savepoints_undo_their_part(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "kept")
    with pytest.raises(IntegrityError):
        await _nested(job, "undone", "kept")
    await _nested(job, "nested")
    await job.connection.execute(text("SAVEPOINT s"))
    await add(job, "undone by text")
    await job.connection.execute(text("ROLLBACK TO s"))
    await finish(job)
    assert await notes.bodies() == ["kept", "nested", "finish"]


async def _nested(job: SqliteJobTransaction, *bodies: str) -> None:
    async with job.connection.begin_nested():
        await add(job, *bodies)


async def test_sessions_join_by_a_savepoint(job: SqliteJobTransaction, notes: Notes) -> None:
    async with AsyncSession(job.connection) as session, session.begin():
        session.add(Note(body="session"))
    async with AsyncSession(job.connection) as session:
        session.add(Note(body="undone"))
        await session.flush()
    assert await notes.bodies() == []
    await finish(job)
    assert await notes.bodies() == ["session", "finish"]


async def test_core_returns_keys_rows_and_counts(job: SqliteJobTransaction) -> None:
    result = await job.connection.execute(insert(TABLE).values(body="a"))
    assert result.inserted_primary_key == (1,)
    returned = await job.connection.execute(insert(TABLE).returning(TABLE.c.id), [{"body": "b"}, {"body": "c"}])
    assert returned.scalars().all() == [2, 3]
    assert (await job.connection.execute(TABLE.update().values(body=TABLE.c.body + "!"))).rowcount == 3
    rows = (await job.connection.execute(TABLE.select())).mappings().all()
    assert dict(rows[0]) == {"id": 1, "body": "a!"}
    streamed = await job.connection.stream(TABLE.select())
    assert [row.body async for row in streamed] == ["a!", "b!", "c!"]
    await job.rollback()


async def test_a_swallowed_error_undoes_its_statement_only(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "kept")
    with pytest.raises(IntegrityError):
        await add(job, "kept")
    assert await finish(job)
    assert await notes.bodies() == ["kept", "finish"]


async def test_the_driver_is_in_the_same_transaction_and_guarded(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "core")
    driver = await job.driver()
    assert (await driver.execute("SELECT body FROM notes WHERE body = :body", {"body": "core"}))[0]["body"] == "core"
    assert await driver.executemany("INSERT INTO notes (body) VALUES (?)", [("a",), ("b",)]) == 2
    assert type((await job.connection.get_raw_connection()).driver_connection) is type(driver)
    with pytest.raises(HandlerEndedTransaction):
        await driver.execute("COMMIT")
    with pytest.raises(HandlerEndedTransaction):
        await finish(job)
    assert await notes.bodies() == []


# --- cancelled, too long, out of room --------------------------------------------------------------------------------


async def running(job: SqliteJobTransaction, statement: Awaitable[object]) -> "asyncio.Task[object]":
    """The statement as a task, once SQLite is at work on it."""
    task = asyncio.ensure_future(_object(statement))
    thread = job._hold._thread if job._hold is not None else None
    assert thread is not None
    async with asyncio.timeout(30):
        while thread._current is None:  # noqa: ASYNC110 - the thread says it in no other way
            await asyncio.sleep(0)
    return task


async def _object(awaitable: Awaitable[object]) -> object:
    return await awaitable


async def test_a_cancelled_statement_is_cut_short_and_undone(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "effect")
    task = await running(job, job.connection.execute(ENDLESS))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await free(notes)  # at once, and not in the cancelled job's transaction
    assert await notes.bodies() == ["free"]
    with pytest.raises(PendingRollbackError):
        await add(job, "after")
    with pytest.raises(TransactionAborted, match="cancelled"):
        await finish(job)
    assert await notes.bodies() == ["free"]


async def test_the_same_for_a_statement_of_the_hub(job: SqliteJobTransaction, notes: Notes) -> None:
    await add(job, "effect")
    task = await running(job, job.run(sql(str(ENDLESS))))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await free(notes)
    with pytest.raises(TransactionAborted, match="cancelled"):
        await finish(job)
    assert await notes.bodies() == ["free"]


async def test_a_sibling_that_waits_behind_a_cancelled_statement_is_not_done(
    job: SqliteJobTransaction, notes: Notes
) -> None:
    await add(job, "effect")
    task = await running(job, job.connection.execute(ENDLESS))
    sibling = asyncio.create_task(add(job, "sibling"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(TransactionAborted, match="cancelled"):
        await sibling
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_a_first_statement_cancelled_before_the_thread_took_it(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    for _ in range(50):
        late = begin(database, "late")
        task = asyncio.create_task(add(late, "effect"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await late.rollback()
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_cancelling_anywhere_hits_only_the_cancelled_job(notes: Notes, database: SqliteDatabase) -> None:
    """Neighbours never see an interruption that was meant for another, whenever it comes."""
    kept: list[str] = []

    async def neighbour(number: int) -> None:
        job = begin(database, f"neighbour {number}")
        await add(job, f"n{number}")
        assert await finish(job, f"f{number}")
        kept.extend((f"n{number}", f"f{number}"))

    async def victim(number: int) -> None:
        job = begin(database, f"victim {number}")
        task = asyncio.create_task(add(job, *(f"v{number}.{part}" for part in range(20))))
        for _ in range(number % 13):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await job.rollback()

    async with asyncio.timeout(60):
        await asyncio.gather(*(each(number) for number in range(150) for each in (neighbour, victim)))
    assert sorted(await notes.bodies()) == sorted(kept)
    assert len(kept) == 300


async def test_a_run_of_the_hub_that_is_cancelled_is_cut_short(notes: Notes, database: SqliteDatabase) -> None:
    task = asyncio.create_task(database.run(sql(str(ENDLESS))))
    async with asyncio.timeout(30):
        while database._writer._thread._current is None:  # noqa: ASYNC110 - the thread says it in no other way
            await asyncio.sleep(0)
    behind = asyncio.create_task(database.run(notes.ADD, [("taken back",)]))
    await asyncio.sleep(0)
    for cancelled in (behind, task):
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    await free(notes)
    assert await notes.bodies() == ["free"]


async def test_holding_the_turn_is_warned_about_and_bounded(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    database = opened(transaction_warning=0.5, transaction_timeout=1.5)
    await database.start()
    await database.run(Notes.CREATE)
    notes = Notes(database)
    job = begin(database, "slow-17")
    with caplog.at_level(logging.WARNING, logger="hub.db"):
        await add(job, "effect")
        await free(notes)  # waits until the holder is put out
    warning, error = caplog.messages[:2]
    assert "slow-17" in warning
    assert "1 others wait" in warning
    assert "slow-17" in error
    for late in (add(job, "late"), finish(job)):
        with pytest.raises(TransactionAborted, match=r"longer than 1\.5 s"):
            await late
    assert await notes.bodies() == ["free"]


async def test_the_bound_also_ends_a_running_statement(opened: Open) -> None:
    database = opened(transaction_warning=0.05, transaction_timeout=0.1)
    await database.start()
    await database.run(Notes.CREATE)
    job = begin(database, "slow")
    with pytest.raises(TransactionAborted, match="longer than"):
        await job.connection.execute(ENDLESS)
    await free(Notes(database))


async def test_a_full_disk_undoes_the_transaction_and_nothing_more_is_written(
    job: SqliteJobTransaction, notes: Notes, database: SqliteDatabase
) -> None:
    pages = (await database.run(sql("PRAGMA page_count")))[0][0]
    await database._writer._thread.run(lambda connection: _limit(connection, pages + 4))
    await add(job, "effect")
    with pytest.raises(OperationalError, match="full") as caught:
        await add(job, "x" * 4_000_000)
    assert isinstance(database.diagnose(caught.value), DatabaseUnavailable)
    with pytest.raises(DatabaseUnavailable):  # outside of a transaction it would be committed by itself
        await add(job, "small")
    with pytest.raises(DatabaseUnavailable):
        await finish(job)
    await database._writer._thread.run(lambda connection: _limit(connection, 1_000_000))
    await free(notes)
    assert await notes.bodies() == ["free"]


def _limit(connection: object, pages: int) -> None:
    connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]  # it is a sqlite3.Connection


async def test_ended_jobs_wait_for_no_garbage_collector(database: SqliteDatabase) -> None:
    gc.collect()
    gc.disable()
    try:
        job = begin(database, "short-lived")
        await add(job, "effect")
        await finish(job)
        gone = weakref.ref(job._sync)
        del job
        assert gone() is None
    finally:
        gc.enable()
