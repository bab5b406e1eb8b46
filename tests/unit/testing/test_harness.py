"""A whole hub for the length of a block."""

import asyncio
import types

import pytest
from sqlalchemy import text

from hub import Job, handler
from hub.errors import NotFound
from hub.testing import running_hub


@handler("test.double")
async def double(number: int) -> int:
    return 2 * number


@handler("test.fails", max_retries=1)
async def fails() -> None:
    raise RuntimeError("no")


async def test_a_job_is_enqueued_and_waited_for() -> None:
    async with running_hub(handlers=[double]) as hub:
        job_id = await hub.enqueue(double, 21)
        job = await hub.wait(job_id)
        assert (job["status"], job["result"]) == ("completed", "42")
        assert (await hub.outcome(job_id)).result == 42


async def test_handlers_may_be_functions_modules_or_names() -> None:
    module = types.ModuleType("made_up")
    module.double = double  # type: ignore[attr-defined]  # as a module has its functions
    async with running_hub(handlers=[module, fails, "examples.orders"]) as hub:
        names = {entry.name for entry in hub.hub.registry}
        assert names >= {"test.double", "test.fails", "order.processing", "system.record"}


async def test_a_row_inserted_by_sql_is_run(sqlite_url: str) -> None:
    async with running_hub(handlers=[double], database=sqlite_url) as hub:
        async with hub.hub.database.transaction() as connection:
            await connection.execute(
                text("INSERT INTO queue_jobs (id, handler, payload) VALUES ('x', 'test.double', '4')")
            )
        assert (await hub.outcome("x")).result == 8


async def test_draining_waits_for_all_that_could_run_and_for_nothing_else() -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    @handler("test.waits")
    async def wait(job: Job) -> None:
        begun.set()
        await gate.wait()

    async with running_hub(handlers=[wait, double]) as hub:
        await hub.drain()  # nothing to do
        later = await hub.enqueue(double, 1, delay=3600)
        waiting = await hub.enqueue(wait)
        await begun.wait()
        with pytest.raises(TimeoutError, match="1 jobs run or could run"):
            await hub.drain(timeout=0.1)
        gate.set()
        await hub.drain()
        assert (await hub.wait(waiting))["status"] == "completed"
        with pytest.raises(TimeoutError, match="is still scheduled"):
            await hub.wait(later, timeout=0)
        assert await hub.hurry() == 1
        assert (await hub.outcome(later)).result == 2


async def test_waiting_for_a_job_that_is_not_there_fails_at_once() -> None:
    async with running_hub() as hub:
        with pytest.raises(NotFound):
            await hub.wait("nobody")


async def test_it_listens_on_a_free_port_unless_it_only_works() -> None:
    async with running_hub() as one, running_hub() as another, running_hub(roles=["worker"]) as third:
        assert one.url.startswith("http://127.0.0.1:")
        assert one.url != another.url
        assert third.url == ""


async def test_the_configuration_may_say_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")  # a test does not depend on it
    async with running_hub(handlers=[fails], configuration={"jobs": {"max_retries": 7, "workers": 1}}) as hub:
        assert hub.hub.configuration.jobs.max_retries == 7
        assert hub.hub.configuration.jobs.enabled
