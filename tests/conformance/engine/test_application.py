"""Enqueue as a part of the application's own transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from hub import Job, handler
from hub.errors import Rejected
from hub.handlers.outgoing import Options, request
from hub.model import NewJob
from hub.queue.application import enqueue_in, insert_in
from hub.queue.arrival import Arrival
from tests.conformance.engine.rig import Rig, RigMaker


@handler("noted", queue="default")
async def noted(job: Job) -> str:
    return job.id


def row(job_id: str, **options: object) -> NewJob:
    return request(job_id, "noted", {"n": 1}, {"from": "shop"}, Options(queue="default", **options))  # type: ignore[typeddict-item]  # a test's shorthand


ASYNC = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy", "sqlite": "sqlite+aiosqlite"}
SYNC = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}


def with_driver(url: str, drivers: dict[str, str]) -> str:
    scheme, _, rest = url.partition("://")
    return f"{drivers[scheme]}://{rest}"


@asynccontextmanager
async def application(r: Rig) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(with_driver(r.url, ASYNC))
    try:
        yield engine
    finally:
        await engine.dispose()


async def test_a_row_is_there_when_the_caller_commits_and_runs_at_once(rig: RigMaker) -> None:
    async with rig(noted, poll_interval=60) as r, application(r) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
            await connection.execute(text("INSERT INTO invoices VALUES (7)"))
            await enqueue_in(connection, [row("mine")], r.engine.arrived)
            assert await r.engine.store.ready() == set()
        done = await r.until("mine")
        assert (done["statusid"], done["result"], done["payload"]) == (3, '"mine"', '{"n":1}')


async def test_a_row_is_not_there_when_the_caller_rolls_back(rig: RigMaker) -> None:
    async with rig(noted) as r, application(r) as engine:
        async with engine.connect() as connection:
            await enqueue_in(connection, [row("mine")], r.engine.arrived)
            await connection.rollback()
        assert await r.sql("SELECT id FROM queue_jobs") == []


async def test_a_session_will_do_and_times_are_kept(rig: RigMaker) -> None:
    async with rig(noted) as r, application(r) as engine, AsyncSession(engine) as session:
        await enqueue_in(session, [row("later", delay=3600.0), row("now", priority=3)], r.engine.arrived)
        await session.commit()
        assert (await r.until("now"))["priority"] == 3
        later = await r.job("later")
        assert later["statusid"] == 7
        [early] = await r.sql("SELECT count(*) AS n FROM queue_jobs WHERE id = 'later' AND scheduledat IS NULL")
        assert early["n"] == 0


async def test_a_dedupe_key_that_is_taken_is_the_callers_to_handle(rig: RigMaker) -> None:
    async with rig(noted) as r, application(r) as engine:
        async with engine.begin() as connection:
            await enqueue_in(connection, [row("a", dedupe="k")], r.engine.arrived)
        with pytest.raises(IntegrityError):
            async with engine.begin() as connection:
                await enqueue_in(connection, [row("b", dedupe="k")], r.engine.arrived)


async def test_synchronous_applications_have_it_too(rig: RigMaker) -> None:
    def of_the_application(url: str) -> None:
        engine = create_engine(url)
        with engine.begin() as connection:
            insert_in(connection, [row("by-connection")], lambda _: None)
        with Session(engine) as session:
            insert_in(session, [row("by-session")], lambda _: None)
            session.commit()
        engine.dispose()

    async with rig(noted, poll_interval=0.1) as r:
        await asyncio.to_thread(of_the_application, with_driver(r.url, SYNC))
        assert (await r.until("by-connection"))["statusid"] == 3
        assert (await r.until("by-session"))["statusid"] == 3


async def test_what_is_no_connection_to_the_hubs_tables_is_refused() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        engine.dialect.name = "oracle"
        with pytest.raises(Rejected, match="oracle"):
            insert_in(connection, [row("x")], None)
    with pytest.raises(Rejected, match="got Engine"):
        insert_in(engine, [row("x")], None)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(Rejected, match="await enqueue_async"):
        insert_in(AsyncSession(), [row("x")], None)  # type: ignore[arg-type]  # what is tested


async def test_a_connection_that_is_kept_tells_of_each_commit_once(rig: RigMaker) -> None:
    told: list[Arrival] = []

    def of_the_application(url: str) -> None:
        engine = create_engine(url)
        with engine.connect() as connection:
            for number in range(3):
                insert_in(connection, [row(f"a{number}"), row(f"b{number}")], told.append)
                insert_in(connection, [row(f"c{number}", delay=0.1)], told.append)
                connection.commit()
        session = scoped_session(sessionmaker(engine))
        insert_in(session, [row("scoped")], told.append)
        session.commit()
        session.remove()
        engine.dispose()

    async with rig(noted, poll_interval=0.1) as r:
        await asyncio.to_thread(of_the_application, with_driver(r.url, SYNC))
        assert (await r.until("scoped"))["statusid"] == 3
    assert told == [Arrival(frozenset(["default"]), timed=True)] * 3 + [Arrival(frozenset(["default"]))]
