"""The handlers of a victim: some leave effects that can be counted, some misbehave.

A payload is `{"id": …, …}`; the id is the message's own, by which the oracle knows it. `effects` has no unique key, so
that an effect made twice is seen twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import time
from pathlib import Path

from sqlalchemy import text

from hub import Batch, Job, ProcessJob, SyncJob, handler
from hub.handlers.view import JobView
from tests.faults.points import Point, passing

EFFECT = text("INSERT INTO effects (msg_id, jobid, attempt, fence) VALUES (:msg_id, :jobid, :attempt, :fence)")

EFFECTFUL = "fault.effect"
PUBLISHING = "fault.publish"
UNHURRIED = "fault.unhurried"
EMPTY = "fault.empty"
GATED = "fault.gated"
GATED_EMPTY = "fault.gated-empty"
SHARED = "fault.shared"
SHARED_PUBLISHING = "fault.shared-publish"
BATCHED = "fault.batch"
SYNC = "fault.sync"
SYNC_PUBLISHING = "fault.sync-publish"
POOLED = "fault.pool"
ORPHANED = "fault.orphan"
FORWARDING = "fault.forward"
KINDS = (EFFECTFUL, EMPTY, EFFECTFUL, PUBLISHING)
"""What a load is made of, over and over. The effect of one without SQL is that its job is completed."""
SHARED_KINDS = (SHARED, EMPTY, SHARED, SHARED_PUBLISHING)
BATCH_KINDS = (BATCHED, EMPTY, BATCHED, BATCHED)
SYNC_KINDS = (SYNC, EMPTY, SYNC, SYNC_PUBLISHING)
POOL_KINDS = (POOLED, POOLED, EMPTY, POOLED)
SEVERAL_KINDS = (EFFECTFUL, EMPTY, SHARED, SYNC)
_SENDING_BY_SQL = (PUBLISHING, SHARED_PUBLISHING, BATCHED, FORWARDING, SYNC_PUBLISHING)
WITH_EFFECT = (EFFECTFUL, UNHURRIED, GATED, "fault.block", SHARED, SYNC, *_SENDING_BY_SQL)
WITHOUT_SQL = (EMPTY, GATED_EMPTY, POOLED, ORPHANED)
SENDING = (*_SENDING_BY_SQL, POOLED, ORPHANED)
"""Each of their jobs has one child."""


async def leave_effect(job: Job, msg_id: str) -> None:
    """A row that tells who was here."""
    await job.db.execute(EFFECT, effect_of(job, msg_id))


def effect_of(job: JobView, msg_id: str) -> dict[str, object]:
    return {"msg_id": msg_id, "jobid": job.id, "attempt": job.attempt, "fence": job._claim.fence}


async def gate(path: str) -> None:
    """Wait until the test makes the file."""
    while not Path(path).exists():  # noqa: ASYNC110 - made by another process
        await asyncio.sleep(0.01)


@handler(EFFECTFUL)
async def effect(payload: dict[str, str], job: Job) -> None:
    await leave_effect(job, payload["id"])
    passing(Point.MID_HANDLER)


@handler(UNHURRIED)
async def unhurried(payload: dict[str, str], job: Job) -> None:
    await asyncio.sleep(random.uniform(0, 0.1))
    await leave_effect(job, payload["id"])


@handler(PUBLISHING)
async def publish(payload: dict[str, str], job: Job) -> None:
    await leave_effect(job, payload["id"])
    await job.publish("elsewhere", "orders", {"of": payload["id"]})
    passing(Point.MID_HANDLER)


@handler(FORWARDING)
async def forward(payload: dict[str, str], job: Job) -> None:
    """Sends a message on to the topic `to` of the adapter it came from."""
    await leave_effect(job, payload["id"])
    await job.publish("line", payload["to"], {"of": payload["id"]}, key=payload["key"])
    passing(Point.MID_HANDLER)


@handler(SHARED, share_transaction=True)
async def shared(payload: dict[str, str], job: Job) -> None:
    await leave_effect(job, payload["id"])
    passing(Point.MID_HANDLER)


@handler(SHARED_PUBLISHING, share_transaction=True)
async def shared_publish(payload: dict[str, str], job: Job) -> None:
    await leave_effect(job, payload["id"])
    await job.publish("elsewhere", "orders", {"of": payload["id"]})
    passing(Point.MID_HANDLER)


@handler(BATCHED, batch=20)
async def batched(batch: Batch[dict[str, str]]) -> None:
    for job, payload in batch:
        await leave_effect(job, payload["id"])
        await job.publish("elsewhere", "orders", {"of": payload["id"]})
        passing(Point.MID_HANDLER)


@handler(SYNC)
def in_a_thread(payload: dict[str, str], job: SyncJob) -> None:
    job.db.execute(EFFECT, effect_of(job, payload["id"]))
    passing(Point.MID_HANDLER)


@handler(SYNC_PUBLISHING)
def publish_from_a_thread(payload: dict[str, str], job: SyncJob) -> None:
    job.db.execute(EFFECT, effect_of(job, payload["id"]))
    job.publish("elsewhere", "orders", {"of": payload["id"]})
    passing(Point.MID_HANDLER)


@handler(POOLED, process=True)
def in_a_process(payload: dict[str, str], job: ProcessJob) -> int:
    job.publish("elsewhere", "orders", {"of": payload["id"]})
    return sum(number * number for number in range(100_000))


@handler(ORPHANED, process=True, timeout=600)
def orphaned(payload: dict[str, str], job: ProcessJob) -> None:
    """Says who runs it in the file `said`, and keeps its processor busy for minutes; another attempt ends at once.
    `busy` with `c`, it does so inside one call, in which no thread of Python gets a turn."""
    job.publish("elsewhere", "orders", {"of": payload["id"]})
    if job.attempt > 0:
        return
    beside = subprocess.Popen(["sleep", "600"])
    said = Path(payload["said"])
    said.with_suffix(".new").write_text(f"{os.getpid()} {beside.pid}")
    said.with_suffix(".new").rename(said)
    while True:
        sum(range(10**10 if payload["busy"] == "c" else 10**4))


@handler(EMPTY)
async def empty() -> None: ...


@handler(GATED)
async def gated(payload: dict[str, str], job: Job) -> None:
    """Waits before its effect (`gate`), or between its effect and its end (`late`), for a file."""
    await gate(payload.get("gate", "/"))
    await leave_effect(job, payload["id"])
    passing(Point.MID_HANDLER)
    await gate(payload.get("late", "/"))


@handler(GATED_EMPTY)
async def gated_empty(payload: dict[str, str]) -> None:
    await gate(payload["gate"])


@handler("fault.block")
async def block(payload: dict[str, str], job: Job) -> None:
    """Keeps the event loop to itself."""
    time.sleep(float(payload["seconds"]))  # noqa: ASYNC251 - what it is there for
    await leave_effect(job, payload["id"])


@handler("fault.exit")
async def leave(payload: dict[str, str], job: Job) -> None:
    await leave_effect(job, payload["id"])
    os._exit(3)


@handler("fault.system-exit")
async def system_exit(payload: dict[str, str], job: Job) -> None:
    await leave_effect(job, payload["id"])
    raise SystemExit(3)


@handler("fault.recurse")
async def recurse(payload: dict[str, str], job: Job) -> None:
    await leave_effect(job, payload["id"])
    recurse_for_ever()


@handler("fault.swallow", timeout=0.3)
async def swallow(payload: dict[str, str], job: Job) -> None:
    """Takes no notice of its cancellation and ends as if nothing had been."""
    await leave_effect(job, payload["id"])
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(30)


@handler("fault.stubborn", timeout=60)
async def stubborn(payload: dict[str, str]) -> None:
    """Ends at the second cancellation, not at the first."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    await asyncio.sleep(60)


def recurse_for_ever() -> None:
    recurse_for_ever()
