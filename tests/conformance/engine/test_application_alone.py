"""An application without a hub of its own, by the drivers that people use: rows in its transaction, or none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from hub import Job, handler
from hub.application import enqueue, enqueue_async, enqueue_many, enqueue_many_async
from tests.conformance.engine.rig import Rig, RigMaker

SYNC = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
ASYNC = {"postgresql": "postgresql+psycopg_async", "mysql": "mysql+asyncmy", "sqlite": "sqlite+aiosqlite"}


@handler("noted", queue="default")
async def noted(payload: Any, job: Job) -> Any:
    return payload


def address(url: str, drivers: dict[str, str]) -> str:
    scheme, _, rest = url.partition("://")
    return f"{drivers[scheme]}://{rest}"


async def by_thread(r: Rig, work: Callable[[Connection], Any]) -> Any:
    """`work` in a transaction of a synchronous application."""

    def run() -> Any:
        engine = create_engine(address(r.url, SYNC))
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()

    return await asyncio.to_thread(run)


@asynccontextmanager
async def asynchronous(r: Rig) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(address(r.url, ASYNC))
    try:
        yield engine
    finally:
        await engine.dispose()


async def count(r: Rig) -> int:
    return int((await r.sql("SELECT count(*) AS n FROM queue_jobs"))[0]["n"])


async def test_a_synchronous_application_enqueues_one_and_many(rig: RigMaker) -> None:
    def work(connection: Connection) -> list[str]:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
        connection.execute(text("INSERT INTO invoices VALUES (7)"))
        one = enqueue(connection, "noted", {"invoice": 7}, metadata={"from": "shop"}, queue="default", priority=3)
        return [one, *enqueue_many(connection, "noted", ["a", "b"], queue="default")]

    async with rig(noted, poll_interval=0.1) as r:
        rows = [await r.until(job_id) for job_id in await by_thread(r, work)]
        assert [row["result"] for row in rows] == ['{"invoice":7}', '"a"', '"b"']
        assert rows[0]["priority"] == 3


async def test_a_session_that_rolls_back_leaves_nothing_and_a_savepoint_only_its_own(rig: RigMaker) -> None:
    def work(connection: Connection) -> str:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            enqueue(session, "noted", 1, queue="default")
            session.rollback()
        savepoint = connection.begin_nested()
        enqueue(connection, "noted", 2, queue="default")
        savepoint.rollback()
        return enqueue(connection, "noted", 3, queue="default")

    async with rig(noted, poll_interval=0.1) as r:
        assert (await r.until(await by_thread(r, work)))["result"] == "3"
        assert await count(r) == 1


@pytest.mark.parametrize("key", ["dedupe", "unique"])
async def test_a_key_that_is_taken_is_survived_by_a_savepoint(rig: RigMaker, key: str) -> None:
    def work(connection: Connection) -> str:
        options: Any = {key: "k", "queue": "default", "delay": 3600.0}
        enqueue(connection, "noted", "first", **options)
        with pytest.raises(IntegrityError), connection.begin_nested():
            enqueue(connection, "noted", "second", **options)
        return enqueue(connection, "noted", "other", queue="default")

    async with rig(noted, poll_interval=0.1) as r:
        assert (await r.until(await by_thread(r, work)))["result"] == '"other"'
        assert await count(r) == 2


async def test_an_asynchronous_application_by_another_driver(rig: RigMaker) -> None:
    async with rig(noted, poll_interval=0.1) as r, asynchronous(r) as engine:
        async with engine.begin() as connection:
            ids = [await enqueue_async(connection, "noted", {"n": 1}, queue="default")]
            ids += await enqueue_many_async(connection, "noted", [2, 3], queue="default")
        async with AsyncSession(engine) as session:
            ids.append(await enqueue_async(session, "noted", 4, queue="default"))
            await session.commit()
            await enqueue_async(session, "noted", 5, queue="default")
            await session.rollback()
        assert [(await r.until(job_id))["result"] for job_id in ids] == ['{"n":1}', "2", "3", "4"]
        assert await count(r) == 4


async def test_nothing_is_enqueued_by_an_empty_list(rig: RigMaker) -> None:
    async with rig(noted) as r:
        assert await by_thread(r, lambda connection: enqueue_many(connection, "noted", [])) == []
