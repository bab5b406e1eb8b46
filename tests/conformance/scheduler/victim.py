"""A process that runs a scheduler whose time stands in the table `test_clock`: `python -m … URL`."""

import asyncio
import sys
from collections.abc import Iterable
from datetime import datetime

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.probe import open_probe
from hub.db.statement import compile_statement
from hub.scheduler.definition import instant
from hub.scheduler.scheduler import Scheduler, SchedulerSettings

CLOCK = "SELECT now FROM test_clock"


async def run(url: str) -> None:
    database = open_database(url)
    await database.start()
    clock = compile_statement("clock", CLOCK, positional=database.dialect == "postgresql")

    async def now() -> datetime:
        at = instant((await database.read(clock))[0]["now"])
        assert at is not None
        return at

    def woken(_: Iterable[str]) -> None:
        """Nobody works here."""

    scheduler = Scheduler(database, open_probe(url), woken, SystemClock(), SchedulerSettings(check_interval=0.01), now)
    await scheduler.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
