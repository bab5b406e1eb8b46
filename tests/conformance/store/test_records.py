"""What people see of the queue and change in it: pages, statistics, second chances, purge and retention."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.errors import Rejected
from hub.model import Enqueued, Failure, Status
from hub.queue.records import CUT, LARGEST_PAGE, DeadFilter, Page, Records
from tests.conformance.store.rig import FAR, PAST, Rig


async def all_pages(page: Callable[..., Awaitable[Page]], limit: int, **filters: Any) -> list[dict[str, Any]]:
    found, cursor = await page(limit=limit, **filters)
    while cursor is not None:
        more, cursor = await page(limit=limit, cursor=cursor, **filters)
        assert more
        assert len(more) <= limit
        found += more
    return found


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


# --- one job --------------------------------------------------------------------------------------------------------


async def test_a_job_shows_all_its_columns_in_the_same_types_everywhere(rig: Rig) -> None:
    (job_id,) = await rig.add(
        rig.new(metadata='{"a": [1, 2.5, null]}', payload="p" * 10_000, scheduledat=FAR, timeout=2.5)
    )
    record = await rig.records.job(job_id)
    assert record is not None
    columns = {row["name"] for row in await _columns(rig)}
    assert set(record) == columns | {"status"}
    assert (record["status"], record["statusid"]) == ("scheduled", Status.SCHEDULED)
    assert (record["metadata"], record["payload"]) == ({"a": [1, 2.5, None]}, "p" * 10_000)
    assert (record["scheduledat"], record["timeout"], record["priority"]) == (FAR, 2.5, 0)
    assert record["active"] is True
    assert record["cancelrequested"] is False
    assert isinstance(record["createdon"], datetime)
    assert record["createdon"].tzinfo is not None
    assert record["result"] is None


async def _columns(rig: Rig) -> list[Any]:
    if rig.sqlite:
        return await rig.sql("SELECT name FROM pragma_table_info('queue_jobs')")
    if rig.mysql:  # those that an index only needs are invisible
        shown = "table_schema = DATABASE() AND extra NOT LIKE '%INVISIBLE%' AND"
    else:
        shown = ""
    return await rig.sql(
        f"SELECT column_name AS name FROM information_schema.columns WHERE {shown} table_name = 'queue_jobs'"
    )


async def test_a_job_that_is_not_there_is_none(rig: Rig) -> None:
    assert await rig.records.job("nobody") is None
    assert await rig.records.history_of("nobody") == []


async def test_a_row_with_odd_values_can_still_be_seen(rig: Rig) -> None:
    await rig.sql("INSERT INTO queue_jobs (id, handler, metadata) VALUES ('x', '', '[1e400]')")
    record = await rig.records.job("x")
    assert record is not None
    assert ids((await rig.records.jobs())[0]) == ["x"]


async def test_a_time_that_no_program_holds_is_shown_as_it_stands(sqlite_rig: Rig) -> None:
    times = {"x": "0001-01-01T00:00:00+02:00", "y": "yesterday"}
    for id, at in times.items():
        await sqlite_rig.sql("INSERT INTO queue_jobs (id, handler, createdon) VALUES (:id, '', :at)", id=id, at=at)
    assert {row["id"]: row["createdon"] for row in (await sqlite_rig.records.jobs())[0]} == times


async def test_json_nested_too_deeply_for_any_program_is_shown_as_it_stands(postgres_rig: Rig) -> None:
    deep = "[" * 10_500 + "]" * 10_500  # Python reads 1,000 levels, from 3.12 on 10,000
    await postgres_rig.sql("INSERT INTO queue_jobs (id, handler, metadata) VALUES ('x', '', :deep)", deep=deep)
    [shown], _ = await postgres_rig.records.jobs()
    assert shown["metadata"] == deep


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 7, 200])
async def test_pages_go_from_the_newest_to_the_oldest_without_loss_or_repeat(rig: Rig, limit: int) -> None:
    expected = await rig.add(*(rig.new() for _ in range(21)))
    await rig.sql("INSERT INTO queue_jobs (id, handler) VALUES ('own id', 'h'), ('0', 'h')")
    found = ids(await all_pages(rig.records.jobs, limit))
    assert [each for each in found if each not in ("own id", "0")] == expected[::-1]
    assert sorted(found) == sorted([*expected, "own id", "0"])


async def test_pages_hold_while_rows_arrive_and_go(rig: Rig) -> None:
    expected = await rig.add(*(rig.new() for _ in range(10)))
    first, cursor = await rig.records.jobs(limit=4)
    await rig.add(rig.new())
    await rig.sql("DELETE FROM queue_jobs WHERE id = :id", id=first[-1]["id"])
    second, cursor = await rig.records.jobs(limit=4, cursor=cursor)
    third, cursor = await rig.records.jobs(limit=4, cursor=cursor)
    assert ids(first + second + third) == expected[::-1]
    assert cursor is None


async def test_an_empty_list_is_an_empty_page(rig: Rig) -> None:
    assert await rig.records.jobs() == ([], None)
    assert await rig.records.dead() == ([], None)
    assert await rig.records.histories() == ([], None)


async def test_jobs_are_filtered_by_each_and_by_all(rig: Rig) -> None:
    mail = await rig.add(rig.new("mails", queue="critical", protocol="mqtt"), rig.new("mails", queue=None))
    late = await rig.add(rig.new(scheduledat=FAR, protocol="http"))
    done = await rig.one(handler="done")
    await rig.complete(done)
    now = datetime.now(UTC)
    old = await rig.add(rig.new("mails", queue="critical"))
    await rig.age(3, *old)
    page = rig.records.jobs
    assert ids((await page(handler="mails"))[0]) == [*old, *mail[::-1]]
    assert ids((await page(queue="critical"))[0]) == [old[0], mail[0]]
    assert ids((await page(queue="default"))[0]) == [done.id, late[0], mail[1]]
    assert ids((await page(protocol="http"))[0]) == late
    assert ids((await page(status=Status.COMPLETED))[0]) == [done.id]
    assert ids((await page(status=Status.SCHEDULED))[0]) == late
    assert ids((await page(status=Status.PENDING))[0]) == [*old, *mail[::-1]]
    assert ids((await page(since=now - timedelta(days=1), handler="mails"))[0]) == mail[::-1]
    assert ids((await page(handler="mails", queue="critical", status=Status.PENDING, protocol="mqtt"))[0]) == [mail[0]]
    assert await page(handler="nobody") == ([], None)


async def test_long_texts_are_cut_in_lists_and_said_to_be(rig: Rig) -> None:
    claim = await rig.one(payload="ü" * (CUT + 1))
    await rig.store.complete([rig.end(claim, result="r" * CUT)])
    ((record,), _), ((history,), _) = await rig.records.jobs(), await rig.records.histories()
    assert (record["payload"], record["result"], record["truncated"]) == ("ü" * CUT, "r" * CUT, ["payload"])
    assert (history["inputdata"], history["truncated"]) == ("ü" * CUT, ["inputdata"])
    whole = await rig.records.job(claim.id)
    assert whole is not None
    assert len(whole["payload"]) == CUT + 1
    assert "truncated" not in whole


@pytest.mark.parametrize("limit", [0, -1, LARGEST_PAGE + 1, 10**9])
async def test_a_page_has_its_bounds(rig: Rig, limit: int) -> None:
    for page in (rig.records.jobs, rig.records.dead, rig.records.histories):
        with pytest.raises(Rejected) as caught:
            await page(limit=limit)
        assert caught.value.field == "limit"


@pytest.mark.parametrize("cursor", ["x", "-1", "1e3", "", "9" * 30, "٣"])
async def test_a_cursor_of_another_list_is_refused(rig: Rig, cursor: str) -> None:
    with pytest.raises(Rejected) as caught:
        await rig.records.dead(cursor=cursor)
    assert caught.value.field == "cursor"


async def test_histories_page_and_filter(rig: Rig) -> None:
    claim = await rig.one(handler="flaky", maxretries=9)
    for _ in range(4):
        await rig.retry(claim)
        await rig.due(claim.id)
        (claim,) = await rig.take()
    await rig.complete(claim)
    other = await rig.one()
    await rig.complete(other)
    every = await all_pages(rig.records.histories, 2)
    assert [(each["handler"], each["retryattempt"]) for each in every] == [
        ("h", 0), ("flaky", 4), ("flaky", 3), ("flaky", 2), ("flaky", 1), ("flaky", 0)
    ]  # fmt: skip
    mine = await all_pages(rig.records.histories, 2, job_id=claim.id)
    assert [each["retryattempt"] for each in mine] == [4, 3, 2, 1, 0]
    assert [each["status"] for each in mine] == ["completed", "failed", "failed", "failed", "failed"]
    assert [each["retryattempt"] for each in await rig.records.history_of(claim.id)] == [0, 1, 2, 3, 4]
    page = rig.records.histories
    assert [each["jobid"] for each in (await page(handler="h"))[0]] == [other.id]
    assert len((await page(status=Status.FAILED))[0]) == 4
    assert len((await page(status=Status.FAILED, job_id=claim.id))[0]) == 4
    assert await page(job_id=claim.id, handler="h") == ([], None)
    assert await page(since=datetime.now(UTC) + timedelta(minutes=1)) == ([], None)
    assert len((await page(since=datetime.now(UTC) - timedelta(minutes=1)))[0]) == 6


async def test_dead_letters_page_and_filter(rig: Rig) -> None:
    expected = [await rig.dead(handler=f"h{number % 2}", failure=Failure.PERMANENT) for number in range(5)]
    (quarantined,) = await rig.add(rig.new("system.unrouted", statusid=4, failure="quarantined", queue="q"))
    hidden = await rig.dead()
    await rig.sql("UPDATE queue_jobs SET active = FALSE WHERE id = :id", id=hidden)
    done = await rig.one()
    await rig.complete(done)
    assert ids(await all_pages(rig.records.dead, 2)) == [quarantined, *expected[::-1]]
    dead = rig.records.dead
    assert ids((await dead(DeadFilter(handler="h1")))[0]) == [expected[3], expected[1]]
    assert ids((await dead(DeadFilter(failure="quarantined")))[0]) == [quarantined]
    assert ids((await dead(DeadFilter(queue="q")))[0]) == [quarantined]
    await rig.age(2, expected[0])
    since = DeadFilter(since=datetime.now(UTC) - timedelta(days=1))
    assert ids((await dead(since))[0]) == [quarantined, *expected[:0:-1]]


# --- statistics -----------------------------------------------------------------------------------------------------


async def test_statistics_of_queues_count_what_waits_and_runs(rig: Rig) -> None:
    assert (await rig.records.statistics())["queues"] == {}
    await rig.add(*(rig.new(queue="busy") for _ in range(3)), rig.new(queue="busy", priority=7))
    old = await rig.add(rig.new(queue="busy", priority=-5))
    await rig.age(1, *old)
    await rig.add(rig.new(queue=None), rig.new(queue="busy", scheduledat=FAR))
    await rig.add(rig.new(queue="keyed", orderingkey="k"))
    running = await rig.take(queue="keyed")
    await rig.add(rig.new(queue="keyed", orderingkey="k"))
    await rig.take(queue="keyed")
    retried = await rig.one(queue="default")
    await rig.retry(retried)
    await rig.sql("INSERT INTO queue_jobs (handler, queue, statusid) VALUES ('h', 'bare', 2)")
    queues = (await rig.records.statistics())["queues"]
    counts = {name: (each["ready"], each["waiting"], each["processing"]) for name, each in queues.items()}
    assert counts == {"busy": (5, 1, 0), "default": (1, 1, 0), "keyed": (0, 1, 1), "bare": (0, 0, 1)}
    assert len(running) == 1
    assert 86_390 < queues["busy"]["oldest_seconds"] < 86_500
    assert 0 <= queues["default"]["oldest_seconds"] < 60
    assert queues["keyed"]["oldest_seconds"] is None
    assert set(queues["busy"]) == {"ready", "waiting", "processing", "oldest_seconds"}


async def test_statistics_of_handlers_are_about_the_last_day(rig: Rig) -> None:
    claims = []
    for number in range(20):
        claims.append(await rig.one(handler="timed"))
        await rig.store.complete([rig.end(claims[-1], duration=(number + 1) * 10)])
    await rig.dead(handler="broken")
    cancelled = await rig.one(handler="broken")
    await rig.store.settle([rig.end(cancelled, statusid=6, lasterror="c", duration=15)])
    old = await rig.one(handler="timed")
    await rig.store.complete([rig.end(old, duration=10**6)])
    await rig.age(2, old.id)
    handlers = (await rig.records.statistics())["handlers"]
    assert handlers == {
        "timed": {"total": 20, "completed": 20, "failed": 0, "avg_duration_ms": 105.0, "p95_duration_ms": 190},
        "broken": {"total": 2, "completed": 0, "failed": 1, "avg_duration_ms": 10.0, "p95_duration_ms": 15},
    }


async def test_the_depth_is_what_waits_for_a_worker_and_counts_no_further_than_told(rig: Rig) -> None:
    assert await rig.records.depth() == 0
    await rig.add(*(rig.new() for _ in range(8)), rig.new(scheduledat=FAR), rig.new(queue=None))
    assert await rig.records.depth() == 9
    assert await rig.records.depth(5) == 5
    await rig.take(8)
    await rig.add(*(rig.new(orderingkey="k") for _ in range(3)))
    await rig.take(1)  # the key's first, and its followers or not
    await rig.take()
    waiting = await rig.sql("SELECT id FROM queue_jobs WHERE statusid = 0 AND scheduledat IS NULL")
    assert await rig.records.depth() == len(waiting)


# --- second chances -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_a_job_that_ended_badly_is_queued_again_as_if_new(rig: Rig, end: str) -> None:
    claim = await rig.one(priority=9, maxretries=1)
    await rig.retry(claim)
    await rig.due(claim.id)
    (claim,) = await rig.take()
    assert claim.priority == 8
    if end == "failed":
        await rig.fail(claim)
    else:
        await rig.store.settle([rig.end(claim, statusid=6, lasterror="c")])
    assert await rig.records.retry(claim.id, actor="ann")
    row = await rig.job(claim.id)
    assert (row["statusid"], row["priority"], row["retrycount"], row["crashcount"]) == (Status.QUEUED, 9, 0, 0)
    assert (row["failure"], row["completedat"], row["scheduledat"], row["unknownsince"]) == (None, None, None, None)
    assert row["modifiedby"] == "ann"
    (again,) = await rig.take()
    assert (again.attempt, again.maxretries - again.retrycount) == (2, 1)
    await rig.complete(again)
    assert [number for number, _ in await rig.attempts(claim.id)] == [0, 1, 2]


async def test_attempts_are_counted_on_over_crashes_and_redrives(rig: Rig) -> None:
    (job_id,) = await rig.add(rig.new(maxretries=0))
    for _ in range(3):
        (claim,) = await rig.take()
        await rig.crash(job_id)
        await rig.other.rescue()
        (claim,) = await rig.take()
        await rig.fail(claim)
        assert await rig.records.retry(job_id)
    (claim,) = await rig.take()
    await rig.complete(claim)
    assert [number for number, _ in await rig.attempts(job_id)] == list(range(7))


async def test_what_lives_or_has_completed_or_is_not_there_cannot_be_retried(rig: Rig) -> None:
    done = await rig.one()
    await rig.complete(done)
    running = await rig.one()
    (waiting,) = await rig.add(rig.new())
    hidden = await rig.dead()
    await rig.sql("UPDATE queue_jobs SET active = FALSE WHERE id = :id", id=hidden)
    before = [dict(await rig.job(each)) for each in (done.id, running.id, waiting, hidden)]
    for job_id in (done.id, running.id, waiting, hidden, "nobody"):
        assert not await rig.records.retry(job_id)
    assert [dict(await rig.job(each)) for each in (done.id, running.id, waiting, hidden)] == before


async def test_a_redrive_by_filter_takes_what_fits(rig: Rig) -> None:
    mine = [await rig.dead(handler="mine") for _ in range(4)]
    other = await rig.dead(handler="other", failure=Failure.POISON)
    assert await rig.records.redrive(where=DeadFilter(handler="mine", failure=Failure.EXHAUSTED)) == 4
    assert await rig.status(*mine, other) == [1, 1, 1, 1, 4]
    assert await rig.records.redrive(where=DeadFilter()) == 1
    assert await rig.records.redrive(where=DeadFilter()) == 0


async def test_the_ends_of_the_range_of_priorities_hold_nobody_up(rig: Rig) -> None:
    highest = await rig.dead(maxretries=2)
    lowest = await rig.dead(maxretries=2)
    await rig.sql(
        "UPDATE queue_jobs SET failure = NULL, retrycount = 1, priority = CASE WHEN id = :id THEN 2147483647"
        " ELSE -2147483648 END",
        id=highest,
    )
    assert await rig.records.retry_failed(10) == 2
    assert [(await rig.job(each))["priority"] for each in (highest, lowest)] == [2147483646, -2147483648]
    await rig.sql("UPDATE queue_jobs SET statusid = 4, priority = 2147483647 WHERE id = :id", id=highest)
    assert await rig.records.redrive([highest]) == 1
    assert await rig.taken(10) == [highest, lowest]


async def test_a_redrive_by_ids_or_filter_goes_through_any_number(rig: Rig) -> None:
    many = await rig.add(*(rig.new(statusid=4, failure="quarantined") for _ in range(1203)))
    assert await rig.records.redrive(where=DeadFilter(failure="quarantined")) == 1203
    assert await rig.records.redrive(many) == 0
    await rig.sql("UPDATE queue_jobs SET statusid = 4")
    assert await rig.records.redrive([*many, "nobody"]) == 1203


async def test_a_redrive_of_everything_is_never_meant_by_nothing(rig: Rig) -> None:
    await rig.dead()
    for change in (rig.records.redrive, rig.records.purge):
        with pytest.raises(Rejected):
            await change()
        assert await change([]) == 0
    assert len((await rig.records.dead())[0]) == 1


async def test_a_redriven_job_waits_for_its_key_and_goes_first_then(rig: Rig) -> None:
    dead = await rig.dead(orderingkey="k")
    await rig.store.release(["k"])
    running = await rig.one(orderingkey="k")
    await rig.records.retry(dead)
    assert await rig.take(store=rig.other) == []
    await rig.complete(running)
    await rig.store.release(["k"])
    assert await rig.taken() == [dead]


async def test_workers_are_woken_for_what_was_queued_again(rig: Rig) -> None:
    heard: list[str] = []
    records = Records(rig.database, rig.store, woken=heard.extend)
    dead = [await rig.dead(queue="default"), await rig.dead(queue="default")]
    await records.retry("nobody")
    assert heard == []
    await records.redrive(dead)
    assert heard == ["default"]


async def test_other_instances_are_woken_too(postgres_rig: Rig) -> None:
    rig, heard = postgres_rig, asyncio.Queue[str]()
    await rig.database.listen("hub_jobs", heard.put_nowait)
    dead = await rig.dead()
    while not heard.empty():
        heard.get_nowait()
    await rig.records.retry(dead)
    async with asyncio.timeout(30):
        assert await heard.get() == "default"


async def test_only_passing_failures_with_retries_left_are_retried(rig: Rig) -> None:
    passing = await rig.dead(failure=Failure.TRANSIENT, priority=4)
    others = [await rig.dead(failure=failure) for failure in Failure if failure is not Failure.TRANSIENT]
    spent = await rig.dead(failure=Failure.TRANSIENT, maxretries=0)
    await rig.sql("INSERT INTO queue_jobs (id, handler, statusid) VALUES ('by hand', 'h', 4)")
    assert await rig.records.retry_failed(100) == 2
    assert await rig.status(passing, "by hand", spent, *others) == [1, 1, 4, *([4] * len(others))]
    row = await rig.job(passing)
    assert (row["retrycount"], row["priority"], row["failure"]) == (1, 3, None)
    (claim,) = await rig.take()
    assert (claim.id, claim.attempt) == (passing, 1)
    (by_hand,) = await rig.take(queue="")
    assert by_hand.attempt == 0
    await rig.fail(claim, Failure.TRANSIENT)
    assert await rig.records.retry_failed(100) == 1


async def test_retrying_failed_jobs_keeps_to_its_limit_and_to_their_retries(rig: Rig) -> None:
    for _ in range(3):
        await rig.dead(failure=Failure.TRANSIENT, maxretries=1)
    assert await rig.records.retry_failed(2) == 2
    assert await rig.records.retry_failed(2) == 1
    for claim in await rig.take():
        await rig.fail(claim, Failure.TRANSIENT)
    assert await rig.records.retry_failed(10) == 0


# --- purge and retention --------------------------------------------------------------------------------------------


async def test_a_purged_job_is_gone_with_its_attempts_and_steps(rig: Rig) -> None:
    dead = await rig.dead()
    await rig.sql("INSERT INTO job_steps (jobid, name) VALUES (:id, 'charge')", id=dead)
    kept = await rig.dead()
    assert await rig.records.purge([dead, "nobody"]) == 1
    assert await rig.job(dead) is None
    assert await rig.sql("SELECT 1 FROM job_histories WHERE jobid = :id", id=dead) == []
    assert await rig.sql("SELECT 1 FROM job_steps") == []
    assert ids((await rig.records.dead())[0]) == [kept]


async def test_a_purge_takes_dead_letters_only(rig: Rig) -> None:
    done = await rig.one()
    await rig.complete(done)
    running = await rig.one()
    (waiting,) = await rig.add(rig.new())
    (cancelled,) = await rig.add(rig.new())
    await rig.store.cancel(cancelled, reason="r", actor="a")
    assert await rig.records.purge([done.id, running.id, waiting, cancelled]) == 0
    assert await rig.status(done.id, running.id, waiting, cancelled) == [3, 2, 0, 6]


async def test_a_purge_by_filter_takes_what_fits(rig: Rig) -> None:
    await rig.add(*(rig.new("mine", statusid=4, failure="quarantined") for _ in range(700)))
    other = await rig.dead(handler="other")
    assert await rig.records.purge(where=DeadFilter(handler="mine")) == 700
    assert ids((await rig.records.dead())[0]) == [other]


async def test_a_purged_message_is_still_a_repeat_and_nothing_of_it_is_left(rig: Rig) -> None:
    dead = await rig.dead(source="web", dedupekey="d", payload="secret", metadata='{"secret": 1}')
    await rig.sql("INSERT INTO job_steps (jobid, name, result) VALUES (:id, 'charge', 'secret')", id=dead)
    assert await rig.records.purge([dead]) == 1
    assert await rig.records.purge([dead]) == 0
    assert await rig.records.dead() == ([], None)
    assert await rig.store.enqueue([rig.new(source="web", dedupekey="d")]) == [Enqueued(dead, duplicate=True)]
    row = await rig.job(dead)
    assert not row["active"]
    assert [row[name] for name in ("payload", "metadata", "result", "lasterror")] == [None] * 4
    assert await rig.attempts(dead) == []
    assert await rig.sql("SELECT 1 FROM job_steps") == []
    assert not await rig.records.retry(dead)


async def test_past_the_retention_of_its_key_a_purged_job_is_gone_and_the_message_new(rig: Rig) -> None:
    dead = await rig.dead(source="web", dedupekey="d")
    await rig.age(8, dead)
    assert await rig.records.purge([dead]) == 1
    fresh = rig.new(source="web", dedupekey="d")
    assert await rig.store.enqueue([fresh]) == [Enqueued(fresh.id)]


async def test_released_keys_are_forgotten_and_rows_that_only_held_them_go(rig: Rig) -> None:
    week = 7 * 86_400.0
    purged = await rig.dead(dedupekey="purged")
    await rig.records.purge([purged])
    live, young = await rig.add(rig.new(dedupekey="live"), rig.new(dedupekey="young"))
    await rig.age(8, purged, live)
    assert await rig.records.release_dedupe(week, 1) == 1
    assert await rig.records.release_dedupe(week, 100) == 1
    assert await rig.records.release_dedupe(week, 100) == 0
    assert await rig.job(purged) is None
    assert (await rig.job(live))["dedupekey"] is None
    repeats = [rig.new(dedupekey=key) for key in ("purged", "live", "young")]
    answers = await rig.store.enqueue(repeats)
    assert answers == [Enqueued(repeats[0].id), Enqueued(repeats[1].id), Enqueued(young, duplicate=True)]


async def test_old_jobs_go_in_batches_and_failed_ones_stay(rig: Rig) -> None:
    old = []
    for number in range(5):
        claim = await rig.one(**({"id": f"own-{number}"} if number % 2 else {}))
        await rig.complete(claim)
        old.append(claim.id)
    (cancelled,) = await rig.add(rig.new())
    await rig.store.cancel(cancelled, reason="r", actor="a")
    dead, running, young = await rig.dead(), await rig.one(), await rig.one()
    await rig.complete(young)
    (waiting,) = await rig.add(rig.new())
    # rows that are that old have ids that say so
    for number, each in enumerate([*old, cancelled, dead, running.id, waiting]):
        if not each.startswith("own"):
            await _rename(rig, each, f"01800000-000{number}-7000-8000-000000000000")
    rows = await rig.sql("SELECT id FROM queue_jobs WHERE id <> :young", young=young.id)
    await rig.age(91, *(row["id"] for row in rows))
    assert await rig.records.delete_jobs(92, 100) == 0
    counts = [await rig.records.delete_jobs(90, 4) for _ in range(3)]
    assert counts == [4, 2, 0]
    left = await rig.sql("SELECT statusid FROM queue_jobs ORDER BY statusid")
    assert [row["statusid"] for row in left] == [0, 2, 3, 4]
    assert len(await rig.sql("SELECT 1 FROM job_histories")) == 2


async def _rename(rig: Rig, old: str, new: str) -> None:
    histories = await rig.sql("SELECT id FROM job_histories WHERE jobid = :old", old=old)
    await rig.sql("DELETE FROM job_histories WHERE jobid = :old", old=old)
    await rig.sql("UPDATE queue_jobs SET id = :new WHERE id = :old", new=new, old=old)
    for row in histories:
        await rig.sql(
            "INSERT INTO job_histories (id, jobid, statusid, startedat) VALUES (:id, :new, 3, :at)",
            id=row["id"], new=new, at=rig.bind(PAST),
        )  # fmt: skip


async def test_an_old_job_whose_key_must_be_known_is_emptied_once(rig: Rig) -> None:
    claim = await rig.one(id="own", dedupekey="d", payload="p")
    await rig.complete(claim)
    await rig.age(2, claim.id)
    assert await rig.records.delete_jobs(1, 10) == 1
    assert await rig.records.delete_jobs(1, 10) == 0
    row = await rig.job("own")
    assert (bool(row["active"]), row["payload"], row["statusid"]) == (False, None, 3)
    assert await rig.store.enqueue([rig.new(dedupekey="d")]) == [Enqueued("own", duplicate=True)]


async def test_old_histories_go_in_batches(rig: Rig) -> None:
    jobs = [await rig.dead() for _ in range(3)]
    young = await rig.dead()
    await rig.age(91, *jobs)
    assert [await rig.records.delete_histories(90, 2) for _ in range(3)] == [2, 1, 0]
    assert await rig.attempts(young) == [(0, 4)]
    assert await rig.attempts(jobs[0]) == []
    assert await rig.records.retry(jobs[0])
    (claim,) = [each for each in await rig.take() if each.id == jobs[0]]
    assert claim.attempt == 0


async def test_a_child_outlives_its_parent(rig: Rig) -> None:
    parent = await rig.dead()
    (child,) = await rig.add(rig.new(parentjobid=parent))
    await rig.records.purge([parent])
    (claim,) = await rig.take()
    assert (claim.id, claim.parentjobid) == (child, parent)
