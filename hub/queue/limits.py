"""Keeps the jobs of all instances within the limits of their handlers, keys and queues.

Invariant: a job that begins has been counted first, where all instances count. What an instance has taken it says anew
before that runs out, so that only the slots of one that is gone return by themselves. Without limits in the
configuration nobody is asked.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hub.clock import Clock
from hub.errors import HubError, TransactionConflict
from hub.model import Claim
from hub.ports.limits import Kept, States
from hub.queue.attempt import Attempt
from hub.queue.limit import BURST, Asking, Limit, State, decide
from hub.queue.limit_rules import LimitRules

_log = logging.getLogger("hub.queue")

_TRIES = 10
_TTL = 30.0
_LINGER = 0.01
_UNKNOWN = 1.0
_WEIGHT = 0.2
_REMEMBERED = 1000
_FORGET_EVERY = 3600.0

Named = Callable[[Claim], tuple[str, Limit] | None]


class JobLimits:
    """start, stop; asked after each claim, told of each end. `wake` is told a queue that has room again."""

    def __init__(
        self, rules: LimitRules, states: States, instance: str, clock: Clock, wake: Callable[[Iterable[str]], None]
    ) -> None:
        self._rules = rules
        self._states = states
        self._instance = instance
        self._clock = clock
        self._wake = wake
        self._slots: dict[str, set[str]] = defaultdict(set)
        self._since: dict[str, tuple[float, list[str]]] = {}
        self._needs: dict[str, float] = {}
        self._paused: dict[str, float] = {}
        self._changed: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writes = 0
        self._forget_at = clock.monotonic() + _FORGET_EVERY * clock.random()

    def start(self) -> None:
        self._spawn(self._renew(), "limits")

    async def stop(self) -> None:
        """Give back what is left, if that can be said."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._changed.update(self._slots)
        await self._tell()

    def most(self, queue: str, wanted: int) -> int:
        """How many jobs of a queue are worth claiming now, of `wanted`."""
        limit = self._rules.queue(queue)
        if limit is None:
            return wanted
        if self._paused.get(queue, 0.0) > self._clock.monotonic():
            return 0
        if limit.concurrency is not None:
            wanted = min(wanted, limit.concurrency - len(self._slots.get(f"queue:{queue}", ())))
        if limit.rate is not None:
            wanted = min(wanted, math.ceil(limit.rate * BURST))
        return max(0, wanted)

    async def delays(self, attempts: Sequence[Attempt]) -> dict[str, float]:
        """Job → seconds, for those that may not start now. The narrower limit is asked first, so that the wider one
        counts only what could start."""
        if not self._rules:
            return {}
        claims = [attempt.claim for attempt in attempts]
        delays = await self._ask(claims, self._rules.of_handler, in_line=True)
        left = [claim for claim in claims if claim.id not in delays]
        by_queue = await self._ask(left, self._rules.of_queue, in_line=False)
        if by_queue:
            self._give_back(by_queue)
            self._pause([claim for claim in left if claim.id in by_queue], by_queue)
        return {**delays, **by_queue}

    def ended(self, job_ids: Iterable[str]) -> None:
        """These jobs are over, or go back."""
        if not self._since:
            return
        now = self._clock.monotonic()
        if len(self._needs) > _REMEMBERED:
            self._needs.clear()
        for job_id in job_ids:
            since, names = self._since.get(job_id, (now, ()))
            for name in names:
                before = self._needs.get(name, now - since)
                self._needs[name] = before + _WEIGHT * (now - since - before)
        self._give_back(job_ids)

    def republish(self) -> None:
        """What instances say of themselves is kept elsewhere from now on: say it there."""
        self._changed.update(self._slots)
        if self._changed and self._timer is None:
            self._tell_soon()

    def follow(self, rules: LimitRules, running: Iterable[Claim]) -> None:
        """Keep to these limits from now on; what runs is counted, under those that are new as well.

        What was told a time by the old ones keeps it: a minute at most.
        """
        self._rules = rules
        for claim in running:
            for found in (rules.of_handler(claim), rules.of_queue(claim)):
                if found is not None and found[1].concurrency is not None and claim.id not in self._slots[found[0]]:
                    self._take(claim.id, found[0])
                    self._changed.add(found[0])
        self._paused.clear()
        self.republish()

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _ask(self, claims: Sequence[Claim], named: Named, *, in_line: bool) -> dict[str, float]:
        groups: dict[str, tuple[Limit, list[str]]] = {}
        for claim in claims:
            if (found := named(claim)) is not None:
                groups.setdefault(found[0], (found[1], []))[1].append(claim.id)
        if not groups:
            return {}
        delays: dict[str, float] = {}
        try:
            async with self._one_at_a_time:
                for _ in range(_TRIES):
                    try:
                        delays |= await self._decide(groups, in_line=in_line)
                    except TransactionConflict:
                        pass  # as if another had written first
                    if not groups:
                        return delays
                    await asyncio.sleep(0.01 * self._clock.random())
        except HubError as error:
            _log.warning("limits cannot be asked; what is under them waits: %s", error)
        return delays | {job: _UNKNOWN * (0.5 + self._clock.random()) for _, jobs in groups.values() for job in jobs}

    async def _decide(self, groups: dict[str, tuple[Limit, list[str]]], *, in_line: bool) -> dict[str, float]:
        """One look and one write; what was written is taken out of `groups`."""
        now, kept = await self._states.read(list(groups))
        decisions = {}
        for name, (limit, jobs) in groups.items():
            asking = Asking(
                instance=self._instance,
                mine=len(self._slots.get(name, ())),
                ttl=_TTL,
                needs=self._needs.get(name, 0.1),
                in_line=in_line,
            )
            decisions[name] = decide(limit, _state(kept[name].state), jobs, asking, now)
        written = await self._write({name: (one.state, kept[name].version) for name, one in decisions.items()})
        delays: dict[str, float] = {}
        for name in written:
            limit, _ = groups.pop(name)
            delays |= decisions[name].delays
            for job in decisions[name].admitted if limit.concurrency is not None else ():
                self._take(job, name)
        return delays

    def _take(self, job: str, name: str) -> None:
        self._slots[name].add(job)
        self._since.setdefault(job, (self._clock.monotonic(), []))[1].append(name)

    async def _write(self, states: Mapping[str, tuple[State, int]]) -> set[str]:
        self._writes += 1
        by = f"{self._instance} {self._writes}"
        texts = {
            name: Kept(msgspec.json.encode(msgspec.structs.replace(state, by=by)).decode(), version)
            for name, (state, version) in states.items()
        }
        return await self._states.write(texts)

    # --- giving back ------------------------------------------------------------------------------------------------

    def _give_back(self, job_ids: Iterable[str]) -> None:
        for job_id in job_ids:
            for name in self._since.pop(job_id, (0.0, ()))[1]:
                self._slots[name].discard(job_id)
                self._changed.add(name)
        if self._changed and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LINGER, self._tell_soon)

    def _tell_soon(self) -> None:
        self._timer = None
        self._spawn(self._tell(), "limits told")

    async def _tell(self) -> None:
        """Say how many slots are used of what has changed."""
        async with self._one_at_a_time:
            names, self._changed = self._changed, set()
            left = set(names)
            try:
                for _ in range(_TRIES):
                    if not left:
                        break
                    now, kept = await self._states.read(sorted(left))
                    states = {name: (self._used(name, kept[name], now), kept[name].version) for name in left}
                    left -= await self._write(states)
            except HubError as error:
                _log.info("slots are given back later: %s", error)
            self._changed |= left
        free = [name.removeprefix("queue:") for name in names - left if name.startswith("queue:")]
        for queue in free:
            self._paused.pop(queue, None)
        if free:
            self._wake(free)

    def _used(self, name: str, kept: Kept, now: float) -> State:
        state = _state(kept.state)
        held = {one: slots for one, slots in state.held.items() if one != self._instance and slots[1] > now}
        if mine := len(self._slots.get(name, ())):
            held[self._instance] = (mine, now + _TTL)
        else:
            self._slots.pop(name, None)
        return msgspec.structs.replace(state, held=held)

    def _pause(self, claims: Sequence[Claim], delays: Mapping[str, float]) -> None:
        """Do not claim from a queue that has no room, until it may have some."""
        for queue in {claim.queue for claim in claims}:
            pause = min(delays[claim.id] for claim in claims if claim.queue == queue)
            self._paused[queue] = self._clock.monotonic() + pause
            asyncio.get_running_loop().call_later(pause + 0.001, self._wake, (queue,))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_TTL / 3)
            self._changed.update(name for name, jobs in self._slots.items() if jobs)
            await self._tell()
            if self._rules and self._clock.monotonic() >= self._forget_at:
                self._forget_at += _FORGET_EVERY
                try:
                    await self._states.forget()
                except HubError as error:
                    _log.info("old limits are forgotten later: %s", error)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _state(text: str | None) -> State:
    try:
        return msgspec.json.decode(text, type=State) if text else State()
    except msgspec.MsgspecError as error:  # somebody else wrote it: those who hold slots say so again within seconds
        _log.warning("the state of a limit cannot be read and begins anew: %s", error)
        return State()
