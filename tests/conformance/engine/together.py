"""For handlers whose jobs run together: rows that are there at once, and how many jobs each commit had."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from hub import Job
from hub.clock import SystemClock
from hub.handlers.outgoing import request
from hub.model import Settlement
from hub.ports import JobTransaction
from hub.queue.store import Store
from tests.conformance.engine.rig import Rig

EFFECTS = "CREATE TABLE effects (msg VARCHAR(100))"
EFFECT = text("INSERT INTO effects (msg) VALUES (:msg)")
NUMBERS = [{"n": n} for n in range(8)]
"""The payloads of eight jobs."""


async def write(job: Job, payload: dict[str, int]) -> None:
    """The effect of one of them."""
    await job.db.execute(EFFECT, {"msg": str(payload["n"])})


def but(*numbers: int) -> list[str]:
    """The effects of all of them but these."""
    return [str(each["n"]) for each in NUMBERS if each["n"] not in numbers]


async def enqueue_all(r: Rig, handler: str, payloads: Sequence[Any], **options: Any) -> list[str]:
    """One job for each payload, in one transaction, so that one claim finds them all."""
    clock = SystemClock()
    jobs = [request(clock.new_id(), handler, each, None, options) for each in payloads]  # type: ignore[arg-type]  # a test's shorthand
    ids = [done.id for done in await r.engine.store.enqueue(jobs)]
    r.engine.woken(["default", ""])
    return ids


async def ends(r: Rig, ids: Sequence[str], *statuses: int) -> list[int]:
    """The statuses in which they end."""
    return [(await r.until(job, *statuses))["statusid"] for job in ids]


async def effects(r: Rig) -> list[str]:
    return sorted(row["msg"] for row in await r.sql("SELECT msg FROM effects"))


class Commits:
    """How many jobs were in each commit that was tried; `before` and `after` are called around it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.answers: list[bool] = []
        complete = Store.complete_all_in

        async def observed(store: Store, transaction: JobTransaction, settlements: Sequence[Settlement]) -> bool:
            self.sizes.append(len(settlements))
            done = await complete(store, transaction, settlements)
            self.answers.append(done)
            return done

        patch.setattr(Store, "complete_all_in", observed)
