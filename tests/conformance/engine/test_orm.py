"""ORM sessions on job.db: what they commit is the job's to commit, what they roll back is theirs alone."""

from typing import Any

import pytest
from sqlalchemy import String, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from hub import Job, handler
from tests.conformance.engine.rig import Rig, RigMaker

JOINING: Any = {"join_transaction_mode": "create_savepoint"}


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "orm_notes"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)


@handler("writes", queue="default", max_retries=0)
async def writes(payload: Any, job: Job) -> None:
    async with AsyncSession(bind=job.db, **JOINING) as session:
        session.add(Note(name="committed"))
        await session.flush()
        await session.commit()
        session.add(Note(name="rolled back"))
        await session.flush()
        await session.rollback()
        session.add(Note(name="again"))
        await session.commit()
    if payload == "fail":
        raise ValueError("asked to")


@handler("nested", queue="default", max_retries=0)
async def nested(payload: Any, job: Job) -> None:
    async with AsyncSession(bind=job.db, **JOINING) as session:
        session.add(Note(name="outer"))
        await session.flush()
        savepoint = await session.begin_nested()
        session.add(Note(name="inner"))
        await session.flush()
        with pytest.raises(IntegrityError):
            await session.execute(text("INSERT INTO orm_notes VALUES ('outer')"))
        await savepoint.rollback()
        await session.commit()


@handler("synchronous", queue="default", max_retries=0)
async def synchronous(payload: Any, job: Job) -> None:
    def work(connection: Any) -> None:
        with Session(bind=connection, **JOINING) as session:
            session.add(Note(name="by run_sync"))
            session.commit()
            session.add(Note(name="forgotten"))
            session.flush()
            session.rollback()

    await job.db.run_sync(work)


@handler("ends", queue="default", max_retries=0)
async def ends(mode: Any, job: Job) -> None:
    async with AsyncSession(bind=job.db, join_transaction_mode=mode) as session:
        session.add(Note(name=mode))
        await session.commit()


async def notes(r: Rig) -> list[str]:
    return [row["name"] for row in await r.sql("SELECT name FROM orm_notes ORDER BY name")]


async def prepare(r: Rig) -> None:
    await r.sql("CREATE TABLE orm_notes (name VARCHAR(50) NOT NULL PRIMARY KEY)")


async def test_what_a_session_commits_counts_with_the_job(rig: RigMaker) -> None:
    async with rig(writes) as r:
        await prepare(r)
        assert (await r.until(await r.enqueue("writes", "fail")))["statusid"] == 4
        assert await notes(r) == []
        assert (await r.until(await r.enqueue("writes")))["statusid"] == 3
        assert await notes(r) == ["again", "committed"]


async def test_a_nested_transaction_of_a_session_undoes_its_own(rig: RigMaker) -> None:
    async with rig(nested) as r:
        await prepare(r)
        row = await r.until(await r.enqueue("nested"))
        assert (row["statusid"], await notes(r)) == (3, ["outer"]), row["lasterror"]


async def test_a_session_within_run_sync(rig: RigMaker) -> None:
    async with rig(synchronous) as r:
        await prepare(r)
        assert (await r.until(await r.enqueue("synchronous")))["statusid"] == 3
        assert await notes(r) == ["by run_sync"]


@pytest.mark.parametrize("mode", ["control_fully", "rollback_only"])
async def test_a_session_that_would_end_the_transaction_fails_the_job(rig: RigMaker, mode: str) -> None:
    async with rig(ends) as r:
        await prepare(r)
        row = await r.until(await r.enqueue("ends", mode))
        assert (row["statusid"], await notes(r)) == (4, [])
        assert "HandlerEndedTransaction" in row["lasterror"]
