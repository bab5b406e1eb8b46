"""Queues in which a job that waits gains one priority for each span."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.queue.ageing import Ageing, Head, outgrown
from hub.queue.store import Store
from tests.conformance.store.rig import Rig

SPAN = 600.0


@pytest.fixture
def store(rig: Rig) -> Store:
    return rig.worker("ageing", ageing={"aged": SPAN, "default": SPAN})


async def wait(rig: Rig, job_id: str, seconds: float) -> None:
    """Make it so that this job has waited for so long."""
    since = rig.bind(datetime.now(UTC) - timedelta(seconds=seconds))
    await rig.sql("UPDATE queue_jobs SET createdon = :since WHERE id = :id", since=since, id=job_id)


async def take(store: Store, limit: int, queue: str = "aged") -> list[str]:
    return [claim.id for claim in (await store.claim(queue, limit)).claims]


async def test_one_that_has_waited_goes_before_those_above_it(rig: Rig, store: Store) -> None:
    jobs = [rig.new(queue="aged", priority=priority) for priority in (0, 2, 2, 2, 2)]
    old = jobs[0].id
    await rig.add(*jobs)
    await wait(rig, old, 2 * SPAN + 5)
    assert await take(store, 1) == [jobs[1].id]  # two spans make it their equal, and of equals the higher goes first
    await wait(rig, old, 3 * SPAN + 5)
    assert await take(rig.worker("anew", ageing={"aged": SPAN}), 1) == [old]


async def test_it_takes_its_share_of_a_claim_and_no_more(rig: Rig, store: Store) -> None:
    high = [rig.new(queue="aged", priority=9) for _ in range(20)]
    low = [rig.new(queue="aged", priority=1) for _ in range(20)]
    await rig.add(*high, *low)
    for job in low:
        await wait(rig, job.id, 9 * SPAN)
    assert await take(store, 8) == [job.id for job in (*low[:2], *high[:6])]
    assert len(await take(store, 100)) == 32
    assert await take(store, 100) == []


async def test_the_time_before_it_was_due_does_not_count(rig: Rig, store: Store) -> None:
    scheduled = rig.new(queue="aged", priority=0, delay=0.0)
    high = rig.new(queue="aged", priority=2)
    await rig.add(scheduled, high)
    await wait(rig, scheduled.id, 100 * SPAN)
    await rig.store.promote()
    assert await take(store, 1) == [high.id]


async def test_rows_that_name_no_queue_age_like_those_of_the_default_one(rig: Rig, store: Store) -> None:
    low, high = rig.new(queue=None, priority=0), rig.new(queue=None, priority=1)
    await rig.add(low, high)
    await wait(rig, low.id, 5 * SPAN)
    assert await take(store, 1, queue="") == [low.id]


async def test_a_queue_that_does_not_ask_for_it_keeps_to_priority(rig: Rig, store: Store) -> None:
    low, high = rig.new(queue="strict", priority=0), rig.new(queue="strict", priority=1)
    await rig.add(low, high)
    await wait(rig, low.id, 500 * SPAN)
    assert await take(store, 1, queue="strict") == [high.id]


# --- decided purely --------------------------------------------------------------------------------------------------


def test_of_equals_the_higher_priority_goes_first() -> None:
    assert outgrown([], 10) is None
    assert outgrown([Head(5, 0, 0.0), Head(4, 1, 19.0)], 10) is None
    grown = Head(4, 1, 20.0)
    assert outgrown([grown, Head(5, 0, 0.0)], 10) == grown
    assert outgrown([Head(5, 0, 10.0), grown], 10) is None


def test_it_looks_seldom_until_something_has_aged() -> None:
    ageing = Ageing(100.0)
    assert ageing.stale(1.0)
    ageing.learn([Head(5, 0, 0.0), Head(4, 1, 0.0)], 1.0, 0.001)
    assert not ageing.stale(1.1)
    assert ageing.stale(1.3)
    ageing.learn([Head(5, 0, 0.0), Head(4, 1, 250.0)], 1.3, 0.001)
    assert ageing.first == Head(4, 1, 250.0)
    assert ageing.stale(1.3)
