"""A hub in two processes under one supervisor, whose processes are killed from within, and the supervisor from outside.

Invariant: whatever was started here has ended when a life of the hub is over, also what outlived its supervisor.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults.campaign import SETTLING, Campaign, Tally
from tests.faults.generator import insert
from tests.faults.handlers import GATED
from tests.faults.points import COMMITTING, GROUPED, WORKING, Point
from tests.faults.process import PATIENCE, START, Victim
from tests.faults.waiting import until
from tests.servers import free_port
from tests.servers.process import alive, freeze, thaw

PROCESSES = 2
WORKERS = 5
SHUTDOWN = 3.0
"""Seconds a process has for what it does when its supervisor is gone."""


class Several:
    """Lives of such a hub, one after another, on the database of a campaign."""

    def __init__(self, campaign: Campaign, folder: Path) -> None:
        self._campaign = campaign
        self._outside = campaign.outside
        self._configuration = folder / "several.json"
        self._configuration.write_text(json.dumps(_configuration(campaign)))
        self._gates = itertools.count(1)

    def kill_workers(self, jobs: int, *, a_life: int, points: Sequence[Point] = WORKING) -> Tally:
        """`a_life` jobs for each life, in which one of the processes is killed by one of the points, in turns."""
        left, turns = jobs, itertools.cycle(self._campaign.random.sample(points, len(points)))
        while left:
            batch = min(a_life, left)
            left -= batch
            self._kill_a_worker(next(turns), batch)
        return self._campaign.settle()

    def kill_supervisors(self, jobs: int, *, kills: int) -> Tally:
        """One supervisor after another is killed in the middle of the work. Its processes drain beside the next hub;
        in every other life the one without the port is frozen, and robbed, before it hears of it."""
        shares = [jobs // kills + (1 if number < jobs % kills else 0) for number in range(kills)]
        for number, share in enumerate(shares):
            self._kill_the_supervisor(share, frozen=number % 2 == 1)
        return self._campaign.settle()

    def _kill_a_worker(self, point: Point, jobs: int) -> None:
        rare = point in (*GROUPED, *COMMITTING)
        at = self._campaign.random.randint(1, 3 if rare else max(1, jobs // 8))
        with self._life(point=point, at=at) as hub:
            insert(self._outside.url, self._campaign.ledger, jobs, kinds=self._campaign.kinds)
            until(
                lambda: hub.landed or self._outside.unsettled() == 0,
                SETTLING,
                lambda: f"neither killed nor done\n{hub.output()[-4000:]}",
            )
            if hub.landed:
                self._campaign.count(hub)
                until(lambda: len(_ready(hub)) > PROCESSES, START, lambda: f"not started again\n{hub.output()}")
            self._campaign.expect_orderly_end(hub)

    def _kill_the_supervisor(self, jobs: int, *, frozen: bool) -> None:
        # So many more than one process starts at once do not end before it has happened.
        gate, gated = self._configuration.with_name(f"gate-{next(self._gates)}"), min(jobs, WORKERS + 1)
        with self._life() as hub:
            ledger, url = self._campaign.ledger, self._outside.url
            insert(url, ledger, gated, kinds=[GATED], extra={"gate": str(gate)})
            insert(url, ledger, jobs - gated, kinds=self._campaign.kinds)
            owners = {pid: name for name, pid in hub.instances.items()}
            until(lambda: any(map(self._holds, owners.values())), SETTLING, "nobody works")
            # Not the first, which has the port: the next hub could not listen there before it wakes up.
            sleeper = _ready(hub)[1] if frozen else None
            if sleeper is not None:
                freeze(sleeper)
            held = [name for name in owners.values() if self._holds(name)]
            os.kill(hub.process.pid, signal.SIGKILL)
            hub.process.wait(PATIENCE)
            gate.touch()
            self._campaign.landed["supervisor killed" + (", a process frozen" if frozen else "")] += bool(held)
            with self._life() as following:
                self._outside.settled(SETTLING)
                if sleeper is not None:
                    thaw(sleeper)
                for pid in owners:
                    # What it would still do is bounded by its time to shut down; the rest is the machine's.
                    until(partial(_gone, pid), SHUTDOWN + PATIENCE, f"process {pid} outlives its supervisor")
                self._campaign.expect_orderly_end(following)

    def _holds(self, owner: str) -> bool:
        return self._outside.count(f"statusid = 2 AND leaseowner = '{owner}'") > 0

    @contextmanager
    def _life(self, *, point: Point | None = None, at: int = 1) -> Iterator[Victim]:
        hub = self._campaign.victim(point=point, at=at, hub=self._configuration)
        try:
            with hub:
                until(lambda: hub.landed or len(_ready(hub)) == PROCESSES, START, lambda: f"not ready\n{hub.output()}")
                yield hub
        finally:
            for pid in hub.instances.values():
                _end(pid, str(hub.journal.path))


def _ready(hub: Victim) -> list[int]:
    """The process ids of those that have started."""
    return [entry.pid for entry in hub.journal.read() if entry.event == "ready"]


def _gone(pid: int) -> bool:
    return not alive(pid)


def _end(pid: int, journal: str) -> None:
    """kill -9, if it still is the process that writes this journal."""
    try:
        if journal in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return  # as it should be


def _configuration(campaign: Campaign) -> dict[str, object]:
    return {
        "database": {"url": campaign.outside.url},
        "http": {"host": "127.0.0.1", "port": free_port()},
        "jobs": {
            "enabled": True,
            "processes": PROCESSES,
            "workers": WORKERS,
            "lease": "1s",
            "poll_interval": 0.2,
            "max_crashes": 1000,
            "shutdown_timeout": f"{SHUTDOWN}s",
        },
        "handlers": ["tests.faults.handlers"],
    }
