"""kill -9 in each step of each example workflow: what has finished is never repeated, the rest is done, once.

One execution suffers all of them: its hub is killed at every place of every step, and started again each time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from examples.signup_partners import Partners
from hub.app import Hub
from hub.config import load
from hub.db.engine import open_database
from hub.db.migrator import migrate
from hub.db.settings import DatabaseSettings
from hub.ports import Database
from tests.faults.points import Journal
from tests.faults.scale import wanted_jobs
from tests.faults.workflow_victim import Place

PATIENCE = 60.0
PLACES = tuple(Place) if wanted_jobs(0) else None
"""The long form kills at all of them in each step; the short one at one of two in turns, on SQLite and PostgreSQL in
opposite ones: a life of a hub takes seconds."""
SIGNUP = {"email": "ada@example.com", "organization_name": "Acme Corp", "plan": "team"}
DRUG_TEST = {"employee_id": "emp_789", "supervisor_id": "sup_1", "test_type": "pre_employment", "rush_order": True}
EXAMPLES = {
    "signup": ("user_signup", SIGNUP, ("signup_users", "signup_organizations", "signup_subscriptions")),
    "drug_test": ("drug_test_order", DRUG_TEST, ("drug_test_orders", "drug_test_notices", "drug_test_notices")),
}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return found


@pytest.fixture
async def partners() -> AsyncIterator[tuple[Partners, str]]:
    """The simulated partners, who outlive every hub, and their address."""
    made = Partners()
    runner = web.AppRunner(made.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Run:
    """One execution of an example, and the hubs that run it, one after another."""

    def __init__(self, example: str, url: str, partners: str, folder: Path, *, apart: bool = False) -> None:
        self.type, self.context, self.tables = EXAMPLES[example]
        self.url = url
        self.folder = folder
        self.journal = Journal(folder / "journal")
        self.violations: list[str] = []
        self._environ = {**os.environ, "PARTNERS_URL": partners, "DATABASE_URL": url}
        self._apart = ["--apart"] if apart else []
        document = json.loads(Path(f"examples/{example}.json").read_text())
        document["jobs"] |= {"lease": "500ms", "poll_interval": "100ms", "max_crashes": 1000}
        document["http"] = {"port": 0}
        self.file = folder / "configuration.json"
        self.file.write_text(json.dumps(document))
        self.database: Database = open_database(url, DatabaseSettings(exclusive=False, application_name="test"))
        self.workflow_id = ""
        self._read = 0

    async def begin(self) -> None:
        await migrate(self.url)
        await self.database.start()
        # Another hub of the same configuration starts it, and runs nothing.
        hub = Hub(load(self.file, self._environ), roles=["api"])
        async with hub:
            self.workflow_id = await hub.start_workflow(self.type, self.context)
        self.steps = [step.name for step in hub.workflows.catalog.of(self.type).steps]

    async def kill_in(self, step: str, place: Place) -> None:
        """Run until the trap has killed the hub there; note what begins though it had finished."""
        finished = await self.finished()
        # The steps beside it, and behind it, would otherwise be through before it is their turn.
        later = self.steps[self.steps.index(step) + 1 :]
        victim = self._start("--place", place, "--step", step, "--hold", *later)
        await self._wait(victim, lambda: victim.poll() is not None)
        self._look(finished)
        if victim.returncode != -signal.SIGKILL:
            raise AssertionError(f"{step}, {place}: ended with {victim.returncode}\n{self._log()}")
        if self.journal.read()[-1].event != f"landed {place} {step}":
            raise AssertionError(f"killed elsewhere: {self.journal.read()[-3:]}")

    async def complete(self) -> None:
        """Run undisturbed to the end."""

        async def ended() -> bool:
            status = (await self._rows("SELECT status FROM workflow_executions"))[0][0]
            return status != "running" and not await self._rows(
                "SELECT 1 FROM queue_jobs WHERE statusid IN (0, 1, 2, 5)"
            )

        await self.run_until(ended)

    async def run_until(self, met: Callable[[], Awaitable[bool]]) -> None:
        """Run undisturbed until then; note what begins though it had finished."""
        finished = await self.finished()
        victim = self._start()
        try:
            async with asyncio.timeout(PATIENCE):
                while not await met():
                    if victim.poll() is not None:
                        raise AssertionError(self._log())
                    await asyncio.sleep(0.05)
        except TimeoutError:
            jobs = await self._rows("SELECT id, statusid, lasterror FROM queue_jobs")
            raise AssertionError(f"it does not end: {jobs}\n{self._log()}") from None
        finally:
            victim.terminate()
            await self._wait(victim, lambda: victim.poll() is not None)
        self._look(finished)

    async def finished(self) -> set[str]:
        rows = await self._rows("SELECT step_name FROM workflow_steps WHERE status = 'completed'")
        return {row[0] for row in rows}

    async def judge(self, made: Partners) -> list[str]:
        """Everything that is not as it should be in the end."""
        wrong = list(self.violations)
        status, context = (await self._rows("SELECT status, context FROM workflow_executions"))[0]
        if status != "completed":
            wrong.append(f"the workflow is {status}")
        if not {*self.context} < {*(context if isinstance(context, dict) else json.loads(context))}:
            wrong.append(f"the context lost something: {context}")
        ends = Counter(
            row[0].rpartition(":")[2] for row in await self._rows("SELECT jobid FROM job_histories WHERE statusid = 3")
        )
        wrong += [f"{step} completed {ends[step]} times" for step in self.steps if ends[step] != 1]
        expected = Counter(self.tables)
        for table, count in expected.items():
            found = (await self._rows(f"SELECT count(*) FROM {table}"))[0][0]
            if found != count:
                wrong.append(f"{found} rows in {table} instead of {count}")
        asked = {key.split(" ", 1)[1] for key in made.calls}
        if asked != set(made.made):
            wrong.append(f"the partners were asked with {asked}, and made {made.made}")
        return wrong

    async def close(self) -> None:
        await self.database.stop()

    def _look(self, finished: set[str]) -> None:
        entries = self.journal.read()
        new, self._read = entries[self._read :], len(entries)
        for entry in new:
            word, _, step = entry.event.partition(" ")
            if word == "began" and step in finished:
                self.violations.append(f"{step} was finished, and was run again")

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.faults.workflow_victim", "--hub", str(self.file), "--journal",
                 str(self.journal.path), *self._apart, *options],
                env=self._environ, stdout=log, stderr=log,
            )  # fmt: skip

    async def _wait(self, victim: subprocess.Popen[bytes], met: Any) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not met():  # noqa: ASYNC110 - a process tells nobody that it has ended
                    await asyncio.sleep(0.02)
        except TimeoutError:
            victim.kill()
            victim.wait()
            raise AssertionError(f"the hub goes on: {self.journal.read()[-3:]}\n{self._log()}") from None

    async def _rows(self, statement: str) -> list[Any]:
        async with self.database.transaction() as connection:
            return list(await connection.execute(text(statement)))

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-6000:]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("example", list(EXAMPLES))
async def test_kill_9_in_each_step_repeats_nothing_finished_and_loses_nothing(
    example: str, url: str, partners: tuple[Partners, str], folder: Path
) -> None:
    made, address = partners
    run = Run(example, url, address, folder)
    await run.begin()
    turns = itertools.cycle([Place.ADVANCED, Place.COMMITTED])
    if url.startswith("postgresql"):
        next(turns)
    try:
        for step in run.steps:
            for place in PLACES or [next(turns)]:
                await run.kill_in(step, place)
        await run.complete()
        assert await run.judge(made) == []
    finally:
        await run.close()


@pytest.mark.slow
async def test_control_progress_outside_of_the_transaction_is_found(
    postgres_url: str, partners: tuple[Partners, str], folder: Path
) -> None:
    _, address = partners
    run = Run("signup", postgres_url, address, folder, apart=True)
    await run.begin()
    try:
        await run.kill_in("create_user", Place.ADVANCED)

        async def begun_again() -> bool:
            return [entry.event for entry in run.journal.read()].count("began create_user") == 2

        await run.run_until(begun_again)
        assert run.violations == ["create_user was finished, and was run again"]
    finally:
        await run.close()
