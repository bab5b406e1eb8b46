"""A load, and faults upon it, until all has settled; then the oracle.

`kill_by_kill`: one worker after another, each killed by its own trap at a random place (fault 1). `beside_a_zombie`: a
worker that works on while others, one after another, are frozen past their leases and continued (fault 2).

Invariant: a fault counts where it was meant to happen, told by the victim itself, not where it was tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from hub.errors import TransactionConflict
from tests.faults.controls import Control
from tests.faults.engine import Work, storing
from tests.faults.generator import insert, insert_async
from tests.faults.handlers import EFFECTFUL, EMPTY, KINDS, UNHURRIED
from tests.faults.ledger import Ledger
from tests.faults.oracle import Verdict, judge
from tests.faults.outside import Outside
from tests.faults.points import COMMITTING, GROUPED, WORKING, Deed, Point
from tests.faults.process import Victim
from tests.faults.waiting import until, until_async

SETTLING = 120.0
_PORTIONS = 6
_TRIES = 40
"""Portions after which a zombie that was never quick enough is given up."""
_SLACK = 5.0
"""Seconds by which a lease may be rescued later than it must: processes wait for the processor, too."""


@dataclass
class Tally:
    """What came of a campaign. `landed` counts the faults at the place where they were meant to happen."""

    seed: int
    verdict: Verdict
    landed: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    """Seconds from a fault until the last of the jobs that it hit had ended, if the next one came later than that."""
    remarks: list[str] = field(default_factory=list)
    """What else is worth knowing of the run, in figures."""

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.verdict}\n  faults landed: {dict(self.landed)}"


class Campaign:
    """One database, one ledger, many lives of workers; `folder` keeps their journals and logs."""

    def __init__(
        self,
        outside: Outside,
        folder: Path,
        *,
        seed: int,
        work: Work | None = None,
        control: Sequence[Control] = (),
        kinds: Sequence[str] = KINDS,
    ) -> None:
        self.outside = outside
        self.kinds = kinds
        self.ledger = Ledger(folder / "acknowledged")
        self._folder = folder
        self._seed = seed
        self.random = random.Random(seed)
        self.work = work or Work()
        self._control = control
        self._lives = itertools.count(1)
        self.landed: Counter[str] = Counter()
        self._overdue: set[str] = set()
        self.hurt: list[tuple[str, float]] = []  # owner, when

    # ----------------------------------------------------------------------------------------------------- the faults

    def kill_by_kill(
        self, jobs: int, *, a_life: int = 150, points: Sequence[Point] = WORKING, at_least: int = 1
    ) -> Tally:
        """`a_life` jobs for each worker, which is killed by one of the points, in turns, at a random passing. Those on
        which it hangs that `at_least` so many are killed are killed at the first."""
        left = jobs
        turns = itertools.cycle(self._shuffled(points))
        while left:
            wanting = (left + a_life - 1) // a_life <= at_least - self.landed.total()
            batch = min(a_life, left)
            left -= batch
            insert(self.outside.url, self.ledger, batch, kinds=self.kinds)
            self.one_kill(next(turns), a_life=a_life, at_first=wanting)
        return self.settle()

    def kill_and_recover(self, kills: int, a_life: int) -> Tally:
        """After each kill the next worker is left alone until everything has ended: how long that takes."""
        turns = itertools.cycle(self._shuffled(WORKING))
        for _ in range(kills):
            insert(self.outside.url, self.ledger, a_life)
            self.one_kill(next(turns), a_life=a_life)
            with self.victim() as next_one:
                self.outside.settled(SETTLING)
                self.expect_orderly_end(next_one)
        return self.settle()

    def one_kill(self, point: Point, *, a_life: int, at_first: bool = False) -> None:
        """A worker that works until it is killed, or until there is nothing left to do."""
        rare = GROUPED if self.kinds is KINDS else (*GROUPED, *COMMITTING)
        furthest = 1 if at_first else 6 if point in rare else max(1, a_life // 2)
        victim = self.victim(point=point, at=self.random.randint(1, furthest))
        with victim:
            until(
                lambda: not victim.alive or self.outside.unsettled() == 0,
                SETTLING,
                lambda: f"{self.outside.unsettled()} jobs have not ended\n{victim.output()[-4000:]}",
            )
            if victim.alive and not victim.landed:
                self.expect_orderly_end(victim)
                return
            victim.killed()
            self.count(victim)

    def beside_a_zombie(self, jobs: int, *, zombies: int, points: Sequence[Point]) -> Tally:
        """One worker that works on; beside it others that are frozen at a point, and continued once they have been
        robbed. A few jobs more come where one of them was never quick enough to have any."""
        turns = itertools.cycle(self._shuffled(points))
        with self.victim() as steady:
            for share in portions(jobs, zombies):
                self._one_zombie(next(turns), share)
            self.outside.settled(SETTLING)
            self.expect_orderly_end(steady)
        return self.settle()

    def side_by_side(self, jobs: int, *, hubs: Sequence[Path | None] = (None, None)) -> Tally:
        """Two workers, or two hubs of these configurations, share the jobs."""
        with self.victim(hub=hubs[0]) as one, self.victim(hub=hubs[1]) as other:
            insert(self.outside.url, self.ledger, jobs, kinds=KINDS if hubs[0] is None else (EFFECTFUL, EMPTY))
            self.outside.settled(SETTLING)
            self.expect_orderly_end(one)
            self.expect_orderly_end(other)
        return self.settle()

    def robbed(self, jobs: int) -> Tally:
        """On SQLite, where no lease expires by itself: another one that takes the worker for dead, now and then."""
        with self.victim() as worker:
            self.landed["robbed"] += asyncio.run(self._rob(jobs))
            self.outside.settled(SETTLING)
            self.expect_orderly_end(worker)
        return self.settle()

    async def _rob(self, jobs: int) -> int:
        """How many jobs were taken from the worker that held them, in as many bouts as leave it time to work; a few
        more with jobs of their own, where a machine that kept us waiting had us come too late."""
        taken = 0
        bouts = min(60, max(6, jobs // 40))
        shares = portions(jobs, bouts)
        async with storing(self.outside.url, self.work) as store:
            for bout in range(_TRIES * bouts):
                if bout >= bouts and taken >= bouts:
                    break
                await insert_async(self.outside.url, self.ledger, shares[bout % bouts], kinds=[UNHURRIED])
                await until_async(self._somebody_works, SETTLING, "nobody works")
                with contextlib.suppress(TransactionConflict):
                    taken += len(await store.rescue())
                await asyncio.sleep(self.random.uniform(0.01, 0.1))
        return taken

    def _somebody_works(self) -> bool:
        return self.outside.count("statusid = 2") > 0 or self.outside.unsettled() == 0

    def _one_zombie(self, point: Point, jobs: int) -> None:
        at = 1 if point in GROUPED else self.random.randint(1, 3)
        # Where nobody is told of new rows, whoever looks first takes every one: it looks more often than the other.
        zombie = self.victim(point=point, at=at, deed=Deed.STOP, poll_interval=self.work.poll_interval / 10)
        with zombie:
            shares = itertools.cycle(portions(jobs, _PORTIONS))
            for number in range(_TRIES):
                if number >= _PORTIONS and zombie.landed:
                    break
                insert(self.outside.url, self.ledger, next(shares))
                if not zombie.landed:
                    until(lambda: zombie.landed or self.outside.unsettled() == 0, SETTLING, "neither frozen nor done")
            if zombie.landed:
                zombie.stopped()
                self.count(zombie)
                # It comes to itself while others work at what it held, or when they have long done it. What has no
                # fence may still be believed by chance in the first case; in the second it doubles for certain.
                over = self._replaced if self._control else self.random.choice((self._robbed, self._replaced))
                until(lambda: over(zombie.owner), SETTLING, "nobody took over")
                zombie.thaw()
            self.expect_orderly_end(zombie)

    def _robbed(self, owner: str) -> bool:
        # The steady worker is there to see to it that no lease stays expired.
        self._overdue.update(self.outside.overdue(2 * self.work.rescue_interval + _SLACK))
        return self.outside.rescued_from(owner) > 0

    def _replaced(self, owner: str) -> bool:
        return self._robbed(owner) and self.outside.recovered_at(owner) is not None

    # ----------------------------------------------------------------------------------------------------- the pieces

    def victim(
        self,
        *,
        point: Point | None = None,
        at: int = 1,
        deed: Deed = Deed.KILL,
        control: Sequence[Control] = (),
        hub: Path | None = None,
        waits: bool = False,
        **work_otherwise: Any,
    ) -> Victim:
        """A worker with a name of its own; `hub` and `waits` as Victim has them, `work_otherwise` are figures of
        Work."""
        work = msgspec.structs.replace(self.work, **{"owner": f"life-{next(self._lives)}", **work_otherwise})
        return Victim(
            self._folder,
            self.outside.url,
            work,
            point=point,
            at=at,
            deed=deed,
            control=[*self._control, *control],
            hub=hub,
            waits=waits,
        )

    def count(self, victim: Victim) -> None:
        """The fault has happened to this one, at the place where it was meant to."""
        self.landed[str(victim.point)] += 1
        self.hurt.append((victim.owner, victim.when(f"landed {victim.point}")))

    def settle(self) -> Tally:
        """Let a sound worker do what is left; the oracle's verdict."""
        if self.outside.unsettled():
            with self.victim() as last:
                try:
                    self.outside.settled(SETTLING)
                except TimeoutError as error:
                    raise TimeoutError(f"{error}\n{last.output()[-4000:]}") from None
                self.expect_orderly_end(last)
        until(lambda: self.outside.connections() == 0, SETTLING, "workers are gone, their connections are not")
        facts = self.outside.facts(self.ledger, rescue_interval=self.work.rescue_interval)
        verdict = judge(replace(facts, overdue=[*facts.overdue, *self._overdue]))
        return Tally(self._seed, verdict, self.landed, list(self._recoveries()))

    def _recoveries(self) -> Iterable[float]:
        following = [at for _, at in self.hurt[1:]]
        for (owner, at), next_at in itertools.zip_longest(self.hurt, following):
            recovered = self.outside.recovered_at(owner)
            if recovered is not None and (next_at is None or recovered < next_at):
                yield recovered - at

    def expect_orderly_end(self, victim: Victim) -> None:
        if not self.ends_orderly(victim):
            raise RuntimeError(f"{victim.work.owner} was killed by its trap as it ended")

    def ends_orderly(self, victim: Victim) -> bool:
        """End it; False if it came by its trap on the way. Raises RuntimeError for any other end."""
        if victim.terminate() == 0:
            return True
        if not victim.landed:
            raise RuntimeError(f"{victim.work.owner} ended with {victim.process.returncode}\n{victim.output()[-4000:]}")
        return False

    def _shuffled(self, points: Sequence[Point]) -> list[Point]:
        return self.random.sample(points, len(points))


def portions(jobs: int, number: int) -> list[int]:
    """So many portions, of nearly the same size."""
    return [jobs // number + (1 if each < jobs % number else 0) for each in range(number)]
