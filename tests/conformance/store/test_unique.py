"""A unique key: alone among the live rows of its handler, free again as the row ends, however it ends."""

import asyncio

from hub.handlers.outgoing import Options, request
from hub.model import BoundJob, Status
from tests.conformance.store.rig import Rig


def unique(job_id: str, key: str = "k", handler: str = "sync", **more: object) -> BoundJob:
    job = request(job_id, handler, None, None, Options(unique=key, queue="default", **more))  # type: ignore[typeddict-item]  # a test's shorthand
    assert isinstance(job, BoundJob)
    return job


async def test_a_second_one_is_answered_with_the_first(rig: Rig) -> None:
    first = await rig.store.enqueue([unique("a")])
    assert [(one.id, one.duplicate) for one in first] == [("a", False)]
    again = await rig.store.enqueue([unique("b"), unique("c", "other"), unique("d", handler="load")])
    assert [(one.id, one.duplicate) for one in again] == [("a", True), ("c", False), ("d", False)]


async def test_plain_rows_and_dedupe_keys_go_with_them_in_one_batch(rig: Rig) -> None:
    plain = request("p", "sync", None, None, Options(dedupe="k"))
    repeat = request("q", "sync", None, None, Options(dedupe="k"))
    answers = await rig.store.enqueue([plain, unique("u"), repeat, unique("v")])
    assert [(one.id, one.duplicate) for one in answers] == [
        ("p", False),
        ("u", False),
        ("p", True),
        ("u", True),
    ]


async def test_blanks_at_the_end_of_a_key_count(rig: Rig) -> None:
    answers = await rig.store.enqueue([unique("a", "k"), unique("b", "k ")])
    assert [one.duplicate for one in answers] == [False, False]


async def test_of_fifty_at_once_one_gets_in(rig: Rig) -> None:
    answers = await asyncio.gather(*(rig.store.enqueue([unique(f"job-{number}")]) for number in range(50)))
    assert len({one.id for [one] in answers}) == 1
    assert sum(not one.duplicate for [one] in answers) == 1


async def test_it_is_held_while_the_job_waits_runs_and_retries(rig: Rig) -> None:
    await rig.add(unique("a"))
    for number, delay in enumerate((3600.0, None)):
        if number:
            await rig.due("a")
        claim = (await rig.take())[0]
        assert (await rig.store.enqueue([unique("b")]))[0].duplicate
        await rig.store.settle([rig.end(claim, statusid=Status.RETRYING, delay=delay, retrycount=number + 1)])
        assert (await rig.store.enqueue([unique("b")]))[0].duplicate
    await rig.take()
    await rig.crash("a")
    await rig.other.rescue()
    assert await rig.status("a") == [Status.QUEUED]
    assert (await rig.store.enqueue([unique("b")]))[0].duplicate


async def test_every_end_frees_it(rig: Rig) -> None:
    await rig.add(unique("done"))
    await rig.store.complete([rig.end((await rig.take())[0])])
    await rig.add(unique("failed"))
    await rig.store.settle([rig.end((await rig.take())[0], statusid=Status.FAILED)])
    await rig.add(unique("cancelled"))
    await rig.store.cancel("cancelled", reason="no", actor="test")
    await rig.add(unique("by hand"))
    await rig.sql("UPDATE queue_jobs SET statusid = 3 WHERE id = 'by hand'")
    assert await rig.add(unique("last")) == ["last"]


async def test_a_redrive_leaves_out_what_would_be_a_second_one(rig: Rig) -> None:
    for job_id in ("first", "second"):
        await rig.add(unique(job_id), unique(f"lone {job_id}", job_id))
        await rig.sql("UPDATE queue_jobs SET statusid = 4 WHERE statusid = 0")
    assert await rig.records.redrive(["first", "second", "lone first"]) == 2
    assert sorted(await rig.status("first", "second")) == [Status.QUEUED, Status.FAILED]
    assert await rig.records.redrive(["first", "second", "lone second"]) == 1
    assert sorted(await rig.status("first", "second")) == [Status.QUEUED, Status.FAILED]
    assert await rig.records.retry_failed(10) == 0


async def test_a_row_by_sql_has_it_too(rig: Rig) -> None:
    await rig.sql("INSERT INTO queue_jobs (id, handler, uniquekey) VALUES ('by-sql', 'sync', 'k')")
    assert [(one.id, one.duplicate) for one in await rig.store.enqueue([unique("b")])] == [("by-sql", True)]
