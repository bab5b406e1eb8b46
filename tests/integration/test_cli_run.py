"""`hub run` as a process: it starts, it says why it does not, it drains, it ends at once when told twice."""

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.integration.cli_project import ROOT, CliProject, Running

HANDLERS = """
import asyncio, gc, sys, time
from hub import Job, handler

def say(text):
    print(text, file=sys.stderr, flush=True)

@handler("cli.slow")
async def slow(seconds: float) -> str:
    say("begun")
    await asyncio.sleep(seconds)
    return "done"

@handler("cli.blocks")
async def blocks(seconds: float) -> None:
    say("begun")
    time.sleep(seconds)

CATALOGUE = [[number] for number in range(100_000)]

@handler("cli.searched", timeout=20)
async def searched() -> None:
    while not gc.get_freeze_count():
        await asyncio.sleep(0.01)
    say(f"searched={len(gc.get_objects())}")

@handler("cli.echo")
async def echo(number: int) -> int:
    return number
"""


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> CliProject:
    made = CliProject(tmp_path, sqlite_url)
    made.handlers(HANDLERS)
    made.ok("migrate")
    return made


Starter = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(project: CliProject) -> AsyncIterator[Starter]:
    """Starts `hub run`; whatever still runs at the end of the test is killed."""
    started: list[Running] = []

    async def run(*arguments: str, on: CliProject = project, **variables: str) -> Running:
        started.append(await on.start("run", *arguments, **variables))
        return started[-1]

    yield run
    for each in started:
        await each.kill()


# --- life --------------------------------------------------------------------------------------------------------


async def test_a_reload_that_comes_too_early_does_not_end_it(project: CliProject, start: Starter) -> None:
    project.handlers("import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\n" + HANDLERS)
    running = await start()
    await running.until("ready")
    running.process.terminate()
    assert await running.ended() == 0


async def test_it_tells_what_it_is_and_answers(start: Starter) -> None:
    running = await start()
    ready = await running.until("ready")
    said = "\n".join(running.said)
    for word in ("configuration", "database", "roles", "workers", "handlers", "instance"):
        assert word in said
    address = ready.partition("listening=")[2].split()[0]
    async with aiohttp.ClientSession() as session, session.get(f"{address}/health") as answer:
        assert (await answer.json())["status"] == "ok"
    running.process.terminate()
    assert await running.ended() == 0
    assert "stopped" in running.said[-1]


async def test_in_json_every_line_is_an_object(project: CliProject, start: Starter) -> None:
    project.configure(log={"format": "json"})
    running = await start()
    await running.until('"ready"')
    running.process.terminate()
    assert await running.ended() == 0
    events = [json.loads(line)["event"] for line in running.said]
    assert events[0] == "starting"
    assert events[-2:] == ["stopping", "stopped"]


async def test_jobs_of_other_processes_are_run_and_followed(project: CliProject, start: Starter) -> None:
    running = await start()
    await running.until("ready")
    tail = await project.start("jobs", "tail", "--json", "--handler", "cli.echo")
    try:
        enqueued = [project.process("enqueue", "cli.echo", str(n), "--config", str(project.file)) for n in range(3)]
        ids = [done.stdout.strip() for done in enqueued]
        assert tail.process.stdout is not None
        async with asyncio.timeout(30):
            ends = [json.loads(await tail.process.stdout.readline()) for _ in ids]
        assert [end["jobid"] for end in ends] == ids
        assert {end["statusid"] for end in ends} == {3}
        tail.process.send_signal(signal.SIGINT)
        assert await tail.ended() == 130
        assert tail.said == []
    finally:
        await tail.kill()


async def test_an_attempt_whose_end_is_no_time_does_not_end_the_tail(project: CliProject, sqlite_url: str) -> None:
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("INSERT INTO queue_jobs (id, handler, statusid) VALUES ('j', 'cli.echo', 3)")
        connection.executemany(
            "INSERT INTO job_histories (id, jobid, statusid, startedat, completedat) VALUES (?, 'j', 3, ?, ?)",
            [("bad", "2026-03-01 12:00", "soon"), ("good", "2026-03-01 12:00", "2026-03-01 12:01")],
        )
    tail = await project.start("jobs", "tail", "--json")
    try:
        assert tail.process.stdout is not None
        async with asyncio.timeout(30):
            end = json.loads(await tail.process.stdout.readline())
        assert (end["id"], end["completedat"]) == ("good", "2026-03-01T12:01:00Z")
        tail.process.send_signal(signal.SIGINT)
        assert await tail.ended() == 130
    finally:
        await tail.kill()


async def test_the_status_is_that_of_the_running_hub(project: CliProject, start: Starter) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    project.configure(http={"port": port})
    running = await start()
    await running.until("ready")
    seen = project.json("status")
    assert seen["health"]["status"] == "ok"
    assert seen["health"]["address"] == f"http://127.0.0.1:{port}"
    assert "ok" in project.ok("status")


async def test_only_some_roles_and_queues(project: CliProject, start: Starter) -> None:
    project.configure(jobs={"queues": {"fast": 2, "slow": 2}})
    for queue in ("fast", "slow"):
        project.ok("enqueue", "cli.slow", "0", "--queue", queue)
    running = await start("--only", "worker", "--queues", "fast")
    await running.until("begun")
    ready = next(line for line in running.said if "ready" in line)
    assert "listening=None" in ready
    running.process.terminate()
    assert await running.ended() == 0
    jobs = {job["queue"]: job["status"] for job in project.json("jobs", "list")["data"]}
    assert jobs == {"fast": "completed", "slow": "pending"}


async def test_what_is_there_from_the_start_is_not_searched_for_garbage_again(
    project: CliProject, start: Starter
) -> None:
    """A catalogue that the handlers hold would stop every job, time and again, for as long as it is large."""
    running = await start()
    await running.until("ready")
    project.ok("enqueue", "cli.searched")
    said = await running.until("searched=")
    assert int(said.partition("searched=")[2]) < 100_000


# --- the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains(project: CliProject, start: Starter, number: signal.Signals) -> None:
    await drained(project, start, number)


@pytest.mark.postgres
async def test_a_signal_drains_on_postgresql(tmp_path: Path, postgres_url: str, start: Starter) -> None:
    (folder := tmp_path / "postgresql").mkdir()
    project = CliProject(folder, postgres_url)
    project.handlers(HANDLERS)
    project.ok("migrate")
    await drained(project, start, signal.SIGTERM)


async def drained(project: CliProject, start: Starter, number: signal.Signals) -> None:
    """One job runs and four wait when the signal comes: the one ends, the four are there for others."""
    project.configure(jobs={"workers": 1})
    for _ in range(5):
        project.ok("enqueue", "cli.slow", "0.5")
    running = await start(on=project)
    await running.until("begun")
    running.process.send_signal(number)
    assert await running.ended() == 0
    assert "begun" not in running.said[running.said.index("begun") + 1 :]
    jobs = project.json("jobs", "list")["data"]
    assert Counter(job["status"] == "completed" for job in jobs) == {True: 1, False: 4}
    assert {job["status"] for job in jobs} <= {"completed", "pending", "queued"}
    assert [job["leaseuntil"] for job in jobs] == [None] * 5


async def test_what_takes_longer_than_the_shutdown_is_given_back(project: CliProject, start: Starter) -> None:
    project.configure(jobs={"shutdown_timeout": "300ms"})
    job_id = project.ok("enqueue", "cli.slow", "60").strip()
    running = await start()
    await running.until("begun")
    running.process.terminate()
    assert await running.ended(timeout=30) == 0
    job = project.json("jobs", "show", job_id)
    assert (job["status"], job["retrycount"], job["histories"]) == ("queued", 0, [])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_second_signal_ends_it_at_once(
    project: CliProject, start: Starter, number: signal.Signals, code: int
) -> None:
    job_id = project.ok("enqueue", "cli.slow", "60").strip()
    running = await start()
    await running.until("begun")
    running.process.send_signal(number)
    await running.until("stopping")
    running.process.send_signal(number)
    assert await running.ended(timeout=20) == code
    assert "ended at once" in running.said[-1]
    assert project.json("jobs", "show", job_id)["status"] == "processing"  # until its lease expires


async def test_a_blocked_event_loop_does_not_keep_it_alive(project: CliProject, start: Starter) -> None:
    project.ok("enqueue", "cli.blocks", "60")
    running = await start()
    await running.until("begun")
    async with asyncio.timeout(30):
        while running.process.returncode is None:  # a blocked process cannot say that it has heard the first one
            running.process.send_signal(signal.SIGINT)
            await asyncio.wait([asyncio.create_task(running.process.wait())], timeout=0.1)
    assert await running.ended() == 130
    assert "ended at once" in running.said[-1]


@pytest.mark.postgres
async def test_a_signal_while_it_starts_ends_it(tmp_path: Path, postgres_url: str, start: Starter) -> None:
    (folder := tmp_path / "waiting").mkdir()
    project = CliProject(folder, postgres_url)
    connection = await asyncpg.connect(postgres_url)
    try:
        # What a migration that takes its time looks like to the second hub.
        await connection.execute("BEGIN; SELECT pg_advisory_xact_lock(7521962890311)")
        running = await start(on=project)
        await running.until("python")
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ):
            assert running.process.returncode is None
            await asyncio.sleep(0.01)
        running.process.terminate()
        assert await running.ended(timeout=30) == 0
        assert "stopped" in running.said[-1]
    finally:
        await connection.close()


# --- what keeps it from starting -----------------------------------------------------------------------------------


async def test_a_second_hub_on_one_file_is_refused_and_commands_are_not(project: CliProject, start: Starter) -> None:
    first = await start()
    await first.until("ready")
    second = await start()
    assert await second.ended() == 1
    said = "\n".join(second.said)
    assert f"process {first.process.pid} runs a hub on" in said
    assert "Traceback" not in said
    assert project.json("jobs", "list") == {"data": [], "next": None}


async def test_a_port_in_use_is_told_with_the_remedy(project: CliProject, start: Starter) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        project.configure(http={"port": taken.getsockname()[1]})
        running = await start()
        assert await running.ended() == 1
    said = "\n".join(running.said)
    assert str(project.document["http"]["port"]) in said
    assert "http.port" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "variables", "code", "said"),
    [
        ([], {"DATABASE_URL": "postgresql://hub:s3cret@127.0.0.1:1/hub"}, 1, "DATABASE_URL"),
        ([], {"DATABASE_URL": "oracle://x/y"}, 2, "DATABASE_URL"),
        ([], {"MAX_WORKERS": "many"}, 2, "environment MAX_WORKERS: expected a whole number"),
        (["--only", "wroker"], {}, 2, 'did you mean "worker"?'),
        (["--queues", "defualt"], {}, 2, 'did you mean "default"?'),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_a_few_lines(
    project: CliProject, words: list[str], variables: dict[str, str], code: int, said: str
) -> None:
    done = project.process("run", "--config", str(project.file), *words, **variables)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_faults_and_handlers_are_told_with_exit_code_2(project: CliProject) -> None:
    project.configure(handlers=["no_such_module"])
    unknown = project.process("run", "--config", str(project.file))
    assert unknown.returncode == 2
    assert "no module 'no_such_module'" in unknown.stderr
    project.configure(jobs={"wrkers": 1}, http={"port": "eighty"})
    faulty = project.process("run", "--config", str(project.file))
    assert faulty.returncode == 2
    assert "2 faults in the configuration" in faulty.stderr
    assert 'did you mean "workers"?' in faulty.stderr
    debug = project.process("run", "--config", str(project.file), "--debug")
    assert debug.returncode == 2
    assert "Traceback" in debug.stderr


# --- entries -----------------------------------------------------------------------------------------------------


def test_python_m_hub_is_an_entry(project: CliProject) -> None:
    done = project.process("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "hub")


def test_the_package_hides_no_module_of_the_standard_library(project: CliProject) -> None:
    program = "import hub.cli.main, hub.app, queue; print(queue.Queue.__module__, queue.__file__)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=project.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "hub" not in Path(done.stdout.split()[1]).parts


def test_the_module_of_the_command_is_no_script(project: CliProject) -> None:
    command = [sys.executable, str(ROOT / "hub" / "cli" / "main.py"), "schema"]
    done = subprocess.run(command, env=project.environment(), capture_output=True, text=True, timeout=60)
    assert done.stdout == ""


@pytest.mark.parametrize("file", ["hub/__main__.py", "hub/app.py"])
def test_a_file_of_the_package_is_no_entry(project: CliProject, file: str) -> None:
    # Run as a script its folder comes first on the path, where hub/queue would be the module `queue`.
    environment = project.environment()
    del environment["PYTHONPATH"]
    command = [sys.executable, "-c", "import sys, runpy; sys.path[0] = sys.argv[1]; import queue; queue.Queue"]
    shadowed = subprocess.run(
        [*command, str((ROOT / file).parent)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert shadowed.returncode != 0
    assert "has no attribute 'Queue'" in shadowed.stderr
