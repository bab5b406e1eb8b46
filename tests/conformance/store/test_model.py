"""Any sequence of what can happen to jobs, on each database, against a model that fits on a page.

The model knows no gates, leases or indexes: a job has a status and a place, a key lets its first live job run. Claims,
zombies, crashes, cancellations and second chances may come in any order; rows and histories must agree after each.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from hub.db.engine import open_database
from hub.model import Claim, Failure, Status
from hub.queue.claims import in_runs
from tests.conformance.store.rig import FAR, PAST, Rig
from tests.servers import PostgresDatabases

BOUNDED = settings(
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
MAX_CRASHES = 2
WAITING = (Status.PENDING, Status.QUEUED, Status.RETRYING, Status.SCHEDULED)


@dataclass
class Model:
    """One job."""

    id: str
    place: int
    priority: int
    key: str | None
    status: Status
    timed: bool = False
    """Waits for its time."""
    retries: int = 0
    crashes: int = 0
    base: int = 0
    fence: int = 0
    cancelling: bool = False
    history: list[tuple[int, int]] = field(default_factory=list)

    @property
    def attempt(self) -> int:
        return self.base + self.retries + self.crashes

    @property
    def live(self) -> bool:
        """Has a place in its key."""
        return self.status in (Status.PENDING, Status.QUEUED, Status.PROCESSING, Status.RETRYING)

    def end(self, status: Status, *, counted: bool = True) -> None:
        if status in WAITING and self.cancelling:
            status, counted, self.timed = Status.CANCELLED, True, False
        if counted:
            kept = (Status.COMPLETED, Status.CANCELLED)
            self.history.append((self.attempt, status if status in kept else Status.FAILED))
        self.status, self.cancelling = status, False


class Machine(RuleBasedStateMachine):
    def __init__(self, open_rig: Callable[[], Awaitable[Rig]]) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.rig = self.loop.run(open_rig())
        self.jobs: dict[str, Model] = {}
        self.claims: list[Claim] = []
        self.places = 0
        self.minutes = 0

    def teardown(self) -> None:
        self.loop.run(self.rig.database.stop())
        self.loop.close()

    def place(self) -> int:
        self.places += 1
        return self.places

    def runnable(self) -> list[str]:
        first: dict[str, Model] = {}
        held = {job.key for job in self.jobs.values() if job.status is Status.PROCESSING}
        for job in sorted(self.jobs.values(), key=lambda job: job.place):
            if job.key is not None and job.live:
                first.setdefault(job.key, job)
        able = [
            job
            for job in self.jobs.values()
            if job.status in WAITING
            and not job.timed
            and (job.key is None or (first[job.key] is job and job.key not in held))
        ]
        return [job.id for job in sorted(able, key=lambda job: (-job.priority, job.place))]

    # --- rules ------------------------------------------------------------------------------------------------------

    @rule(
        priority=st.integers(-1, 1),
        key=st.sampled_from([None, None, "a", "b"]),
        timed=st.booleans(),
        count=st.integers(1, 3),
    )
    def enqueue(self, priority: int, key: str | None, timed: bool, count: int) -> None:
        new = [
            self.rig.new(priority=priority, orderingkey=key, scheduledat=FAR if timed else None) for _ in range(count)
        ]
        self.loop.run(self.rig.add(*new))
        status = Status.SCHEDULED if timed else Status.PENDING
        for job in new:
            self.jobs[job.id] = Model(job.id, self.place(), priority, key, status, timed)

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        expected = self.runnable()[:limit]
        taken: list[Claim] = []
        while len(taken) < limit:
            claimed = self.loop.run(self.rig.store.claim("default", limit - len(taken)))
            taken += claimed.claims
            if not claimed.met:
                break
        assert [claim.id for claim in taken] == expected
        assert all(len(run) == 1 for run in in_runs(taken))
        for claim in taken:
            job = self.jobs[claim.id]
            assert claim.fence > job.fence
            assert (claim.attempt, claim.priority) == (job.attempt, job.priority)
            job.status, job.fence, job.timed = Status.PROCESSING, claim.fence, False
        self.claims += taken

    @precondition(lambda self: self.claims)
    @rule(
        which=st.integers(0, 999),
        how=st.sampled_from(["complete", "in transaction", "fail", "retry", "snooze", "give back"]),
        released=st.booleans(),
    )
    def end(self, which: int, how: str, released: bool) -> None:
        """A worker ends an attempt, be it a zombie."""
        claim = self.claims[which % len(self.claims)]
        job = self.jobs.get(claim.id)
        holds = job is not None and job.status is Status.PROCESSING and job.fence == claim.fence
        assert self.loop.run(self.written(claim, how)) == holds
        if not holds or job is None:
            return
        match how:
            case "complete" | "in transaction":
                job.end(Status.COMPLETED)
            case "fail":
                job.end(Status.FAILED)
            case "retry":
                job.timed = True
                job.end(Status.RETRYING)
                if job.status is Status.RETRYING:
                    job.timed = True
                job.retries += 1
                job.priority -= 1
            case "snooze":
                job.timed = True
                job.end(Status.QUEUED, counted=False)
            case _:
                job.end(Status.QUEUED, counted=False)
        if job.key is not None:
            self.loop.run(self.rig.store.release([job.key]) if released else self.rig.store.sweep(""))

    async def written(self, claim: Claim, how: str) -> bool:
        rig = self.rig
        match how:
            case "complete":
                return bool(await rig.complete(claim))
            case "in transaction":
                return await rig.store.complete_in(rig.database.begin_job("t"), rig.end(claim))
            case "fail":
                return bool(await rig.fail(claim, Failure.PERMANENT))
            case "retry":
                return bool(await rig.retry(claim))
            case "snooze":
                return bool(await rig.snooze(claim, 60.0))
        return bool(await rig.snooze(claim, None))

    @rule()
    def crash(self) -> None:
        """The worker is gone with all that it held."""
        held = [job for job in self.jobs.values() if job.status is Status.PROCESSING]

        async def work() -> list[str]:
            await self.rig.crash(*(job.id for job in held))
            rescued = await self.rig.other.rescue()
            await self.rig.other.release([each.orderingkey for each in rescued if each.orderingkey is not None])
            return [each.id for each in rescued]

        assert sorted(self.loop.run(work())) == sorted(job.id for job in held)
        for job in held:
            poison = job.crashes + 1 > MAX_CRASHES
            job.end(Status.FAILED if poison and not job.cancelling else Status.QUEUED)
            job.crashes += 1

    @precondition(lambda self: any(job.timed and job.status in WAITING for job in self.jobs.values()))
    @rule(which=st.integers(0, 999))
    def time(self, which: int) -> None:
        """The time of one of those that wait for it has come."""
        timed = [job for job in self.jobs.values() if job.timed and job.status in WAITING]
        job = timed[which % len(timed)]
        self.minutes += 1
        past = self.rig.bind(PAST + timedelta(minutes=self.minutes))

        async def work() -> dict[str, int]:
            await self.rig.sql("UPDATE queue_jobs SET scheduledat = :past WHERE id = :id", past=past, id=job.id)
            return await self.rig.store.promote()

        assert self.loop.run(work()) == {"default": 1}
        job.timed = False
        if job.status is Status.SCHEDULED:
            job.status, job.place = Status.QUEUED, self.place()

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 999))
    def cancel(self, which: int) -> None:
        job = list(self.jobs.values())[which % len(self.jobs)]
        answer = self.loop.run(self.rig.store.cancel(job.id, reason="r", actor="a"))
        if job.status in WAITING:
            assert answer is Status.CANCELLED
            job.end(Status.CANCELLED)
        elif job.status is Status.PROCESSING:
            assert answer is Status.PROCESSING
            job.cancelling = True
        else:
            assert answer is None

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 999))
    def redrive(self, which: int) -> None:
        job = list(self.jobs.values())[which % len(self.jobs)]
        ended = job.status in (Status.FAILED, Status.CANCELLED)
        assert self.loop.run(self.rig.records.retry(job.id)) == ended
        if ended:
            job.status, job.timed = Status.QUEUED, False
            job.base = 1 + max(number for number, _ in job.history)
            job.priority, job.retries, job.crashes = job.priority + job.retries, 0, 0

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 999))
    def purge(self, which: int) -> None:
        job = list(self.jobs.values())[which % len(self.jobs)]
        dead = job.status is Status.FAILED
        assert self.loop.run(self.rig.records.purge([job.id])) == dead
        if dead:
            del self.jobs[job.id]

    # --- always -----------------------------------------------------------------------------------------------------

    @invariant()
    def rows_agree(self) -> None:
        rows, histories = self.loop.run(self.read())
        found = {row["id"]: row for row in rows}
        assert set(found) == set(self.jobs)
        for job in self.jobs.values():
            row = found[job.id]
            assert (row["statusid"], row["priority"]) == (job.status, job.priority), job
            assert (row["retrycount"], row["crashcount"], row["attemptbase"]) == (job.retries, job.crashes, job.base), (
                job
            )
            assert bool(row["cancelrequested"]) == job.cancelling, job
            assert row["fence"] >= job.fence, job
            assert (row["completedat"] is not None) == job.status.final, job
            assert histories.get(job.id, []) == sorted(job.history), job
        by_place = sorted(self.jobs.values(), key=lambda job: job.place)
        assert [row["id"] for row in rows] == [job.id for job in by_place]
        slots = {row["keyslot"] for row in rows if row["keyslot"] is not None}
        assert slots == {job.key for job in self.jobs.values() if job.status is Status.PROCESSING and job.key}

    async def read(self) -> tuple[list[Any], dict[str, list[tuple[int, int]]]]:
        histories: dict[str, list[tuple[int, int]]] = {}
        for row in await self.rig.look("SELECT jobid, retryattempt, statusid FROM job_histories ORDER BY 2, 3"):
            histories.setdefault(row["jobid"], []).append((row["retryattempt"], row["statusid"]))
        return await self.rig.look("SELECT * FROM queue_jobs ORDER BY seq"), histories


async def opened(url: str) -> Rig:
    database = open_database(url)
    await database.start()
    return Rig(database, run=1)


def test_any_sequence_on_sqlite(sqlite_template: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(10**6))

        async def fresh() -> Rig:
            path = Path(folder) / f"{next(numbers)}.db"
            shutil.copy(sqlite_template, path)
            return await opened(f"sqlite:///{path}")

        run_state_machine_as_test(lambda: Machine(fresh), settings=settings(BOUNDED, max_examples=150))


def test_any_sequence_on_postgresql(postgres: PostgresDatabases, postgres_url: str) -> None:
    async def fresh() -> Rig:
        rig = await opened(postgres_url)
        await rig.sql("TRUNCATE queue_jobs CASCADE")
        return rig

    run_state_machine_as_test(lambda: Machine(fresh), settings=settings(BOUNDED, max_examples=50))
