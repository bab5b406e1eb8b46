"""Claims that go on where the last one ended: nothing is left behind, nothing is taken twice."""

import pytest

from hub.queue import floors
from tests.conformance.store.rig import Rig

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def every_claim_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floors, "SLOW", -1.0)


async def test_they_take_everything_in_order(postgres_rig: Rig) -> None:
    rig = postgres_rig
    added = await rig.add(*(rig.new(priority=number % 3) for number in range(30)))
    wanted = [*added[2::3], *added[1::3], *added[0::3]]
    assert [id for _ in range(6) for id in await rig.taken(5)] == wanted


async def test_a_row_below_the_floor_is_found_when_the_rest_is_done(postgres_rig: Rig) -> None:
    rig = postgres_rig
    added = await rig.add(*(rig.new() for _ in range(6)))
    assert await rig.taken(2) == added[:2]
    assert await rig.taken(2) == added[2:4]
    (late,) = await rig.add(rig.new())
    await rig.sql("UPDATE queue_jobs SET seq = -1 WHERE id = :id", id=late)
    assert sorted(await rig.taken(10)) == sorted([*added[4:], late])


async def test_a_priority_that_nobody_had_before_is_found(postgres_rig: Rig) -> None:
    rig = postgres_rig
    added = await rig.add(*(rig.new() for _ in range(4)))
    assert await rig.taken(2) == added[:2]
    (urgent,) = await rig.add(rig.new(priority=9))
    assert sorted(await rig.taken(10)) == sorted([*added[2:], urgent])


async def test_rows_between_a_key_and_its_followers_are_not_passed_over(postgres_rig: Rig) -> None:
    rig = postgres_rig
    first, between, follower, last = await rig.add(
        rig.new(orderingkey="k"), rig.new(), rig.new(orderingkey="k"), rig.new()
    )
    assert await rig.taken(1) == [first, follower]
    assert await rig.taken(1) == [between]
    assert await rig.taken(1) == [last]
