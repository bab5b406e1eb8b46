"""What a claim takes, in which order, and what it writes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hub.model import Status
from hub.queue.store import Store
from tests.conformance.store.rig import PAST, Rig


async def test_priority_goes_first_and_arrival_within_it(rig: Rig) -> None:
    jobs = [rig.new(priority=priority) for priority in (0, 5, 0, -1, 5)]
    await rig.add(*jobs)
    expected = [jobs[number].id for number in (1, 4, 0, 2, 3)]
    assert await rig.taken(2) == expected[:2]
    assert await rig.taken(100) == expected[2:]
    assert await rig.taken(100) == []


async def test_arrival_is_not_told_by_ids_or_times(rig: Rig) -> None:
    await rig.add(rig.new(id="b"), rig.new(id="a"))
    await rig.add(rig.new(id="0"))
    await rig.sql("UPDATE queue_jobs SET createdon = :past WHERE id = '0'", past=rig.bind(PAST))
    assert await rig.taken() == ["b", "a", "0"]


async def test_a_claim_takes_its_own_queue_only(rig: Rig) -> None:
    mine, other, unnamed = await rig.add(rig.new(queue="mine"), rig.new(queue="other"), rig.new(queue=None))
    assert await rig.store.ready() == {"mine", "other", ""}
    assert await rig.taken(queue="mine") == [mine]
    assert await rig.taken(queue="default") == []
    assert await rig.store.ready() == {"other", ""}
    assert await rig.taken(queue="other") == [other]
    assert await rig.taken(queue="") == [unnamed]
    assert await rig.store.ready() == set()


async def test_a_row_without_a_queue_gets_that_of_its_handler(rig: Rig) -> None:
    await rig.add(rig.new("mails", queue=None), rig.new("with.dots", queue=None), rig.new("h", queue=None))
    claims = await rig.take(queue="")
    assert [claim.queue for claim in claims] == ["critical", "external", "default"]
    assert [(await rig.job(claim.id))["queue"] for claim in claims] == ["critical", "external", "default"]


async def test_the_retries_come_from_the_row_else_the_handler_else_the_settings(rig: Rig) -> None:
    await rig.add(
        rig.new("stubborn"),
        rig.new("stubborn", maxretries=1),
        rig.new("with.dots"),
        rig.new("h"),
        rig.new(maxretries=0),
    )
    claims = await rig.take()
    assert [claim.maxretries for claim in claims] == [7, 1, 0, 3, 0]
    assert [(await rig.job(claim.id))["maxretries"] for claim in claims] == [7, 1, 0, 3, 0]


async def test_a_claim_marks_the_row_and_raises_the_fence(rig: Rig) -> None:
    (job_id,) = await rig.add(rig.new())
    before = await rig.job(job_id)
    (claim,) = await rig.take()
    row = await rig.job(job_id)
    assert (row["statusid"], row["leaseowner"], row["fence"]) == (Status.PROCESSING, "w1", before["fence"] + 1)
    assert claim.fence == row["fence"]
    assert claim.attempt == 0
    assert row["rowversionstamp"] == before["rowversionstamp"] + 1
    now = datetime.now(UTC)
    assert abs(rig.instant(row["startedat"]) - now) < timedelta(seconds=10)
    lease = rig.instant(row["leaseuntil"]) - rig.instant(row["startedat"])
    assert timedelta(seconds=29) < lease < timedelta(seconds=31)


@pytest.mark.parametrize("status", [0, 1, 5, 7])
async def test_every_waiting_status_without_a_time_is_taken(rig: Rig, status: int) -> None:
    await rig.sql("INSERT INTO queue_jobs (id, handler, statusid) VALUES ('x', 'h', :status)", status=status)
    assert await rig.taken(queue="") == ["x"]


async def test_what_becomes_due_arrives_then_in_the_order_of_the_times(rig: Rig) -> None:
    late, early = rig.new(scheduledat=PAST + timedelta(days=2)), rig.new(scheduledat=PAST + timedelta(days=1))
    await rig.add(late, early)
    (plain,) = await rig.add(rig.new())
    assert await rig.taken() == [plain]
    (before,) = await rig.add(rig.new())
    assert await rig.store.promote() == {"default": 2}
    assert await rig.status(late.id, early.id) == [Status.QUEUED, Status.QUEUED]
    (after,) = await rig.add(rig.new())
    assert await rig.taken() == [before, early.id, late.id, after]


async def test_promotion_goes_in_batches_and_counts_each_queue(rig: Rig) -> None:
    await rig.add(*(rig.new(queue=queue, scheduledat=PAST) for queue in ("a", "a", "b", None, "a")))
    assert sum((await rig.store.promote(2)).values()) == 2
    assert sum((await rig.store.promote(10)).values()) == 3
    assert await rig.store.promote() == {}
    assert await rig.store.ready() == {"a", "b", ""}


async def test_the_next_time_is_known(rig: Rig) -> None:
    assert await rig.store.seconds_until_due() is None
    await rig.add(rig.new(delay=3600.0), rig.new(delay=60.0))
    seconds = await rig.store.seconds_until_due()
    assert seconds is not None
    assert 50 < seconds <= 60


async def test_an_empty_claim_says_so(rig: Rig) -> None:
    claimed = await rig.store.claim("default", 10)
    assert (claimed.claims, claimed.met) == ([], 0)
    await rig.add(rig.new())
    claimed = await rig.store.claim("default", 10)
    assert claimed.met == 1


async def test_no_job_is_claimed_twice_by_claims_at_the_same_time(rig: Rig) -> None:
    expected = await rig.add(*(rig.new(priority=number % 3) for number in range(600)))

    async def worker(store: Store) -> list[str]:
        taken: list[str] = []
        while claims := (await store.claim("default", 7)).claims:
            await store.complete([rig.end(claim) for claim in claims])
            taken += [claim.id for claim in claims]
        return taken

    parts = await asyncio.gather(*(worker(rig.worker(f"w{number}")) for number in range(6)))
    taken = [each for part in parts for each in part]
    # A claim that met only rows which others had locked went home empty: whatever is left is still there.
    taken += await rig.taken(1000)
    assert sorted(taken) == sorted(expected)
