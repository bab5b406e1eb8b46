"""`jobs.processes` above 1: processes that share the work, die, are started again, and end together."""

import asyncio
import json
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.settings import DatabaseSettings
from hub.ports import Database
from tests.integration.cli_project import CliProject, Running

HANDLERS = """
import asyncio, os, sys, time
from sqlalchemy import text
from hub import Job, SyncJob, handler

EFFECT = text("INSERT INTO effects (msg, pid) VALUES (:msg, :pid)")

@handler("load.async")
async def effect(number: int, job: Job) -> None:
    await job.db.execute(EFFECT, {"msg": number, "pid": os.getpid()})
    await asyncio.sleep(0.005)

@handler("load.sync")
def effect_in_a_thread(number: int, job: SyncJob) -> None:
    job.db.execute(EFFECT, {"msg": number, "pid": os.getpid()})

@handler("load.blocking")
async def blocking(seconds: float) -> None:
    time.sleep(seconds)

@handler("load.slow")
async def slow(seconds: float, job: Job) -> int:
    await job.db.execute(EFFECT, {"msg": -1, "pid": os.getpid()})
    print("begun", file=sys.stderr, flush=True)
    await asyncio.sleep(seconds)
    return os.getpid()
"""
PROCESSES = 2
Starter = Callable[..., Awaitable[Running]]


class Watched(Running):
    """`hub run` with several processes, its log read all the while."""

    def __init__(self, running: Running) -> None:
        super().__init__(running.process)
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(line.decode(errors="replace").rstrip("\n"))
            self._more.set()

    async def lines(self, count: int, *texts: str, timeout: float = 40.0) -> list[str]:
        """The lines with all of these texts, once there are so many."""
        try:
            async with asyncio.timeout(timeout):
                while len(found := [one for one in self.said if all(text in one for text in texts)]) < count:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{texts} not {count} times in {timeout} s; {self._account()}") from None
        return found

    async def ended(self, timeout: float = 40.0) -> int:
        async with asyncio.timeout(timeout):
            await self._reading
            return await self.process.wait()


class Rows:
    """The database, seen from outside."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, sql: str, **parameters: Any) -> list[Any]:
        async with self._database.transaction() as connection:
            answer = await connection.execute(text(sql), parameters)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def value(self, sql: str, **parameters: Any) -> Any:
        [row] = await self.fetch(sql, **parameters)
        [value] = row.values()
        return value


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """PostgreSQL's, unless a test names another."""
    found: str = request.getfixturevalue(getattr(request, "param", "postgres_url"))
    return found


@pytest.fixture
def project(tmp_path: Path, url: str) -> CliProject:
    made = CliProject(tmp_path, url)
    made.handlers(HANDLERS)
    made.configure(
        jobs={"processes": PROCESSES, "lease": "2s", "enable_metrics": True, "shutdown_timeout": "10s"},
        database={"url": url, "pool": 4},
    )
    made.ok("migrate")
    return made


@pytest.fixture
async def database(url: str, project: CliProject) -> AsyncIterator[Rows]:
    opened = open_database(url, DatabaseSettings(pool=1, exclusive=False), SystemClock())
    await opened.start()
    rows = Rows(opened)
    await rows.fetch("CREATE TABLE effects (msg int, pid int)")
    yield rows
    await opened.stop()


@pytest.fixture
async def start(project: CliProject) -> AsyncIterator[Starter]:
    started: list[Watched] = []

    async def run(*arguments: str) -> Watched:
        started.append(Watched(await project.start("run", *arguments)))
        return started[-1]

    yield run
    for each in started:
        if each.process.returncode is None:
            each.process.terminate()
            await asyncio.sleep(0.2)
            if each.process.returncode is None:
                each.process.terminate()  # the second one ends them all at once
        async with asyncio.timeout(30):
            await each.process.wait()
            assert each.process.stdout is not None
            await each.process.stdout.read()  # to its end, which closes it


async def insert(database: Rows, first: int, last: int) -> None:
    kinds = ("load.async", "load.sync")
    jobs = ", ".join(f"('{kinds[number % 2]}', '{number}')" for number in range(first, last + 1))
    await database.fetch(f"INSERT INTO queue_jobs (handler, payload) VALUES {jobs}")


async def unsettled(database: Rows) -> int:
    count: int = await database.value("SELECT count(*) AS n FROM queue_jobs WHERE statusid NOT IN (3, 4, 6)")
    return count


async def settled(database: Rows, timeout: float = 60.0) -> None:
    async with asyncio.timeout(timeout):
        while await unsettled(database):  # noqa: ASYNC110 - rows of other processes
            await asyncio.sleep(0.05)


async def health(address: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{address}/health") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def until(met: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(30):
            while not await met():  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what) from None


def address_in(ready: list[str]) -> str:
    [place] = [word for line in ready for word in line.split() if word.startswith("listening=http")]
    return place.partition("=")[2]


async def test_they_share_the_work_one_port_and_one_account(
    database: Rows, start: Starter, project: CliProject
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        project.configure(http={"port": probe.getsockname()[1]})
    running = await start()
    ready = await running.lines(PROCESSES, "ready", "instance=")
    assert sorted(line.rpartition("process=")[2][0] for line in ready) == ["0", "1"]
    address = address_in(ready)
    await insert(database, 1, 3000)
    await settled(database)
    shares = await database.fetch(
        "SELECT pid, count(*) AS n, count(DISTINCT msg) AS each_once FROM effects GROUP BY pid"
    )
    assert len(shares) == PROCESSES
    assert sum(share["n"] for share in shares) == sum(share["each_once"] for share in shares) == 3000

    async def all_told() -> bool:
        seen = await health(address)
        return [one["state"] for one in seen.get("processes", [])] == ["running"] * PROCESSES

    await until(all_told, "/health never showed every process as running")
    processes = (await health(address))["processes"]
    assert {one["pid"] for one in processes} == {share["pid"] for share in shares}
    assert [one["restarts"] for one in processes] == [0] * PROCESSES
    shown = await asyncio.to_thread(project.ok, "status")
    assert all(str(one["pid"]) in shown for one in processes)

    async def counted() -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/metrics") as answer:
            shown = await answer.text()
        ended = [line for line in shown.splitlines() if line.startswith("hub_attempts_total{")]
        assert shown.count("# TYPE hub_attempts_total counter") == 1
        named = {number for number in "01" for line in ended if f'process="{number}"' in line}
        return len(named) == PROCESSES and sum(float(line.split()[-1]) for line in ended) == 3000

    await until(counted, "/metrics never counted the attempts of every process")


@pytest.mark.slow
@pytest.mark.parametrize("url", ["postgres_url", "mariadb_url"], indirect=True)
async def test_a_process_that_is_killed_loses_and_doubles_nothing(database: Rows, start: Starter) -> None:
    running = await start()
    address = address_in(await running.lines(PROCESSES, "ready", "instance="))

    async def known() -> bool:
        return all(one["pid"] for one in (await health(address)).get("processes", [{"pid": None}]))

    await until(known, "/health never showed the processes")
    pids = {one["number"]: one["pid"] for one in (await health(address))["processes"]}
    for turn, number in enumerate((1, 1)):
        await insert(database, turn * 2000 + 1, turn * 2000 + 2000)

        async def holds(pid: int = pids[number]) -> bool:
            held = "SELECT count(*) AS n FROM queue_jobs WHERE statusid = 2 AND leaseowner LIKE :owner"
            return await unsettled(database) < 1800 and await database.value(held, owner=f"%:{pid}:%") > 0

        await until(holds, f"process {number} never worked")
        os.kill(pids[number], signal.SIGKILL)
        await running.lines(1, "a process has ended", f"process={number}", "SIGKILL")

        async def again(number: int = number) -> bool:
            one = (await health(address))["processes"][number]
            if one["state"] != "running" or one["pid"] == pids[number]:
                return False
            pids[number] = one["pid"]
            return True

        await until(again, f"process {number} was not started again")
    await settled(database)
    counts = Counter(row["msg"] for row in await database.fetch("SELECT msg FROM effects"))
    assert len(counts) == 4000
    assert set(counts.values()) == {1}
    assert await database.value("SELECT count(*) FROM queue_jobs WHERE statusid <> 3") == 0
    assert await database.value("SELECT count(*) FROM queue_jobs WHERE crashcount > 0") > 0
    restarts = {one["number"]: one["restarts"] for one in (await health(address))["processes"]}
    assert restarts == {0: 0, 1: 2}


@pytest.mark.slow
async def test_a_process_that_is_frozen_keeps_the_port_from_nobody(database: Rows, start: Starter) -> None:
    running = await start()
    address = address_in(await running.lines(PROCESSES, "ready", "instance="))

    async def known() -> bool:
        return all(one["pid"] for one in (await health(address)).get("processes", [{"pid": None}]))

    await until(known, "/health never showed the processes")
    frozen = (await health(address))["processes"][0]["pid"]
    os.kill(frozen, signal.SIGSTOP)
    await running.lines(1, "a process gives no sign of life and is killed", "process=0")
    await running.lines(1, "a process has ended", "process=0", "SIGKILL")
    await running.lines(PROCESSES + 1, "ready", "instance=")
    again = address_in((await running.lines(2, "ready", "listening=http"))[1:])
    assert (await health(again))["status"] == "ok"
    running.process.terminate()
    assert await running.ended() == 0


@pytest.mark.slow
async def test_a_process_whose_loop_is_blocked_lives(database: Rows, start: Starter) -> None:
    running = await start()
    await running.lines(PROCESSES, "ready", "instance=")
    await database.fetch("INSERT INTO queue_jobs (handler, payload) VALUES ('load.blocking', '12.5')")
    await settled(database)
    assert await database.value("SELECT statusid FROM queue_jobs") == 3
    assert not [line for line in running.said if "no sign of life" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
async def test_a_signal_drains_all_of_them(
    database: Rows, start: Starter, project: CliProject, number: signal.Signals
) -> None:
    project.configure(jobs={"workers": 1})
    running = await start()
    await running.lines(PROCESSES, "ready", "instance=")
    for _ in range(6):
        await database.fetch("INSERT INTO queue_jobs (handler, payload) VALUES ('load.slow', '3')")
    await running.lines(PROCESSES, "begun")
    running.process.send_signal(number)
    assert await running.ended() == 0
    rows = await database.fetch("SELECT statusid, result, leaseuntil, retrycount FROM queue_jobs")
    done = [row["result"] for row in rows if row["statusid"] == 3]
    assert len(done) == len(set(done)) == PROCESSES  # each ended what it had begun, and began nothing more
    assert {row["statusid"] for row in rows} <= {0, 1, 3}
    assert {row["leaseuntil"] for row in rows} == {None}
    assert await database.value("SELECT count(*) FROM effects") == PROCESSES
    assert len(await running.lines(PROCESSES, "  stopped  ")) == PROCESSES
    assert "every process has ended" in running.said[-1]


async def test_a_second_signal_ends_all_of_them_at_once(database: Rows, start: Starter, project: CliProject) -> None:
    project.configure(jobs={"workers": 1})
    running = await start()
    await running.lines(PROCESSES, "ready", "instance=")
    for _ in range(PROCESSES):
        await database.fetch("INSERT INTO queue_jobs (handler, payload) VALUES ('load.slow', '60')")
    await running.lines(PROCESSES, "begun")
    running.process.terminate()
    await running.lines(PROCESSES, "stopping")
    running.process.terminate()
    assert await running.ended(timeout=20) == 143
    assert await database.value("SELECT count(*) FROM queue_jobs WHERE statusid = 2") == PROCESSES


async def test_they_do_not_outlive_a_supervisor_that_is_killed(database: Rows, start: Starter) -> None:
    running = await start()
    await running.lines(PROCESSES, "ready", "instance=")
    running.process.kill()
    assert await running.ended() == -signal.SIGKILL  # which is once nobody has the log open any more
    assert len([line for line in running.said if "the supervisor has ended" in line]) == PROCESSES
    assert len([line for line in running.said if "  stopped  " in line]) == PROCESSES


async def test_an_edit_reaches_all_of_them_by_one_signal(database: Rows, start: Starter, project: CliProject) -> None:
    running = await start()
    await running.lines(PROCESSES, "ready", "instance=")
    project.configure(log={"level": "debug"})
    running.process.send_signal(signal.SIGHUP)
    await running.lines(PROCESSES, "the edit is in force")


async def test_what_keeps_the_first_from_starting_keeps_all(start: Starter, project: CliProject) -> None:
    project.configure(handlers=["no_such_module"])
    running = await start()
    assert await running.ended() == 2
    assert sum("no module 'no_such_module'" in line for line in running.said) == 1


async def test_json_lines_name_their_process(start: Starter, project: CliProject) -> None:
    project.configure(log={"format": "json"})
    running = await start()
    ready = [json.loads(line) for line in await running.lines(PROCESSES, '"event":"ready"')]
    assert sorted(line["process"] for line in ready) == [0, 1]


def test_sqlite_has_one_process(tmp_path: Path, sqlite_url: str) -> None:
    project = CliProject(tmp_path, sqlite_url)
    project.configure(jobs={"processes": 2})
    done = project.process("run", "--config", str(project.file))
    assert done.returncode == 2
    assert "jobs.processes" in done.stderr
    assert "SQLite takes one process for a file" in done.stderr
