"""Fault 4: the connection is reset around a COMMIT: before it is sent, before its answer comes, within the answer.

Nothing is repeated that was committed, nothing is lost that was not.
"""

import asyncio

import msgspec
import pytest

from hub.clock import SystemClock
from hub.errors import DatabaseUnavailable
from tests.faults.generator import insert_async, message
from tests.faults.handlers import EFFECTFUL, EMPTY, PUBLISHING
from tests.faults.scene import PATIENCE, WORK, Scene
from tests.faults.waiting import until_async
from tests.servers import Moment


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("kind", [EFFECTFUL, PUBLISHING])
async def test_at_the_commit_of_a_jobs_transaction(kind: str, moment: Moment, scene: Scene) -> None:
    async with scene.engine():
        cut = scene.proxy.cut_when(b";COMMIT", moment)
        [job] = await insert_async(scene.outside.url, scene.ledger, 1, kinds=[kind])
        await scene.settled()
        assert cut.fired.is_set()
    assert scene.runs == [job] * (2 if moment is Moment.BEFORE_REQUEST else 1)
    assert scene.outside.count("retrycount > 0 OR crashcount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)


@pytest.mark.parametrize("moment", Moment)
async def test_at_the_group_commit_of_ends(moment: Moment, scene: Scene) -> None:
    async with scene.engine():
        cut = scene.proxy.cut_when(b"result of ", moment)
        jobs = await insert_async(scene.outside.url, scene.ledger, 20, kinds=[EMPTY])
        await scene.settled()
        assert cut.fired.is_set()
    assert sorted(scene.runs) == sorted(jobs)
    assert scene.outside.count("retrycount > 0 OR crashcount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)


@pytest.mark.parametrize("moment", Moment)
async def test_at_the_acceptance_of_a_message(moment: Moment, scene: Scene) -> None:
    """The sender is told that nobody knows, sends again under its dedupe key, and has one job for it."""
    async with scene.engine() as engine:
        sent = message(SystemClock().new_id(), EFFECTFUL)
        sent = msgspec.structs.replace(sent, source="sender", dedupekey="order 7")
        cut = scene.proxy.cut_when(b"order 7", moment)
        with pytest.raises(DatabaseUnavailable):
            await engine.commit.enqueue(sent)
        assert cut.fired.is_set()
        again = await engine.commit.enqueue(msgspec.structs.replace(sent, id=SystemClock().new_id()))
        scene.ledger.acknowledged([sent.id])
        assert again.duplicate is (moment is not Moment.BEFORE_REQUEST)
        await scene.settled()
    assert scene.runs == [sent.id]
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)


@pytest.mark.parametrize("moment", Moment)
async def test_at_a_claim(moment: Moment, scene: Scene) -> None:
    """What was claimed and never heard of runs once its lease has expired."""
    async with scene.engine(msgspec.structs.replace(WORK, lease=2.0)):
        await insert_async(scene.outside.url, scene.ledger, 1, kinds=[EMPTY])
        await scene.settled()
        cut = scene.proxy.cut_when(WORK.owner.encode(), moment)
        [job] = await insert_async(scene.outside.url, scene.ledger, 1, kinds=[EFFECTFUL])
        await scene.settled()
        assert cut.fired.is_set()
    assert scene.runs[1:] == [job]
    assert scene.outside.count("retrycount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)


async def test_at_a_renewal_the_lease_is_kept(scene: Scene) -> None:
    scene.gate.clear()
    async with scene.engine(msgspec.structs.replace(WORK, lease=3.0)):
        [job] = await insert_async(scene.outside.url, scene.ledger, 1, kinds=[EFFECTFUL])
        await scene.waits.wait()
        for moment in (Moment.BEFORE_REQUEST, Moment.BEFORE_ANSWER):
            cut = scene.proxy.cut_when(job.encode(), moment)
            async with asyncio.timeout(PATIENCE):
                await cut.wait()
        lease = f"SELECT leaseuntil FROM queue_jobs WHERE id = '{job}'"
        before = await asyncio.to_thread(scene.outside.fetch, lease)
        await until_async(lambda: scene.outside.fetch(lease) > before, PATIENCE, "the lease is not renewed any more")
        scene.gate.set()
        await scene.settled()
    assert scene.runs == [job]
    assert scene.outside.count("crashcount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)


async def test_all_connections_of_an_idle_worker_at_once(scene: Scene) -> None:
    async with scene.engine(msgspec.structs.replace(WORK, poll_interval=60.0, rescue_interval=60.0)):
        await insert_async(scene.outside.url, scene.ledger, 20)
        await scene.settled()
        assert scene.proxy.cut() > 0
        await insert_async(scene.outside.url, scene.ledger, 20)
        await scene.settled()
    assert scene.outside.count("retrycount > 0 OR crashcount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)


async def test_all_connections_again_and_again_under_load(scene: Scene) -> None:
    async with scene.engine(msgspec.structs.replace(WORK, lease=2.0)):
        inserting = asyncio.create_task(insert_async(scene.outside.url, scene.ledger, 1000))
        cuts = 0
        while not inserting.done() or await asyncio.to_thread(scene.outside.unsettled) > 0:
            cuts += scene.proxy.cut()
            await asyncio.sleep(0.15)
            if cuts > 60:
                break
        await inserting
        await scene.settled()
    assert cuts > 10
    assert scene.outside.count("retrycount > 0") == 0
    verdict = await scene.verdict()
    assert verdict.clean, str(verdict)
