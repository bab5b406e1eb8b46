"""Fault 7: the network between a worker and its database lets bytes through in one direction, or in none, for a while.

Others take over what it held; when the way is free again it has nothing to add, and works on.
"""

import asyncio

import msgspec
import pytest

from hub import Job, handler
from tests.faults.engine import running
from tests.faults.generator import insert_async
from tests.faults.handlers import EFFECTFUL, leave_effect
from tests.faults.scene import PATIENCE, WORK, Scene
from tests.faults.waiting import until_async
from tests.servers import Direction


@pytest.mark.parametrize(
    "stalled", [(Direction.UP,), (Direction.DOWN,), tuple(Direction)], ids=["requests", "answers", "both"]
)
async def test_others_take_over_and_the_cut_off_worker_comes_back(stalled: tuple[Direction, ...], scene: Scene) -> None:
    elsewhere: list[str] = []

    @handler(EFFECTFUL)
    async def effect(payload: dict[str, str], job: Job) -> None:
        elsewhere.append(payload["id"])
        await leave_effect(job, payload["id"])

    work = msgspec.structs.replace(WORK, lease=1.0)
    scene.gate.clear()
    async with scene.engine(work):
        held = await insert_async(scene.outside.url, scene.ledger, 5, kinds=[EFFECTFUL])
        await until_async(lambda: len(scene.runs) == 5, PATIENCE, "the jobs do not start")
        scene.proxy.stall(*stalled)
        # This one shall not be robbed itself, however slow the machine.
        other = msgspec.structs.replace(work, owner="elsewhere", lease=30.0)
        async with running(scene.outside.url, other, [effect]):
            await scene.settled()
        assert sorted(elsewhere) == sorted(held)
        scene.gate.set()
        scene.proxy.resume()
        later = await insert_async(scene.outside.url, scene.ledger, 20, kinds=[EFFECTFUL])
        await scene.settled()
    assert sorted(scene.runs) == sorted(held + later)
    assert scene.outside.count("retrycount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)


async def test_a_short_silence_costs_nothing(scene: Scene) -> None:
    async with scene.engine():
        inserting = asyncio.create_task(insert_async(scene.outside.url, scene.ledger, 500))
        for _ in range(4):
            await asyncio.sleep(0.1)
            scene.proxy.stall()
            await asyncio.sleep(0.3)
            scene.proxy.resume()
        await inserting
        await scene.settled()
    assert scene.outside.count("retrycount > 0 OR crashcount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)
