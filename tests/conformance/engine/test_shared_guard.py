"""Jobs that share a transaction: what the handler of one must not do to the others', and what it may."""

import asyncio
import contextlib
import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import Job, handler
from hub.errors import Permanent
from tests.conformance.engine.rig import RigMaker
from tests.conformance.engine.together import (
    EFFECT,
    EFFECTS,
    NUMBERS,
    Commits,
    but,
    effects,
    ends,
    enqueue_all,
    write,
)

pytestmark = pytest.mark.usefixtures("few_groups")


async def test_a_handler_can_end_nothing_of_the_others(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        with contextlib.suppress(Permanent):
            match payload["n"]:
                case 1:
                    await job.db.commit()
                case 3:
                    await job.db.rollback()
                case 5:
                    await job.step("outside", lambda: None)
                case 6:
                    await job.db.begin_nested()

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        assert await ends(r, jobs) == [3, 4, 3, 4, 3, 3, 4, 3]
        for job in (jobs[1], jobs[3], jobs[6]):
            row = await r.job(job)
            assert (row["failure"], "belongs to the hub" in row["lasterror"]) == ("permanent", True)
        assert await effects(r) == but(1, 3, 6)


async def test_a_step_is_refused_alone_or_together(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True)
    async def shared(job: Job) -> None:
        await job.step("outside", lambda: None)

    async with rig(shared) as r:
        row = await r.until(await r.enqueue("shared"))
        assert (row["statusid"], row["failure"]) == (4, "permanent")
        assert row["lasterror"].startswith("StepInsideTransaction")


async def test_a_swallowed_error_is_that_of_its_own_job(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] == 3:
            with contextlib.suppress(DBAPIError):
                await job.db.execute(text("INSERT INTO no_such_table VALUES (1)"))

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        # PostgreSQL aborts a transaction at its first error; the others go on.
        aborts = r.database.dialect == "postgresql"
        assert await ends(r, jobs) == [3, 3, 3, 4 if aborts else 3, 3, 3, 3, 3]
        assert await effects(r) == (but(3) if aborts else but())


async def test_the_connection_of_a_job_that_has_ended_is_of_no_use_to_the_next(rig: RigMaker) -> None:
    kept: list[AsyncConnection] = []
    refused: list[str] = []

    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        for one in kept:
            try:
                await one.execute(EFFECT, {"msg": "smuggled"})
            except ResourceClosedError as error:
                refused.append(str(error))
        await write(job, payload)
        kept.append(job.db)

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        assert await ends(r, await enqueue_all(r, "shared", NUMBERS)) == [3] * 8
        assert await effects(r) == but()
        assert refused


async def test_savepoints_of_the_handlers_own(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        with contextlib.suppress(LookupError):
            async with job.db.begin_nested():
                await job.db.execute(EFFECT, {"msg": "undone"})
                raise LookupError
        if payload["n"] == 4:
            raise ValueError("four")

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        await ends(r, await enqueue_all(r, "shared", NUMBERS))
        assert await effects(r) == but(4)


async def test_one_that_waits_for_something_else_ends_its_group_and_is_named_once(
    rig: RigMaker, caplog: pytest.LogCaptureFixture
) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING, "hub.queue"):
        async with rig(shared) as r:
            await r.sql(EFFECTS)
            assert await ends(r, await enqueue_all(r, "shared", NUMBERS)) == [3] * 8
            assert await effects(r) == but()
    assert [r.getMessage().split(",")[0] for r in caplog.records if "waits for something else" in r.getMessage()] == [
        "handler shared shares its transaction and waits for something else than a statement on job.db"
    ]


async def test_no_warning_for_statements_alone(rig: RigMaker, caplog: pytest.LogCaptureFixture) -> None:
    @handler("shared", share_transaction=True)
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        (await job.db.execute(text("SELECT msg FROM effects"))).all()
        async with job.db.begin_nested():
            await write(job, payload)

    with caplog.at_level(logging.WARNING, "hub.queue"):
        async with rig(shared) as r:
            await r.sql(EFFECTS)
            assert await ends(r, await enqueue_all(r, "shared", NUMBERS)) == [3] * 8
    assert not [r for r in caplog.records if "waits for something else" in r.getMessage()]


async def test_what_ends_the_transaction_on_the_drivers_connection_is_done_once_and_seen(rig: RigMaker) -> None:
    @handler("shared", share_transaction=True, retry=[0.01])
    async def shared(payload: dict[str, int], job: Job) -> None:
        await write(job, payload)
        if payload["n"] == 3:
            driver = await job.driver()
            await driver.execute("COMMIT")

    async with rig(shared) as r:
        if r.database.dialect != "postgresql":
            pytest.skip("what is handed out there can be guarded, or says so by itself")
        await r.sql(EFFECTS)
        jobs = await enqueue_all(r, "shared", NUMBERS)
        found = await ends(r, jobs)
        assert found[3] == 4
        assert "its effects stand" in (await r.job(jobs[3]))["lasterror"]
        assert await effects(r) == but(), "each once, whether its job is seen as failed or not"


async def test_the_drivers_connection_serves_a_group_too(rig: RigMaker, commits: Commits) -> None:
    @handler("shared", share_transaction=True, max_retries=0)
    async def shared(payload: dict[str, int], job: Job) -> None:
        driver = await job.driver()
        sql = f"INSERT INTO effects (msg) VALUES ('{payload['n']}')"
        await (driver.cursor() if r.database.dialect == "mysql" else driver).execute(sql)
        if payload["n"] == 6:
            raise ValueError("six")

    async with rig(shared) as r:
        await r.sql(EFFECTS)
        await ends(r, await enqueue_all(r, "shared", NUMBERS))
        assert await effects(r) == but(6)
        assert max(commits.sizes) > 1
