"""Ordering keys: one job of a key at a time, in the order of arrival, and no key is left behind."""

import asyncio
import random
from collections import defaultdict
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from hub.db.statement import load
from hub.errors import AlreadyExists, TransactionConflict
from hub.model import FINAL, Claim, Settlement, Status
from hub.queue.claims import in_runs
from hub.queue.store import Store
from tests.conformance.store.rig import FAR, PAST, Rig, ids


async def finish(rig: Rig, *claims: Claim) -> None:
    """Complete and release, as a worker does."""
    await rig.complete(*claims)
    await rig.store.release({claim.orderingkey for claim in claims if claim.orderingkey is not None})


async def drain(rig: Rig) -> list[str]:
    """Run everything; the ids in the order in which they ran."""
    order: list[str] = []
    while claims := (await rig.store.claim("default", 10)).claims:
        for run in in_runs(claims):
            order += ids(run)
            await finish(rig, *run)
    return order


async def test_a_key_runs_in_the_order_of_arrival(rig: Rig) -> None:
    expected = await rig.add(*(rig.new(orderingkey="k") for _ in range(25)))
    assert await drain(rig) == expected


async def test_arrival_beats_priority_within_a_key(rig: Rig) -> None:
    expected = await rig.add(*(rig.new(orderingkey="k", priority=number) for number in range(5)))
    assert await drain(rig) == expected


async def test_keys_do_not_wait_for_one_another_nor_others_for_them(rig: Rig) -> None:
    jobs = [rig.new(orderingkey=key) for key in ("a", "a", "b", None, "b", None)]
    await rig.add(*jobs)
    taken = await rig.taken()
    assert {jobs[0].id, jobs[2].id, jobs[3].id, jobs[5].id} <= set(taken)


async def test_nobody_else_gets_a_job_of_a_key_that_runs(rig: Rig) -> None:
    await rig.add(*(rig.new(orderingkey="k") for _ in range(3)))
    taken = await rig.take(1)
    await rig.add(rig.new(orderingkey="k"))
    for _ in range(3):
        assert await rig.take(store=rig.other) == []
    await finish(rig, *taken)
    assert len(await drain(rig)) == 4 - len(taken)


async def test_a_run_is_unbroken_and_in_order(postgres_rig: Rig) -> None:
    rig = postgres_rig
    expected = await rig.add(*(rig.new(orderingkey="k", priority=-number) for number in range(60)))
    claims = await rig.take(1)
    assert ids(claims) == expected[:50]
    await rig.sql("UPDATE queue_jobs SET queue = 'other' WHERE id = :id", id=expected[52])
    await finish(rig, *claims)
    assert await rig.taken() == expected[50:52]


async def test_what_was_parked_is_opened_by_the_release(rig: Rig) -> None:
    (first,) = await rig.add(rig.new(orderingkey="k"))
    claims = await rig.take()
    second, third = await rig.add(rig.new(orderingkey="k"), rig.new(orderingkey="k"))
    assert await rig.take() == []
    assert [(await rig.job(each))["gate"] for each in (second, third)] == [1, 1]
    assert await rig.store.ready() == set()
    await rig.complete(*claims)
    assert await rig.store.release(["k"]) == {"default"}
    assert await rig.store.ready() == {"default"}
    assert await drain(rig) == [second, third]
    assert await rig.status(first, second, third) == [3, 3, 3]


async def test_a_job_that_retries_blocks_its_key(rig: Rig) -> None:
    first, second = rig.new(orderingkey="k"), rig.new(orderingkey="k")
    await rig.add(first)
    (claim,) = await rig.take()
    await rig.add(second)
    await rig.retry(claim)
    await rig.store.release(["k"])
    assert await rig.taken() == []
    await rig.due(first.id)
    assert await drain(rig) == [first.id, second.id]


async def test_a_job_that_snoozes_blocks_its_key(rig: Rig) -> None:
    claim = await rig.one(orderingkey="k")
    (second,) = await rig.add(rig.new(orderingkey="k"))
    await rig.snooze(claim, 60.0)
    await rig.store.release(["k"])
    assert await rig.taken() == []
    await rig.due(claim.id)
    assert await drain(rig) == [claim.id, second]


async def test_the_rest_of_a_run_that_stopped_comes_back_behind_the_retry(postgres_rig: Rig) -> None:
    rig = postgres_rig
    expected = await rig.add(*(rig.new(orderingkey="k") for _ in range(4)))
    first, *rest = await rig.take()
    await rig.store.settle(
        [
            rig.end(first, statusid=Status.RETRYING, delay=60.0, retrycount=1, lasterror="e", priority=-1),
            *(rig.end(claim, statusid=Status.QUEUED, executionid=None) for claim in rest),
        ]
    )
    await rig.store.release(["k"])
    assert await rig.taken() == []
    await rig.due(first.id)
    assert await drain(rig) == expected


@pytest.mark.parametrize("end", ["fail", "cancel", "cancel waiting"])
async def test_a_job_that_failed_or_was_cancelled_lets_its_key_go_on(rig: Rig, end: str) -> None:
    claim = await rig.one(orderingkey="k")
    (second,) = await rig.add(rig.new(orderingkey="k"))
    assert await rig.take() == []
    match end:
        case "fail":
            await rig.fail(claim)
            await rig.store.release(["k"])
        case "cancel":
            await rig.store.settle([rig.end(claim, statusid=Status.CANCELLED, lasterror="c")])
            await rig.store.release(["k"])
        case _:
            await rig.retry(claim)
            await rig.store.cancel(claim.id, reason="r", actor="a")
    assert await drain(rig) == [second]


async def test_an_inactive_job_does_not_hold_its_key(rig: Rig) -> None:
    first, second = await rig.add(rig.new(orderingkey="k"), rig.new(orderingkey="k"))
    await rig.sql("UPDATE queue_jobs SET active = FALSE WHERE id = :id", id=first)
    assert await drain(rig) == [second]


async def test_a_job_scheduled_for_later_does_not_hold_its_key(rig: Rig) -> None:
    later, now = rig.new(orderingkey="k", scheduledat=FAR), rig.new(orderingkey="k")
    await rig.add(later, now)
    await rig.sql(
        "INSERT INTO queue_jobs (id, handler, queue, orderingkey, scheduledat) "
        "VALUES ('sql', 'h', 'default', 'k', :at)",
        at=rig.bind(FAR),
    )
    assert await drain(rig) == [now.id]
    (next_one,) = await rig.add(rig.new(orderingkey="k"))
    await rig.due(later.id, "sql")
    assert await drain(rig) == [next_one, later.id, "sql"]


async def test_scheduled_jobs_of_a_key_run_in_the_order_of_their_times(rig: Rig) -> None:
    jobs = [rig.new(orderingkey="k", scheduledat=PAST + timedelta(hours=hours)) for hours in (5, 1, 4, 2, 3)]
    await rig.add(*jobs)
    await rig.store.promote()
    assert await drain(rig) == [jobs[number].id for number in (1, 3, 4, 2, 0)]


async def test_the_sweep_opens_keys_whose_release_was_lost_page_by_page(rig: Rig) -> None:
    keys = ["a", "B", "c-1", "c_2", "Ä", "z", "10", "9"]
    stuck = {}
    for key in keys:
        claim = await rig.one(orderingkey=key)
        (stuck[key],) = await rig.add(rig.new(orderingkey=key))
        assert await rig.take() == []
        await rig.complete(claim)  # and the worker dies before the release
    healthy = await rig.one(orderingkey="held")
    await rig.add(rig.new(orderingkey="held"))
    await rig.take()
    after, woken, pages = "", set(), 0
    while True:
        following, queues = await rig.store.sweep(after, 3)
        woken |= queues
        pages += 1
        if following is None:
            break
        after = following
    assert woken == {"default"}
    assert pages == 4
    assert sorted(await rig.taken()) == sorted(stuck.values())
    assert await rig.status(healthy.id) == [Status.PROCESSING]


async def test_a_sweep_leaves_a_retry_to_its_time(rig: Rig) -> None:
    claim = await rig.one(orderingkey="k")
    await rig.retry(claim)
    await rig.sql("UPDATE queue_jobs SET gate = 1 WHERE id = :id", id=claim.id)
    await rig.store.sweep("")
    assert await rig.taken() == []
    await rig.due(claim.id)
    assert await rig.taken() == [claim.id]


async def test_a_release_makes_no_running_job_run_again(rig: Rig) -> None:
    claim = await rig.one(orderingkey="k")
    assert await rig.store.release(["k", "unknown"]) == set()
    assert await rig.take(store=rig.other) == []
    assert await rig.complete(claim) == {claim.id}


async def test_a_job_of_a_dead_worker_holds_its_key_until_it_is_rescued_and_runs_first_then(rig: Rig) -> None:
    claim = await rig.one(orderingkey="k")
    (second,) = await rig.add(rig.new(orderingkey="k"))
    await rig.crash(claim.id)
    assert await rig.take(store=rig.other) == []
    (rescued,) = await rig.other.rescue()
    assert rescued.orderingkey == "k"
    await rig.other.release(["k"])
    assert await drain(rig) == [claim.id, second]


async def test_workers_side_by_side_never_hold_one_key_break_its_order_or_leave_it_behind(server_rig: Rig) -> None:
    rig, chance = server_rig, random.Random(7)
    total, arrived = 900, 0
    running: set[str] = set()
    seen: dict[str, list[int]] = defaultdict(list)
    ended: set[str] = set()

    async def source(number: int) -> None:
        """Messages of keys of its own, as two sources of one key have no order to keep."""
        nonlocal arrived
        for start in range(0, total // 2, 15):
            await rig.add(
                *(
                    rig.new(orderingkey=f"{number}-{each % 8}", payload=f"{each}", maxretries=99)
                    for each in range(start, start + 15)
                )
            )
            arrived += 15

    async def attempt(store: Store, run: list[Claim]) -> None:
        key = run[0].orderingkey
        assert key is not None
        assert key not in running, "two owners of one key"
        running.add(key)
        await asyncio.sleep(0)
        ends: list[Settlement] = []
        for claim in run:
            if ends and ends[-1].statusid in (Status.RETRYING, Status.QUEUED):
                ends.append(rig.end(claim, statusid=Status.QUEUED, executionid=None))
                continue
            seen[key].append(int(claim.payload or ""))
            match chance.choices(("retry", "fail", "complete"), (10, 5, 85))[0]:
                case "retry":
                    retried = {"retrycount": claim.retrycount + 1, "lasterror": "e", "delay": chance.random() * 0.01}
                    ends.append(rig.end(claim, statusid=Status.RETRYING, **retried))
                case "fail":
                    ends.append(rig.end(claim, statusid=Status.FAILED, lasterror="e"))
                case _:
                    ends.append(rig.end(claim))
        running.discard(key)
        assert await store.settle(ends) == {end.id for end in ends}
        ended.update(end.id for end in ends if end.statusid in FINAL)
        await store.release([key])

    async def worker(store: Store) -> None:
        while len(ended) < total:
            try:
                claims = (await store.claim("default", chance.choice((1, 5, 50)))).claims
            except (AlreadyExists, TransactionConflict):
                continue  # another took the key's slot first
            await asyncio.gather(*(attempt(store, run) for run in in_runs(claims)))
            if not claims:
                await store.promote()

    async with asyncio.timeout(60):
        stores = [rig.worker(f"w{number}", run=run) for number, run in enumerate((1, 2, 10, 50))]
        await asyncio.gather(*(source(number) for number in range(2)), *(worker(store) for store in stores))
    assert arrived == total
    assert all(order == sorted(order) for order in seen.values())
    assert await rig.sql("SELECT id FROM queue_jobs WHERE keyslot IS NOT NULL OR statusid NOT IN (3, 4)") == []


# --- the two races that the claim statement guards against, held open by real locks ---------------------------------


async def beside(url: str) -> Any:
    """Another instance's connection."""
    return await asyncpg.connect(url)


async def until_somebody_waits(connection: Any) -> None:
    """Until a statement in this database waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    async with asyncio.timeout(20):
        while not await connection.fetchval(waiting):
            pass


def claim_by(store: Store, limit: int = 10) -> list[Any]:
    """The values of the claim statement, for a connection of the test's own."""
    values = {
        "queue": "default", "limit": limit, "run": 0, "owner": store.settings.owner, "lease": 30.0, "max_retries": 3,
        "queues": "{}", "retries": "{}", "priorities": None, "floors": None,
    }  # fmt: skip
    return [values[name] for name in load("hub.queue", "postgresql", "claim").order]


async def test_a_smaller_arrival_that_shows_up_late_gets_no_second_owner_for_its_key(
    postgres_rig: Rig, postgres_url: str
) -> None:
    """Two sources of one key: the later number is committed and being claimed when the earlier one shows up. The claim
    of that one cannot see the other claim; only the unique slot can."""
    rig = postgres_rig
    late, early = rig.new(orderingkey="k"), rig.new(orderingkey="k")
    other, observer = await beside(postgres_url), await beside(postgres_url)
    try:
        await rig.add(early)
        transaction = other.transaction()
        await transaction.start()
        rows = await other.fetch(load("hub.queue", "postgresql", "claim").texts[0], *claim_by(rig.other))
        assert [row["id"] for row in rows] == [early.id]
        await rig.add(late)
        await rig.sql("UPDATE queue_jobs SET seq = -1 WHERE id = :id", id=late.id)
        second = asyncio.create_task(rig.store.claim("default", 10))
        await until_somebody_waits(observer)
        await transaction.commit()
        with pytest.raises(AlreadyExists):
            await second
        assert await rig.take() == []
        assert await rig.status(early.id, late.id) == [Status.PROCESSING, Status.PENDING]
    finally:
        await other.close()
        await observer.close()


async def test_a_claim_with_an_old_snapshot_parks_nothing_that_a_release_has_opened(
    postgres_rig: Rig, postgres_url: str
) -> None:
    """The finish of the key's first job and its release fall between a claim's snapshot and its locks."""
    rig = postgres_rig
    text = load("hub.queue", "postgresql", "claim").texts[0]
    # the claim stops in the middle, where it has its snapshot and no row yet
    paused = text.replace(
        "ORDER BY priority DESC, seq LIMIT",
        "AND (SELECT pg_advisory_xact_lock(42) IS NOT NULL) ORDER BY priority DESC, seq LIMIT",
        1,
    )
    assert paused != text
    first = await rig.one(orderingkey="k")
    (second,) = await rig.add(rig.new(orderingkey="k"))
    other, observer = await beside(postgres_url), await beside(postgres_url)
    try:
        await observer.execute("SELECT pg_advisory_lock(42)")
        stale = asyncio.create_task(other.fetch(paused, *claim_by(rig.other)))
        await until_somebody_waits(observer)
        await finish(rig, first)
        await observer.execute("SELECT pg_advisory_unlock(42)")
        assert [row["id"] for row in await stale if row["take"]] == []
        assert await rig.taken() == [second]
    finally:
        await other.close()
        await observer.close()
