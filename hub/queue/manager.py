"""The distributed queue manager: the queue as other programs of an application use it, by hand.

Invariant: thin. The queue is the table, and a job belongs to whoever has claimed it; locks and remembered statuses
stand on the cache, and without one everybody gets the lock and the table is asked for the status.
"""

from __future__ import annotations

import itertools
from typing import Any, Protocol

import msgspec

from hub.clock import Clock
from hub.errors import CacheUnavailable, Conflict, Permanent, Rejected
from hub.handlers.keys import is_unicode
from hub.handlers.outgoing import Options, request
from hub.handlers.payload import NotJson, json_text
from hub.model import Claim, Enqueued, NewJob, Settlement, Status
from hub.ports import Cache, Locks
from hub.queue.store import Store

_STATUS_KEPT = 300.0
_LONGER = 5.0
"""Seconds that a cache may keep a lock beyond its time."""
_LONGEST = 100 * 366 * 86_400.0
_FEW = 64
"""Locks that are not looked through for expired ones."""


class Enqueue(Protocol):
    """Takes one row; durable when it returns."""

    async def __call__(self, job: NewJob) -> Enqueued: ...


class Statuses(Protocol):
    """The table's own word on a job."""

    async def __call__(self, job_id: str) -> int | None: ...


class QueueManager:
    """`instance` owns what is claimed and locked here. Everything raises DatabaseUnavailable as the store does."""

    def __init__(
        self, store: Store, enqueue: Enqueue, statuses: Statuses, clock: Clock, instance: str,
        locks: Locks | None = None, cache: Cache | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._enqueue = enqueue
        self._statuses = statuses
        self._clock = clock
        self._instance = f"{instance}:manager"
        self._locks = locks
        self._cache = cache
        self._owners = itertools.count(1)
        self._held: dict[str, tuple[int, float, str]] = {}
        """Tokens, until when they may be good, and for whom: a lock that nobody releases is forgotten then."""
        self._forgets_at = _FEW

    async def enqueue_job(
        self, handler: str, payload: Any = None, *, queue: str | None = None, priority: int = 0
    ) -> str:
        """Put a job into the queue; its id. `payload` is anything that JSON can hold. Raises Rejected."""
        text = _text(payload, "payload")
        options = Options(priority=priority) if queue is None else Options(priority=priority, queue=queue)
        try:
            job = request(self._clock.new_id(), handler, None, None, options)
        except Permanent as error:
            raise Rejected(str(error)) from error
        return (await self._enqueue(msgspec.structs.replace(job, payload=text))).id

    async def dequeue_job(self, queue: str = "default") -> Claim | None:
        """Claim the next job, None if there is none. It is the caller's until the lease ends, which nobody renews;
        say `complete_job` or `return_job` before that."""
        for name in (queue, "") if queue == "default" else (queue,):
            claimed = await self._store.claim(name, 1)
            if claimed.claims:
                first, *behind = claimed.claims  # the rest of its ordering key's run
                for claim in behind:
                    await self.return_job(claim)
                return first
        return None

    async def complete_job(self, claim: Claim, result: Any = None) -> None:
        """End a claimed job well. Raises Conflict when the lease had ended: another has the job, or had it;
        Rejected for a result that JSON cannot hold."""
        text = _text(result, "result")
        settlement = Settlement(
            claim.id, claim.fence, text, self._clock.new_id(), 0, claim.attempt, orderingkey=claim.orderingkey
        )
        await self._written(claim, await self._store.complete([settlement]))

    async def return_job(self, claim: Claim, delay: float | None = None) -> None:
        """Give a claimed job back, to be taken at once or after `delay` seconds. Raises Conflict as complete_job."""
        settlement = Settlement(
            claim.id, claim.fence, None, None, 0, claim.attempt, Status.QUEUED, claim.priority, claim.retrycount, delay,
            orderingkey=claim.orderingkey,
        )  # fmt: skip
        await self._written(claim, await self._store.settle([settlement]))

    async def acquire_lock(self, name: str, ttl: float = 30.0) -> int | None:
        """Take a lock for `ttl` seconds: its fencing token, None if somebody has it, here or elsewhere. Without a cache
        everybody gets it, with the token 0. Raises Rejected for a `ttl` that is no time."""
        _check_seconds(ttl)
        if self._locks is None:
            return 0
        owner = f"{self._instance}:{next(self._owners)}"  # locks know their owner again, and would let it in twice
        token = (await self._locks.acquire([_lock(name)], owner, ttl)).get(_lock(name))
        if token:
            self._held[name] = token, self._clock.monotonic() + ttl + _LONGER, owner
            if len(self._held) >= self._forgets_at:
                self._forget()
        return token

    async def release_lock(self, name: str) -> bool:
        """Give a lock up; False if it was not this instance's any more."""
        held = self._held.pop(name, None)
        if held is None or self._locks is None:
            return False
        token, _, owner = held
        return bool(await self._locks.release({_lock(name): token}, owner))

    async def set_job_status(self, job_id: str, status: str, ttl: float = _STATUS_KEPT) -> None:
        """Let others read this word as the job's status for `ttl` seconds. The table's own stays as it is. Raises
        Rejected for what is no word, and a `ttl` that is no time."""
        _check_seconds(ttl)
        _check_word(status)
        if self._cache is not None:
            try:
                await self._cache.set(_status(job_id), status.encode(), ttl)
            except CacheUnavailable:
                pass  # the table answers

    async def get_job_status(self, job_id: str) -> str | None:
        """The word that was set, else the status in the table ('pending', 'completed', …); None: no such job."""
        if self._cache is not None:
            try:
                if (kept := await self._cache.get(_status(job_id))) is not None:
                    return kept.decode(errors="replace")
            except CacheUnavailable:
                pass  # the table answers
        status = await self._statuses(job_id)
        return None if status is None else Status(status).word

    def _forget(self) -> None:
        """Locks that have expired; looked at again when there are twice as many."""
        now = self._clock.monotonic()
        self._held = {name: held for name, held in self._held.items() if held[1] > now}
        self._forgets_at = max(_FEW, 2 * len(self._held))

    async def _written(self, claim: Claim, done: set[str]) -> None:
        if claim.id not in done:
            raise Conflict(f"job {claim.id} was taken from this claim when its lease ended")
        if claim.orderingkey is not None:
            await self._store.release([claim.orderingkey])


def _text(value: Any, field: str) -> str | None:
    try:
        return None if value is None else json_text(value)
    except NotJson as error:
        raise Rejected(str(error), field=field) from error


def _check_word(status: object) -> None:
    if not isinstance(status, str) or not is_unicode(status):
        raise Rejected("status: expected a text", field="status")


def _check_seconds(ttl: object) -> None:
    if not isinstance(ttl, int | float) or not 0 < ttl <= _LONGEST:
        raise Rejected("ttl: expected seconds, more than 0 and at most a hundred years", field="ttl")


def _lock(name: str) -> str:
    return _key(f"lock:{name}", "name")


def _status(job_id: str) -> str:
    return _key(f"status:{job_id}", "job_id")


def _key(text: str, field: str) -> str:
    # A cache that is given what it cannot take counts as one that is away, for everything.
    if not is_unicode(text):
        raise Rejected(f"{field}: expected a text without a lone surrogate", field=field)
    return text
