"""The guarded connection, on SQLAlchemy's stock SQLite driver: it must hold whatever dialect is underneath."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, InvalidRequestError, PendingRollbackError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool, PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from hub.db.job_connection import JobConnection
from hub.errors import DatabaseUnavailable, HandlerEndedTransaction, TransactionAborted

NOTES = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("body", String, unique=True))


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


class Job:
    """What a database's JobTransaction does around a JobConnection, in its shortest form."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.opened = 0
        self.abandoned: list[PoolProxiedConnection] = []
        self.asked = asyncio.Event()
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.failure: Exception | None = None
        self.guarded = JobConnection(engine.sync_engine, self.open, self.abandon)
        self.db = AsyncConnection(engine, self.guarded)

    async def open(self) -> PoolProxiedConnection:
        self.opened += 1
        self.asked.set()
        await self.may_open.wait()
        if self.failure is not None:
            raise self.failure
        fairy: PoolProxiedConnection = await greenlet_spawn(self.engine.sync_engine.raw_connection)
        await fairy.driver_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]  # the driver's own
        return fairy

    async def abandon(self, held: PoolProxiedConnection) -> None:
        self.abandoned.append(held)
        await self._end(held, "ROLLBACK")

    async def commit(self) -> None:
        self.guarded.check_finish()
        held = self.guarded.held
        self.guarded.mark_ended()
        if held is not None:
            await self._end(held, "COMMIT")

    async def rollback(self) -> None:
        held = self.guarded.held
        self.guarded.mark_ended()
        if held is not None:
            await self._end(held, "ROLLBACK")

    async def _end(self, held: PoolProxiedConnection, sql: str) -> None:
        await held.driver_connection.execute(sql)  # type: ignore[union-attr]  # the driver's own
        await greenlet_spawn(held.close)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'notes.db'}", isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    async with made.connect() as connection:
        await connection.run_sync(NOTES.metadata.create_all)
    yield made
    await made.dispose()


@pytest.fixture
async def job(engine: AsyncEngine) -> AsyncIterator[Job]:
    made = Job(engine)
    yield made
    await made.rollback()


async def committed(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list(await connection.scalars(select(NOTES.c.body).order_by(NOTES.c.id)))


# --- the names of SQLAlchemy that the guard stands on ----------------------------------------------------------------

OVERRIDDEN = (
    *("_revalidate_connection", "_autobegin", "_begin_impl", "_commit_impl", "_rollback_impl", "_execute_context"),
    *("_get_required_transaction", "_get_required_nested_transaction", "begin", "begin_twophase", "commit", "rollback"),
    *("close", "detach", "in_transaction", "in_nested_transaction"),
)


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_an_overridden_method_is_still_there_with_the_same_parameters(name: str) -> None:
    ours, theirs = getattr(JobConnection, name), getattr(Connection, name)
    assert ours is not theirs
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


def test_the_other_private_names_are_still_there() -> None:
    made_of = inspect.signature(Connection.__init__).parameters
    assert list(made_of)[:4] == ["self", "engine", "connection", "_has_events"]
    assert list(inspect.signature(Connection._handle_dbapi_exception).parameters)[:2] == ["self", "e"]
    assert callable(Connection._invalid_transaction)
    assert isinstance(vars(Connection)["closed"], property)
    source = inspect.getsource(Connection)
    for name in ("self._dbapi_connection", "self._transaction", "self._nested_transaction"):
        assert name in source
    assert "self._revalidate_connection()" in inspect.getsource(Connection._execute_context)


async def test_every_statement_passes_the_one_place_that_checks_texts(job: Job) -> None:
    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: job.db.execute(text("COMMIT")),
        lambda: job.db.exec_driver_sql("COMMIT"),
        lambda: job.db.scalar(text("COMMIT")),
        lambda: job.db.scalars(text("COMMIT")),
        lambda: job.db.run_sync(lambda sync: sync.exec_driver_sql("COMMIT")),
        lambda: job.db.execute(text("COMMIT").columns()),
        lambda: AsyncSession(job.db).execute(text("COMMIT")),
    ]
    for way in ways:
        with pytest.raises(HandlerEndedTransaction, match="COMMIT"):
            await way()


# --- opening ---------------------------------------------------------------------------------------------------------


async def test_nothing_is_opened_until_the_first_use(job: Job) -> None:
    assert (job.opened, job.guarded.opened) == (0, False)
    await job.db.execute(select(1))
    await job.db.execute(select(1))
    assert (job.opened, job.guarded.opened) == (1, True)


async def test_two_first_uses_at_once_share_one_transaction(job: Job, engine: AsyncEngine) -> None:
    await asyncio.gather(*(job.db.execute(insert(NOTES).values(body=body)) for body in ("a", "b", "c")))
    assert job.opened == 1
    await job.commit()
    assert sorted(await committed(engine)) == ["a", "b", "c"]


async def test_a_cancelled_first_use_leaves_the_next_one_to_open(job: Job) -> None:
    job.may_open.clear()
    first = asyncio.create_task(job.db.execute(select(1)))
    second = asyncio.create_task(job.db.execute(select(1)))
    await job.asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    job.may_open.set()
    await second
    assert job.opened == 2


async def test_what_the_opener_raises_arrives_as_it_is(job: Job) -> None:
    job.failure = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable, match="away"):
        await job.db.execute(select(1))
    job.failure = None
    await job.db.execute(select(1))


async def test_a_connection_that_comes_after_the_end_is_given_back(job: Job) -> None:
    job.may_open.clear()
    leaked = asyncio.create_task(job.db.execute(select(1)))
    await job.asked.wait()
    await job.rollback()
    job.may_open.set()
    with pytest.raises(ResourceClosedError):
        await leaked
    assert len(job.abandoned) == 1


# --- the end belongs to the hub --------------------------------------------------------------------------------------

ENDS: dict[str, Callable[[AsyncConnection], Awaitable[object]]] = {
    "commit": lambda db: db.commit(),
    "rollback": lambda db: db.rollback(),
    "close": lambda db: db.close(),
    "begin": lambda db: db.begin().start(),
    "isolation level": lambda db: db.execution_options(isolation_level="AUTOCOMMIT"),
    "two phases": lambda db: db.run_sync(lambda sync: sync.begin_twophase()),
    "transaction object": lambda db: db.get_transaction().commit(),  # type: ignore[union-attr]  # it is in one
    "session rollback_only": lambda db: AsyncSession(db, join_transaction_mode="rollback_only").execute(select(1)),
    "session control_fully": lambda db: AsyncSession(db, join_transaction_mode="control_fully").execute(select(1)),
}


@pytest.mark.parametrize("way", ENDS)
async def test_a_handler_cannot_end_the_transaction(way: str, job: Job, engine: AsyncEngine) -> None:
    await job.db.execute(insert(NOTES).values(body="mine"))
    with pytest.raises(HandlerEndedTransaction):
        await ENDS[way](job.db)
    assert await committed(engine) == []
    assert isinstance(job.guarded.violation, HandlerEndedTransaction)
    with pytest.raises(HandlerEndedTransaction):  # also when the handler has swallowed it
        await job.commit()
    await job.rollback()
    assert await committed(engine) == []


@pytest.mark.parametrize("way", [way for way in ENDS if way != "transaction object"])
async def test_nor_before_the_first_use(way: str, job: Job) -> None:
    with pytest.raises(HandlerEndedTransaction):
        await ENDS[way](job.db)


async def test_a_leaked_connection_is_closed(job: Job) -> None:
    await job.db.execute(select(1))
    await job.commit()
    assert job.db.closed
    for use in (lambda: job.db.execute(select(1)), lambda: job.db.begin_nested().start()):
        with pytest.raises(ResourceClosedError):
            await use()
    with pytest.raises(ResourceClosedError):
        await AsyncSession(job.db).execute(select(1))


# --- savepoints and sessions -----------------------------------------------------------------------------------------


async def test_a_savepoint_undoes_only_its_part(job: Job, engine: AsyncEngine) -> None:
    await job.db.execute(insert(NOTES).values(body="before"))
    with pytest.raises(IntegrityError):
        await insert_nested(job.db, "inside", "before")
    async with job.db.begin_nested():
        await job.db.execute(insert(NOTES).values(body="after"))
    await job.commit()
    assert await committed(engine) == ["before", "after"]


async def test_a_savepoint_may_be_the_first_use(job: Job, engine: AsyncEngine) -> None:
    async with job.db.begin_nested():
        await job.db.execute(insert(NOTES).values(body="first"))
    await job.commit()
    assert await committed(engine) == ["first"]


async def test_savepoints_by_text_are_allowed(job: Job, engine: AsyncEngine) -> None:
    await job.db.execute(text("SAVEPOINT s"))
    await job.db.execute(insert(NOTES).values(body="undone"))
    await job.db.execute(text("ROLLBACK TO SAVEPOINT s"))
    await job.db.execute(text("RELEASE SAVEPOINT s"))
    await job.commit()
    assert await committed(engine) == []


async def test_a_session_commits_into_the_job(job: Job, engine: AsyncEngine) -> None:
    async with AsyncSession(job.db) as session, session.begin():
        session.add(Note(body="kept"))
    async with AsyncSession(job.db, join_transaction_mode="create_savepoint") as session:
        session.add(Note(body="also kept"))
        await session.commit()
    assert await committed(engine) == []
    await job.commit()
    assert await committed(engine) == ["kept", "also kept"]


async def test_a_session_that_rolls_back_undoes_its_own_part(job: Job, engine: AsyncEngine) -> None:
    await job.db.execute(insert(NOTES).values(body="kept"))
    async with AsyncSession(job.db) as session:
        session.add(Note(body="undone"))
        await session.flush()
        await session.rollback()
    async with AsyncSession(job.db) as session:
        session.add(Note(body="flushed only"))
        await session.flush()
    await job.commit()
    assert await committed(engine) == ["kept"]


async def test_a_nested_transaction_left_open_forbids_to_commit(job: Job, engine: AsyncEngine) -> None:
    nested = await job.db.begin_nested()
    await job.db.execute(insert(NOTES).values(body="lost"))
    with pytest.raises(HandlerEndedTransaction, match="still open"):
        await job.commit()
    assert job.guarded.violation is not None
    await job.rollback()
    with pytest.raises(InvalidRequestError):
        await nested.commit()
    assert await committed(engine) == []


# --- lost connections ------------------------------------------------------------------------------------------------


async def test_an_invalidated_connection_is_never_replaced(job: Job) -> None:
    await job.db.execute(select(1))
    await job.db.invalidate()
    with pytest.raises(PendingRollbackError):
        await job.db.execute(select(1))
    assert job.opened == 1
    with pytest.raises(DatabaseUnavailable):
        await job.commit()


async def test_a_statement_cancelled_and_swallowed_fails_the_attempt(job: Job) -> None:
    numbers = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3000000)"
    endless = text(f"{numbers} SELECT count(*) FROM c")
    await job.db.execute(select(1))
    running = asyncio.create_task(job.db.execute(endless))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(PendingRollbackError):
        await job.db.execute(select(1))
    with pytest.raises(TransactionAborted, match="cancelled"):  # an attempt, where a lost database would be none
        await job.commit()


async def insert_nested(db: AsyncConnection, *bodies: str) -> None:
    async with db.begin_nested():
        for body in bodies:
            await db.execute(insert(NOTES).values(body=body))
