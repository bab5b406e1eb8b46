"""Schedulers as processes, under a clock that stands in the database: stopped, continued and killed at any moment."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conformance.scheduler import victim
from tests.conformance.scheduler.rig import START, Rig

ROOT = Path(__file__).resolve().parents[3]


@asynccontextmanager
async def schedulers(url: str, count: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    running = [await start(url) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def start(url: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", victim.__name__, url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.fixture(params=["postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Of each kind that several processes may share."""
    url: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return url


@pytest.mark.parametrize("count", [2, 3])
async def test_each_time_exactly_once(count: int, rig: Rig) -> None:
    dice = random.Random(count)
    kind = "timestamptz" if rig.database.dialect == "postgresql" else "datetime(6)"
    await rig.sql(f"CREATE TABLE test_clock (now {kind})")
    await rig.sql("INSERT INTO test_clock VALUES (:now)", now=rig.now)
    jobs = [await rig.add(f"j{number}", cronexpression="* * * * *", misfire="all") for number in range(20)]
    await rig.add("skipping", cronexpression="* * * * *", misfire="skip")
    async with schedulers(rig.url, count) as running:
        for _ in range(25):
            await pass_time(rig, dice.choice([1, 1, 1, 4]))
            await disturb(running, rig.url, dice)
            await asyncio.sleep(dice.random() * 0.05)  # the moment at which it hits is the point
        for process in running:
            os.kill(process.pid, signal.SIGCONT)
        await pass_time(rig, 1)
        async with asyncio.timeout(60):
            # Other processes write, and tell nobody: there is no event to wait for.
            while await rig.sql("SELECT id FROM jobs WHERE nextrunat <= (SELECT now FROM test_clock)"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    minutes = round((rig.now - START) / timedelta(minutes=1))
    expected = [f"{START + timedelta(minutes=minute + 1):%m-%d %H:%M}" for minute in range(minutes)]
    for job in jobs:
        assert await rig.times(job) == expected
    skipped = await rig.times("skipping")
    assert len(skipped) == len(set(skipped)) <= minutes


async def pass_time(rig: Rig, minutes: int) -> None:
    rig.now += timedelta(minutes=minutes)
    await rig.sql("UPDATE test_clock SET now = :now", now=rig.now)


async def disturb(running: list[asyncio.subprocess.Process], url: str, dice: random.Random) -> None:
    at = dice.randrange(len(running))
    match dice.choice(["stop", "stop", "go on", "kill"]):
        case "stop":
            os.kill(running[at].pid, signal.SIGSTOP)
        case "go on":
            for process in running:
                os.kill(process.pid, signal.SIGCONT)
        case _:
            running[at].kill()
            await running[at].wait()
            running[at] = await start(url)
