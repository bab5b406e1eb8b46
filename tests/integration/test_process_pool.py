"""Handlers in processes of their own: what they get, what they may do, and what becomes of the job when they die."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub import Job, handler
from hub.handlers.pool import ProcessPool
from hub.handlers.registry import HandlersInvalid, Registry
from hub.testing import HubHarness, running_hub
from tests.integration import pool_handlers
from tests.unit.handlers.conftest import Hub as Bench

PATIENCE = 45.0


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[HubHarness]:
    async with running_hub(
        handlers=[pool_handlers], database=sqlite_url, configuration={"jobs": {"process_pool": 2, "workers": 8}}
    ) as made:
        yield made


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(*pids: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while any(alive(pid) for pid in pids):  # noqa: ASYNC110 - processes of their own
            await asyncio.sleep(0.02)


async def pids_in(marker: Path) -> list[int]:
    async with asyncio.timeout(PATIENCE):
        while not marker.exists():  # noqa: ASYNC110 - made by another process
            await asyncio.sleep(0.02)
    return [int(word) for word in marker.read_text().split()]


async def test_it_gets_its_payload_typed_and_answers_from_another_process(hub: HubHarness) -> None:
    found = [await hub.outcome(await hub.enqueue("pool.area", {"side": n}), PATIENCE) for n in (3, 4)]
    assert [one.result["area"] for one in found] == [9, 16]
    pids = {one.result["pid"] for one in found}
    assert len(pids) == 1  # the child is used again
    assert os.getpid() not in pids
    assert hub.hub.registry.pool.children == list(pids)
    refused = await hub.outcome(await hub.enqueue("pool.area", {"side": "x"}), PATIENCE)
    assert (refused.status, "payload.side" in (refused.error or "")) == ("failed", True)


async def test_its_progress_and_what_it_sends_are_the_jobs(hub: HubHarness) -> None:
    told = await hub.outcome(await hub.enqueue("pool.tell"), PATIENCE)
    assert told.status == "completed"
    child = await hub.outcome(told.result, PATIENCE)
    assert child.result == {"from": told.id}
    assert [(one.to, one.topic) for one in told.outbound] == [("erp", "topic")]


@pytest.mark.parametrize(
    ("kind", "status", "attempts", "error"),
    [
        ("own", "failed", 1, "Broken: the door is broken"),
        ("local", "failed", 2, "HandlerRaised: Local: of nobody else"),
        ("half", "failed", 2, "ValueError: \\ud800"),
        ("bytes", "failed", 2, "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff"),
        ("permanent", "failed", 1, "Permanent: never"),
        ("retry", "completed", 2, None),
        ("exit", "failed", 2, "SystemExit: 3"),
        ("result", "failed", 1, "Permanent: the result of pool.raise cannot be kept"),
    ],
)
async def test_what_it_raises_counts_as_if_it_were_raised_here(
    hub: HubHarness, kind: str, status: str, attempts: int, error: str | None
) -> None:
    found = await hub.outcome(await hub.enqueue("pool.raise", kind), PATIENCE)
    assert found.status == status
    assert len(found.attempts) == attempts
    if error is not None:
        assert (found.error or "").startswith(error), found.error
    if kind in ("own", "local", "exit"):  # where, in the handler and not in the hub
        assert re.search(r'pool_handlers.py", line \d+, in raises\n    raise [^\n]+$', found.attempts[0].error or "")


async def test_a_snooze_is_one(hub: HubHarness) -> None:
    job = await hub.enqueue("pool.raise", "snooze")
    async with asyncio.timeout(PATIENCE):
        while (row := await hub.hub.records.job(job)) is None or row["scheduledat"] is None:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
    assert (row["status"], row["retrycount"]) == ("queued", 0)


@pytest.mark.parametrize(("how", "said"), [("exit", "exit code 7"), ("kill", "SIGKILL")])
async def test_a_child_that_dies_fails_its_attempt_alone(hub: HubHarness, how: str, said: str) -> None:
    beside = [await hub.enqueue("pool.spin", 200_000) for _ in range(6)]
    dying = await hub.enqueue("pool.die", how)
    found = await hub.outcome(dying, PATIENCE)
    assert (found.status, found.result) == ("completed", "alive")
    row = await hub.hub.records.job(dying)
    assert row is not None
    assert (row["retrycount"], row["crashcount"]) == (2, 0)
    first, second, last = [attempt.error or "" for attempt in found.attempts]
    assert first.startswith("ChildDied: the process that ran pool.die")
    assert said in first
    assert said in second
    assert last == ""
    for job in beside:
        other = await hub.hub.records.job(job)
        assert other is not None
        assert (await hub.outcome(job, PATIENCE)).status == "completed"
        assert other["retrycount"] == 0


async def test_a_job_that_always_kills_its_child_is_failed_when_its_retries_are_used_up(hub: HubHarness) -> None:
    found = await hub.outcome(await hub.enqueue("pool.die", "always"), PATIENCE)
    assert found.status == "failed"
    assert "SIGKILL" in (found.error or "")
    assert (await hub.outcome(await hub.enqueue("pool.spin", 3), PATIENCE)).result == 3


@pytest.mark.parametrize("how", ["timeout", "cancel"])
async def test_its_end_kills_the_child_and_what_that_has_started(hub: HubHarness, tmp_path: Path, how: str) -> None:
    payload = {"marker": str(tmp_path / "marker"), "seconds": "60"}
    job = await hub.enqueue("pool.sleep", payload, **({"timeout": 3} if how == "timeout" else {}))
    pids = await pids_in(tmp_path / "marker")
    if how == "cancel":
        await hub.hub.engine.cancel(job, reason="enough", actor="test")
    found = await hub.outcome(job, PATIENCE)
    assert found.status == ("failed" if how == "timeout" else "cancelled")
    await gone(*pids)
    assert (await hub.outcome(await hub.enqueue("pool.spin", 3), PATIENCE)).result == 3


async def test_the_hubs_end_leaves_no_process_behind(sqlite_url: str, tmp_path: Path) -> None:
    configuration = {"jobs": {"shutdown_timeout": 0.2}}
    async with running_hub(handlers=[pool_handlers], database=sqlite_url, configuration=configuration) as hub:
        job = await hub.enqueue("pool.sleep", {"marker": str(tmp_path / "marker"), "seconds": "60"})
        pids = await pids_in(tmp_path / "marker")
    await gone(*pids)
    async with running_hub(database=sqlite_url, configuration={"jobs": {"enabled": False}}) as hub:
        row = await hub.hub.records.job(job)
        assert row is not None
        assert (row["status"], row["retrycount"]) == ("queued", 0)


# --- the pool itself -------------------------------------------------------------------------------------------------


@pytest.fixture
def bench() -> Bench:
    return Bench(None)


async def test_no_more_children_than_its_size(bench: Bench) -> None:
    pool = ProcessPool(2)
    try:
        calls = [pool.run(pool_handlers.__name__, "spin", bench.job("1000")) for _ in range(12)]
        assert await asyncio.gather(*calls) == [499500] * 12
        assert len(pool.children) == 2
    finally:
        await pool.stop()
    assert pool.children == []


async def test_an_idle_child_ends_and_one_that_died_idle_is_replaced(bench: Bench) -> None:
    pool = ProcessPool(1, idle=0.2)
    try:
        assert await pool.run(pool_handlers.__name__, "spin", bench.job("3")) == 3
        [first] = pool.children
        await gone(first)
        assert pool.children == []
        first = await pool.run(pool_handlers.__name__, "area", bench.job('{"side": 1}'))
        os.kill(first["pid"], signal.SIGKILL)
        second = await pool.run(pool_handlers.__name__, "area", bench.job('{"side": 1}'))
        assert first["pid"] != second["pid"]
    finally:
        await pool.stop()


async def test_a_child_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio
from hub.handlers.pool import ProcessPool
from tests.integration import pool_handlers
from tests.unit.handlers.conftest import Hub
asyncio.run(ProcessPool(1).run(pool_handlers.__name__, "sleep", Hub(None).job(
    '{{"marker": "{tmp_path / "marker"}", "seconds": "60"}}')))
"""
    parent = await asyncio.create_subprocess_exec("python", "-c", program, env=_environment())
    pids = await pids_in(tmp_path / "marker")
    parent.kill()
    await parent.wait()
    await gone(pids[0])
    os.kill(pids[1], signal.SIGKILL)


def _environment() -> dict[str, str]:
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[2])}


def test_what_cannot_be_run_in_a_child_is_said_at_the_start() -> None:
    @handler("local", process=True)
    def local() -> None: ...

    @handler("awaits", process=True)
    async def awaits() -> None: ...

    def wants_db(job: Job) -> None: ...

    with pytest.raises(HandlersInvalid) as caught:
        Registry().add(local, awaits, handler("db", process=True)(wants_db))
    said: Any = caught.value.faults
    assert [word in fault for word, fault in zip(("at the top", "plain function", "ProcessJob"), said, strict=True)]
    with pytest.raises(HandlersInvalid, match="no transaction"):
        handler("x", process=True, batch=5)
