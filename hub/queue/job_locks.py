"""The locks of the jobs that this process has claimed: `job:<id>`, as long as its lease.

Invariant: a lock spares work and decides nothing. It is renewed only beside a lease that was renewed, so that it never
outlives the claim by more than its time; it is given up before the end of an attempt is written that lets others claim
the job, so that nobody meets a lock of a job that is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager

from hub.ports import Locks

_LINGER = 0.2
"""Seconds for which locks of ended jobs are gathered: nobody waits for them."""
_AT_ONCE = 1000


class JobLocks:
    """`owner` names this instance, `ttl` is the lease in seconds."""

    def __init__(self, locks: Locks, owner: str, ttl: float) -> None:
        self._locks = locks
        self._owner = owner
        self._ttl = ttl
        self._tokens: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.refused = 0

    def __len__(self) -> int:
        return len(self._tokens)

    async def take(self, job_ids: Sequence[str]) -> set[str]:
        """Take the locks of claimed jobs, in one trip; the jobs that somebody else still works at."""
        names = [_name(job_id) for job_id in job_ids]
        granted = await self._locks.acquire(names, self._owner, self._ttl)
        refused = set()
        for job_id, name in zip(job_ids, names, strict=True):
            token = granted.get(name)
            if token is None:
                refused.add(job_id)
            elif token:
                self._tokens[job_id] = token
        self.refused += len(refused)
        return refused

    def apart(self) -> AbstractAsyncContextManager[Locks]:
        """The same locks for `renew`, in another thread's event loop."""
        return self._locks.apart()

    async def renew(self, locks: Locks, job_ids: Iterable[str]) -> None:
        """Extend the locks of jobs whose leases were renewed, through the heartbeat's own `locks`; one that was lost
        is taken again if it is free."""
        held = {_name(job_id): token for job_id in job_ids if (token := self._tokens.get(job_id))}
        lost = held.keys() - await locks.renew(held, self._owner, self._ttl)
        if not lost:
            return
        for name, token in (await locks.acquire(list(lost), self._owner, self._ttl)).items():
            job_id = name.removeprefix(_name(""))
            if token and job_id in self._tokens:
                self._tokens[job_id] = token

    def drop(self, job_ids: Iterable[str], *, soon: bool = False) -> None:
        """Give locks up, without waiting for it: `soon` for jobs that others may take next."""
        for job_id in job_ids:
            if token := self._tokens.pop(job_id, 0):
                self._ended[_name(job_id)] = token
        if not self._ended or self._task is not None:
            return
        if soon or len(self._ended) >= _AT_ONCE:
            self._release()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LINGER, self._release)

    async def drain(self) -> None:
        """Wait until what was dropped is given up, or the cache is known to be away."""
        self.drop((), soon=True)
        while self._task is not None:
            await asyncio.wait([self._task])

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._release_all(), name="locks")

    async def _release_all(self) -> None:
        try:
            while self._ended:
                ended, self._ended = self._ended, {}
                await self._locks.release(ended, self._owner)
        finally:
            self._task = None


def _name(job_id: str) -> str:
    return f"job:{job_id}"
