"""Fault 13: whatever can happen, drawn at random from a seed, to a few workers at once, for as long as is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tests.faults.campaign import SETTLING, Campaign, Tally
from tests.faults.generator import insert
from tests.faults.handlers import KINDS, UNHURRIED
from tests.faults.process import Victim

_BATCH = 60
_KINDS = (*KINDS, UNHURRIED)


class Mix:
    """`workers` processes on the campaign's database; SQLite has one."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._random = campaign.random
        self._outside = campaign.outside
        self._workers: list[Victim] = []
        self._deeds: Mapping[str, Callable[[], bool]] = {
            "killed": self._kill,
            "frozen": self._freeze,
            "terminated": self._terminate,
        }
        if self._outside.dialect != "sqlite":
            self._deeds = {**self._deeds, "cut off": self._cut}

    def run(self, seconds: float, workers: int) -> Tally:
        """Load and faults for so long, and until one has hit somebody, then rest; the oracle's verdict."""
        try:
            for _ in range(workers):
                self._workers.append(self._campaign.victim().ready())
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline or (not self._campaign.landed and time.monotonic() < deadline + SETTLING):
                insert(self._outside.url, self._campaign.ledger, self._random.randint(1, _BATCH), kinds=_KINDS)
                deed = self._random.choice(list(self._deeds))
                if self._deeds[deed]():
                    self._campaign.landed[deed] += 1
            for worker in self._workers:
                self._campaign.expect_orderly_end(worker)
        finally:
            for worker in self._workers:
                worker.kill()
        return self._campaign.settle()

    # ------------------------------------------------- the deeds; each tells whether it hit somebody who held a job

    def _kill(self) -> bool:
        worker = self._anybody()
        worker.kill()
        at = time.time()
        busy = self._busy(worker)
        if busy:
            self._campaign.hurt.append((worker.work.owner, at))
        self._replace(worker)
        return busy

    def _freeze(self) -> bool:
        worker = self._anybody()
        worker.freeze()
        busy = self._busy(worker)
        # From a hiccup to far past the lease.
        time.sleep(self._random.uniform(0.05, 2.5 * worker.work.lease))
        worker.thaw()
        return busy

    def _terminate(self) -> bool:
        worker = self._anybody()
        busy = self._busy(worker)
        self._campaign.expect_orderly_end(worker)
        self._replace(worker)
        return busy

    def _cut(self) -> bool:
        return self._outside.cut_off(lambda: self._random.random() < 0.5) > 0

    def _anybody(self) -> Victim:
        return self._random.choice(self._workers)

    def _busy(self, worker: Victim) -> bool:
        return self._outside.count(f"statusid = 2 AND leaseowner = '{worker.work.owner}'") > 0

    def _replace(self, worker: Victim) -> None:
        self._workers.remove(worker)
        self._workers.append(self._campaign.victim().ready())
