"""The queue in the database: every statement on `queue_jobs` and `job_histories` that moves a job goes through here.

Invariant: a job is taken by raising its fence, and everything written about an attempt names the fence it was given: a
stale worker matches no row. Statuses come from hub.transitions, times from the database's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from hub.db.statement import load
from hub.errors import AlreadyExists, DatabaseUnavailable, Rejected
from hub.handlers.outgoing import PUBLISH_HANDLER, addressed
from hub.model import BoundJob, Enqueued, NewJob, Settlement, Status
from hub.ports import Bulk, Call, Database, Defaults, JobTransaction, Row, Runner, Statement
from hub.queue.arrival import NOTHING, Arrival
from hub.queue.bulk import loadable
from hub.queue.claims import Claimed, Claims, StoreSettings

BULK = 100
"""Rows from which on a batch is worth the database's loader, which takes a transaction of several trips."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """A job as the heartbeat names it."""

    id: str
    fence: int
    progress: float | None
    progressnote: str | None


class Rescued(msgspec.Struct, frozen=True):
    """A job whose lease had expired: `poison` if it became a dead letter, queued again otherwise."""

    id: str
    queue: str
    poison: bool
    orderingkey: str | None
    leaseowner: str | None


class Store:
    """See the module. All methods raise the database's errors as hub.errors has them. `protocols`: what those speak to
    whom messages go, by name."""

    def __init__(self, database: Database, settings: StoreSettings, defaults: Defaults) -> None:
        self._database = database
        self.settings = settings
        self.protocols: Mapping[str, str] = {}
        self.claims = Claims(database, settings, defaults)
        self._complete = self._load("complete")
        self._complete_one = self._load("complete_one")
        self._settle = self._load("settle")
        self._enqueue = self._load("enqueue")
        self._enqueue_bound = self._load("enqueue_bound")
        self._notify = self._load("notify")

    def _load(self, name: str) -> Statement:
        return load("hub.queue", self._database.dialect, name)

    # --- in -------------------------------------------------------------------------------------------------------

    async def enqueue(self, jobs: Sequence[NewJob], *, notify: bool = True) -> list[Enqueued]:
        """Insert rows, in order, in one transaction; a repeated dedupe key, or a unique key that is taken, answers the
        id of the row that has it.

        Raises AlreadyExists if one of the ids is taken, Rejected if a value does not fit; then nothing was inserted.
        """
        statement, rows = self._insertion(jobs)
        if len(rows) >= BULK and await self._load_bulk(jobs, rows, notify):
            return [Enqueued(job.id) for job in jobs]
        answer = await self._database.run(statement, rows, notify=notify)
        fresh = {row[0] for row in answer}
        if all(job.id in fresh for job in jobs):
            return [Enqueued(job.id) for job in jobs]
        known = await self._known([job for job in jobs if job.id not in fresh])
        # A key may have been given up between the insert and the look-up: then its job is new after all.
        gone = [job for job in jobs if job.id not in fresh and _key(job) not in known]
        late = dict(zip((job.id for job in gone), await self.enqueue(gone, notify=notify) if gone else (), strict=True))
        return [
            Enqueued(job.id) if job.id in fresh else late.get(job.id) or Enqueued(known[_key(job)], duplicate=True)
            for job in jobs
        ]

    async def _load_bulk(self, jobs: Sequence[NewJob], rows: Sequence[Sequence[Any]], notify: bool) -> bool:
        """Insert a large batch by the database's own loader, if it has one and the rows need nothing decided."""
        if not all(_plain(job) for job in jobs):
            return False
        columns, values = loadable(rows)
        arrival = Arrival.of(jobs) if notify else NOTHING
        return await self._database.load("queue_jobs", columns, values, self._notify, **arrival.notice)

    async def take_in(self, jobs: Sequence[NewJob], cursor: Call) -> set[str] | None:
        """Insert what an adapter read behind its cursor (`Cursors.advance`), all in one transaction; the ids that are
        new, the others being repeats of a dedupe key. None: another instance has been further, nothing was inserted.

        Raises as `enqueue` does.
        """
        plain = [job for job in jobs if job.statusid == Status.PENDING]
        quick = len(plain) >= BULK and self._database.loads and all(_plain(job) for job in plain)
        # Quarantined rows are ordered with nothing: they may go in apart from the others.
        apart = [astuple(job) for job in jobs if not quick or job.statusid != Status.PENDING]
        work: list[Call | Bulk] = []
        if quick:
            columns, values = loadable([astuple(job) for job in plain])
            work.append(Bulk("queue_jobs", columns, values))
            work.append(Call(self._notify, (), Arrival.of(plain).notice))
        if apart:
            work.append(Call(self._enqueue, apart, {"notify": not quick}))
        answer = await self._database.run_behind(cursor, *work)
        if answer is None:
            return None
        fresh = {row[0] for row in answer if row[0] is not None} if apart else set()
        return fresh.union(job.id for job in plain) if quick else fresh

    async def refused(self, jobs: Sequence[NewJob]) -> dict[str, str]:
        """Which of these rows the database would not take: id → why. Nothing is inserted."""
        reason = await self._tried(jobs)
        if reason is None:
            return {}
        if len(jobs) == 1:
            return {jobs[0].id: reason}
        half = len(jobs) // 2
        return {**await self.refused(jobs[:half]), **await self.refused(jobs[half:])}

    async def _tried(self, jobs: Sequence[NewJob]) -> str | None:
        """Why these rows cannot go in together, found out in a transaction that is undone."""
        transaction = self._database.begin_job("a trial of rows")
        try:
            await self.enqueue_in(transaction, jobs)
        except Rejected as error:
            return str(error)
        except AlreadyExists:
            return None
        finally:
            await transaction.rollback()
        return None

    async def enqueue_in(self, transaction: JobTransaction, jobs: Sequence[NewJob]) -> None:
        """Insert rows in a job's own transaction; nobody is woken before it is committed (see `notify`)."""
        statement, rows = self._insertion(jobs)
        await transaction.run(statement, rows, notify=False)

    def _insertion(self, jobs: Sequence[NewJob]) -> tuple[Statement, Sequence[Sequence[Any]]]:
        """The statement for these rows, and the rows as it takes them; bound ones need a longer one."""
        if self.protocols:
            jobs = [
                addressed(job, self.protocols) if job.handler == PUBLISH_HANDLER and job.protocol is None else job
                for job in jobs
            ]
        if any(isinstance(job, BoundJob) for job in jobs):
            return self._enqueue_bound, [
                astuple(job) if isinstance(job, BoundJob) else (*astuple(job), None, None) for job in jobs
            ]
        return self._enqueue, [astuple(job) for job in jobs]

    async def notify(self, arrival: Arrival) -> None:
        """Tell every instance of rows that were inserted without a word."""
        await self._database.run(self._notify, **arrival.notice)

    async def _known(self, jobs: Sequence[NewJob]) -> dict[_Key, str]:
        """The rows that hold the keys of these jobs: their ids by `_key`."""
        keys = [_key(job) for job in jobs]
        known: dict[_Key, str] = {}
        for unique, name in ((False, "known"), (True, "known_unique")):
            some = [key[1:] for key in keys if key[0] is unique]
            if some:
                found = await self._database.run(self._load(name), some)
                known.update(((unique, row[0], row[1]), row[2]) for row in found)
        return known

    # --- claim and finish -----------------------------------------------------------------------------------------

    async def claim(self, queue: str, limit: int) -> Claimed:
        """Take up to `limit` jobs of a queue ('' = rows that name none), and the rest of their keys' runs."""
        return await self.claims.claim(queue, limit)

    async def complete(self, settlements: Sequence[Settlement]) -> set[str]:
        """Complete jobs that used no transaction of their own; answers the ids for which the fence held."""
        rows = [(s.id, s.fence, s.result, s.executionid, s.duration, s.attempt) for s in settlements]
        settings = self.settings
        done = await self._database.run(
            self._complete, rows, executedby=settings.owner, history_input=settings.history_input
        )
        return {row[0] for row in done}

    async def complete_in(self, transaction: JobTransaction, s: Settlement) -> bool:
        """Complete one job as the last statement of its own transaction, and commit; False if the fence was lost."""
        row = (
            s.id,
            s.fence,
            s.result,
            s.executionid,
            s.duration,
            s.attempt,
            self.settings.owner,
            self.settings.history_input,
        )
        return await transaction.commit_with(self._complete_one, row)

    async def complete_all_in(self, transaction: JobTransaction, settlements: Sequence[Settlement]) -> bool:
        """As `complete_in`, for all the jobs of a transaction: False if any of their fences was lost."""
        rows = [(s.id, s.fence, s.result, s.executionid, s.duration, s.attempt) for s in settlements]
        return await transaction.commit_all(
            self._complete, rows, executedby=self.settings.owner, history_input=self.settings.history_input
        )

    async def settle(self, settlements: Sequence[Settlement]) -> set[str]:
        """End attempts in any way; answers the ids for which the fence held."""
        rows = [astuple(s)[:13] for s in settlements]
        settings = self.settings
        done = await self._database.run(
            self._settle, rows, executedby=settings.owner, history_input=settings.history_input
        )
        return {row[0] for row in done}

    async def executed(self, executions: Collection[str]) -> set[str]:
        """Which of these executions have left a history row: asked when the answer to a COMMIT was lost."""
        found = await self._database.run(self._load("executed"), [(execution,) for execution in executions])
        return {row[0] for row in found}

    async def release(self, keys: Collection[str]) -> set[str]:
        """Let the next job of each ordering key run; answers the queues that have something new."""
        rows = await self._database.run(self._load("release"), [(key,) for key in sorted(keys)])
        return {row[0] for row in rows}

    # --- upkeep ---------------------------------------------------------------------------------------------------

    async def renew(self, runner: Runner, held: Sequence[Held]) -> list[Row]:
        """Extend leases through the heartbeat's own connection; rows of (id, mine, cancelrequested)."""
        return await runner.run(self._load("renew"), [astuple(one) for one in held], lease=self.settings.lease)

    async def rescue(self, limit: int = 500) -> list[Rescued]:
        """Take back jobs whose lease expired; poison ones become dead letters (hub.transitions.after_crash)."""
        settings = self.settings
        rows = await self._database.run(
            self._load("rescue"), limit=limit, max_crashes=settings.max_crashes, owner=settings.owner
        )
        return [Rescued(row[0], row[2], row[1] == Status.FAILED, row[3], row[4]) for row in rows]

    async def promote(self, limit: int = 1000) -> dict[str, int]:
        """Open scheduled rows that are due; queue → how many."""
        rows = await self._database.run(self._load("promote"), limit=limit)
        opened: dict[str, int] = {}
        for queue, count in rows:
            opened[queue] = opened.get(queue, 0) + count
        return opened

    async def seconds_until_due(self) -> float | None:
        """Seconds until the next scheduled row is due; None if none waits."""
        rows = await self._database.read(self._load("due"))
        seconds: float | None = rows[0][0]
        return seconds

    async def ready(self) -> set[str]:
        """The queues that have something to run ('' = rows that name none)."""
        return {row[0] for row in await self._database.read(self._load("ready"))}

    async def sweep(self, after: str, limit: int = 2000) -> tuple[str | None, set[str]]:
        """Open keys whose release was lost, from the key after `after`; (where to go on or None, queues to wake)."""
        rows = await self._database.run(self._load("sweep"), after=after, limit=limit)
        keys = [row[0] for row in rows if row[0] is not None]
        return (keys[-1] if len(keys) >= limit else None), {row[1] for row in rows if row[0] is None}

    async def cancel(self, job_id: str, *, reason: str, actor: str) -> Status | None:
        """Cancel a job: CANCELLED if it waited, PROCESSING if it runs and was asked to stop, None if it is not there
        or has ended."""
        rows = await self._database.run(self._load("cancel"), id=job_id, reason=reason, actor=actor)
        if not rows:
            return None
        if rows[0][1] == Status.CANCELLED and rows[0][2] is not None:
            await self.release([rows[0][2]])
        return Status(rows[0][1])

    async def unpark(self, parents: Collection[str]) -> set[str]:
        """Let jobs go on that wait for the children of these parents, where all have ended; answers their ids."""
        return {row[0] for row in await self._database.run(self._load("unpark"), [(each,) for each in sorted(parents)])}

    async def waited_for(self, after: str, limit: int = 2000) -> tuple[list[str], str | None]:
        """Of the next `limit` parents after `after` whose children are waited for, those whose children have all
        ended; and where to go on, None at the end."""
        rows = await self._database.read(self._load("waited_for"), after=after, limit=limit)
        return [row[0] for row in rows if row[1]], next((row[0] for row in rows if not row[1]), None)

    async def tend(self) -> None:
        """See hub.ports.Database."""
        await self._database.tend()

    async def reachable(self) -> bool:
        """Whether the database answers."""
        try:
            await self._database.read(self._load("due"))
        except DatabaseUnavailable:
            return False
        return True


_Key = tuple[bool, str, str]
"""Whether a key is a unique one, what it is a key of (handler or source), and the key."""


def _key(job: NewJob) -> _Key:
    if isinstance(job, BoundJob) and job.uniquekey is not None:
        return True, job.handler, job.uniquekey
    return False, job.source, job.dedupekey or ""


def _plain(job: NewJob) -> bool:
    """Whether the database has nothing to decide about this row, so that a loader may insert it."""
    plain = job.dedupekey is None and job.delay is None and job.statusid == Status.PENDING
    return plain and not isinstance(job, BoundJob)
