"""kill -9 in each task of a five-task run: what has finished is never repeated, the rest is done, once.

One run suffers all of them: its hub is killed at every place of every task, and started again each time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.migrator import migrate
from hub.db.settings import DatabaseSettings
from hub.scheduler.control import Control
from tests.faults.points import Journal
from tests.faults.recovery_victim import Place
from tests.faults.scale import wanted_jobs

PATIENCE = 60.0
TASKS = ("one", "two", "three", "four", "five")
PLACES = tuple(Place) if wanted_jobs(0) else None
"""The long form kills at all of them in each task, the short one at one of two in turns: a life of a hub takes
seconds."""
CRASHES = 2 if PLACES is None else 1000
"""What a job may survive: the default where each task is killed once, out of reach where it is at every place."""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return found


async def until(met: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                if await met():
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what) from None


class Run:
    """One run of five tasks, and the hubs that work on it, one after another."""

    def __init__(self, url: str, folder: Path, *, apart: bool = False) -> None:
        self.url = url
        self.folder = folder
        self.journal = Journal(folder / "journal")
        self.violations: list[str] = []
        self._apart = ["--apart"] if apart else []
        self._environ = {**os.environ, "DATABASE_URL": url}
        self._read = 0
        self.file = folder / "configuration.json"
        self.configure(crashes=CRASHES, max_attempts=1000)
        self.database = open_database(url, DatabaseSettings(exclusive=False, application_name="test"))

    def configure(self, *, crashes: int = 1000, **recovery: Any) -> None:
        jobs = {"enabled": True, "workers": 4, "lease": "500ms", "poll_interval": "100ms", "max_crashes": crashes}
        document = {
            "database": {"url": self.url},
            "jobs": {**jobs, "recovery": {"check_interval": "200ms", **recovery}},
            "handlers": ["tests.faults.recovery_victim"],
        }
        self.file.write_text(json.dumps(document))

    async def begin(self) -> None:
        await migrate(self.url)
        await self.database.start()
        await self.sql("CREATE TABLE task_effects (task varchar(50) NOT NULL)")
        payload = json.dumps({"tasks": [{"name": each, "handler": "faults.task", "payload": each} for each in TASKS]})
        await self.sql(
            "INSERT INTO jobs (id, name, handler, intervalseconds, payload) "
            "VALUES ('run', 'run', 'system.tasks', 3600, :payload)",
            payload=payload,
        )
        await self.fire()

    async def fire(self) -> None:
        await Control(self.database, SystemClock()).run("run", actor="tests")

    async def kill_in(self, task: str, place: Place) -> None:
        """Work until the trap has killed the hub there; note what begins though it had finished."""
        finished = await self.finished()
        victim = self._start("--place", place, "--task", task)
        await self._ended(victim)
        self._look(finished)
        if victim.returncode != -signal.SIGKILL:
            raise AssertionError(f"{task}, {place}: ended with {victim.returncode}\n{self.log()}")
        if self.journal.read()[-1].event != f"landed {place} {task}":
            raise AssertionError(f"killed elsewhere: {self.journal.read()[-3:]}")

    async def complete(self) -> None:
        """Work undisturbed to the end."""
        finished = await self.finished()
        victim = self._start()
        try:
            await until(self._over, "the run does not end")
        finally:
            victim.terminate()
            await self._ended(victim)
        self._look(finished)

    async def progress(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (await self.sql("SELECT interval_progress FROM jobs WHERE id = 'run'"))[0][0]
        )
        return found

    async def finished(self) -> set[str]:
        (row,) = await self.sql("SELECT interval_progress FROM jobs WHERE id = 'run'")
        tasks = json.loads(row[0])["tasks"] if row[0] else []
        return {task["name"] for task in tasks if task["status"] == "completed"}

    async def effects(self) -> list[str]:
        return sorted(row[0] for row in await self.sql("SELECT task FROM task_effects"))

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            answer = await connection.execute(text(statement), parameters)
            return list(answer) if answer.returns_rows else []

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    async def _over(self) -> bool:
        (row,) = await self.sql("SELECT current_interval_id, interval_progress FROM jobs WHERE id = 'run'")
        return (
            row[0] is None
            and row[1] is not None
            and not await self.sql("SELECT 1 FROM queue_jobs WHERE statusid IN (0, 1, 2, 5)")
        )

    def _look(self, finished: set[str]) -> None:
        entries = self.journal.read()
        new, self._read = entries[self._read :], len(entries)
        for entry in new:
            word, _, task = entry.event.partition(" ")
            if word == "began" and task in finished:
                self.violations.append(f"{task} was finished, and was run again")

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.faults.recovery_victim", "--hub", str(self.file), "--journal",
                 str(self.journal.path), *self._apart, *options],
                env=self._environ, stdout=log, stderr=log,
            )  # fmt: skip

    async def _ended(self, victim: subprocess.Popen[bytes]) -> None:
        try:
            await asyncio.to_thread(victim.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            victim.kill()
            victim.wait()
            raise AssertionError(f"the hub goes on: {self.journal.read()[-3:]}\n{self.log()[-6000:]}") from None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir()
    return made


@pytest.fixture
async def run(url: str, folder: Path) -> AsyncIterator[Run]:
    made = Run(url, folder)
    await made.begin()
    yield made
    await made.database.stop()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_kill_9_in_each_task_repeats_nothing_finished_and_loses_nothing(run: Run) -> None:
    turns = itertools.cycle([Place.WRITTEN, Place.COMMITTED])
    for task in TASKS:
        for place in PLACES or [next(turns)]:
            await run.kill_in(task, place)
    await run.complete()
    assert run.violations == []
    assert await run.effects() == sorted(TASKS)
    progress = await run.progress()
    assert [(task["status"], task["result"]) for task in progress["tasks"]] == [
        ("completed", f"result of {name}") for name in TASKS
    ]
    histories = await run.sql("SELECT jobid FROM job_histories WHERE statusid = 3")
    assert len(histories) == len(TASKS) + 1
    for line in ("Starting recovery check on startup...", "Found 1 jobs with incomplete intervals",
                 "Scheduled recovery for job run, interval ", "Processing recovery task: "):  # fmt: skip
        assert line in run.log()


@pytest.mark.slow
async def test_a_run_that_always_dies_is_given_up_and_the_next_starts_afresh(postgres_url: str, folder: Path) -> None:
    run = Run(postgres_url, folder)
    run.configure(max_attempts=2)
    await run.begin()
    try:
        for _ in range(3):
            await run.kill_in("two", Place.EFFECT)
        victim = run._start()
        try:
            await until(run._over, "the run is not given up")
            progress = await run.progress()
            assert progress["status"] == "failed"
            assert progress["error"].endswith("was given up after 2 recovery attempts")
            assert [task["status"] for task in progress["tasks"]] == ["completed", *["cancelled"] * 4]
            assert await run.effects() == ["one"]
            await run.fire()

            async def afresh() -> bool:
                return len(await run.effects()) == 6

            await until(afresh, "the next run does not start")
        finally:
            victim.terminate()
            await run._ended(victim)
        assert "Recovery failed for job run: interval " in run.log()
    finally:
        await run.database.stop()


@pytest.mark.slow
async def test_control_progress_outside_of_the_transaction_is_found(postgres_url: str, folder: Path) -> None:
    run = Run(postgres_url, folder, apart=True)
    await run.begin()
    try:
        await run.kill_in("one", Place.WRITTEN)
        assert await run.finished() == {"one"}
        assert await run.effects() == []
        await run.complete()
        assert run.violations == ["one was finished, and was run again"]
    finally:
        await run.database.stop()
