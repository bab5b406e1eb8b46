"""Hubs that share a cache, and hubs that have none, on one database."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from sqlalchemy import text

from hub import Hub, handler
from hub.cache import CacheSettings, open_cache
from hub.config.load import build
from hub.errors import CacheUnavailable
from hub.locking import open_locks
from hub.model import Status
from tests.integration.cli_project import CliProject, Running
from tests.servers import MemcachedService, RedisService

HANDLERS = """
import asyncio, os, pathlib
from sqlalchemy import text
from hub import Job, handler

PRESENT = pathlib.Path("PLACE")

@handler("cache.note")
async def note(number: int, job: Job) -> None:
    (PRESENT / str(os.getpid())).touch()
    while len(list(PRESENT.iterdir())) < 2:  # one process cannot have done it all before the other looks
        await asyncio.sleep(0.01)
    await job.db.execute(text("INSERT INTO notes (number, process) VALUES (:number, :process)"),
                         {"number": number, "process": os.getpid()})
"""


@pytest.fixture(params=["redis", "memcached", "memory", None])
def cache(request: pytest.FixtureRequest) -> dict[str, Any] | None:
    """A section `cache`, or none."""
    if request.param in ("redis", "memcached"):
        server: RedisService | MemcachedService = request.getfixturevalue(f"{request.param}_server")
        return {"adapter": request.param, "url": server.url, "prefix": f"{request.node.name}:"}
    return {"adapter": "memory"} if request.param else None


# --- processes -------------------------------------------------------------------------------------------------------


async def test_two_processes_share_the_jobs(cache: dict[str, Any] | None, postgres_url: str, tmp_path: Path) -> None:
    projects = [_project(tmp_path / name, postgres_url, cache) for name in ("one", "other")]
    projects[0].ok("migrate")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE notes (number int, process int)")
    async with AsyncExitStack() as stack:
        hubs = []
        for project in projects:
            hubs.append(await project.start("run"))
            stack.push_async_callback(hubs[-1].kill)
        modes = [await _mode(await _address(hub)) for hub in hubs]
        await connection.execute(
            "INSERT INTO queue_jobs (handler, payload) SELECT 'cache.note', n::text FROM generate_series(1, 600) n"
        )
        ended = "SELECT count(*) = 600 FROM queue_jobs WHERE handler = 'cache.note' AND statusid = 3"
        async with asyncio.timeout(60):
            await _until(lambda: connection.fetchval(ended))
        for hub in hubs:
            hub.process.terminate()
            assert await hub.process.wait() == 0
    notes = await connection.fetch("SELECT number, process FROM notes")
    await connection.close()
    assert Counter(row["number"] for row in notes) == dict.fromkeys(range(1, 601), 1)
    assert len({row["process"] for row in notes}) == 2
    shared = cache is not None and cache["adapter"] != "memory"
    assert [mode["mode"] for mode in modes] == ["distributed" if shared else "single-instance"] * 2
    assert [mode["adapter"] for mode in modes] == [cache and cache["adapter"]] * 2


async def test_a_cache_that_is_away_stops_nobody(own_redis: RedisService, postgres_url: str, tmp_path: Path) -> None:
    own_redis.kill9()
    project = _project(tmp_path / "one", postgres_url, {"adapter": "redis", "url": own_redis.url})
    project.ok("migrate")
    hub = await project.start("run")
    try:
        address = await _address(hub)
        assert (await _mode(address))["mode"] == "single-instance"
        project.configure(http={"port": int(address.rpartition(":")[2])})
        assert "single-instance mode: redis is away" in project.ok("status")
        (tmp_path / "bare").mkdir()
        bare = CliProject(tmp_path / "bare", postgres_url, cache={"adapter": "redis", "url": own_redis.url})
        checked = bare.json("check", "--connect")
        assert checked["cache"] == {"adapter": "redis", "reachable": False}
        assert [each["path"] for each in checked["warnings"]] == ["cache.url"]
        assert sum("single-instance mode" in line for line in hub.said) == 1
        await asyncio.to_thread(own_redis.start)
        await hub.until("is there")
        assert (await _mode(address))["mode"] == "distributed"
        assert json.loads(project.ok("status", "--json"))["health"]["cache"]["reachable"] is True
        assert bare.json("check", "--connect")["cache"] == {"adapter": "redis", "reachable": True}
    finally:
        await hub.kill()


async def test_an_address_is_checked_for_what_is_there(redis_server: RedisService, tmp_path: Path) -> None:
    address = redis_server.url.partition("//")[2].partition("/")[0]
    cache = open_cache(CacheSettings(adapter="memcached", url=f"memcached://{address}"))
    with pytest.raises(CacheUnavailable, match="not one that answers"):
        await cache.ping()
    await cache.close()
    project = _project(tmp_path / "one", "sqlite:///x.db", {"adapter": "redis", "url": "redis://127.0.0.1:none/0"})
    [fault] = json.loads(project.hub("check", "--json").stdout)["faults"]
    assert (fault["path"], "'none'" in fault["message"]) == ("cache.url", True)


def _project(folder: Path, url: str, cache: dict[str, Any] | None) -> CliProject:
    folder.mkdir()
    project = CliProject(folder, url, **({"cache": cache} if cache is not None else {}))
    present = folder.parent / "present"
    present.mkdir(exist_ok=True)
    project.handlers(HANDLERS.replace("PLACE", str(present)))
    return project


async def _address(hub: Running) -> str:
    return (await hub.until("ready")).partition("listening=")[2].split()[0]


async def _mode(address: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{address}/health") as answer:
        mode: dict[str, Any] = (await answer.json())["cache"]
        return mode


# --- what travels through the cache ----------------------------------------------------------------------------------


@handler("cache.short")
async def short() -> None: ...


begun = asyncio.Event()


@handler("cache.long")
async def long() -> None:
    begun.set()
    await asyncio.sleep(60)


def _hub(url: str, cache: dict[str, Any], **options: Any) -> Hub:
    document = {
        "database": {"url": url},
        "cache": cache,
        "http": {"port": 0},
        # Nobody looks by himself within the time of a test.
        "jobs": {"enabled": True, "workers": 4, "poll_interval": "60s", "lease": "60s"},
    }
    return Hub(build(document, {}), handlers=[short, long], **options)


@pytest.mark.mariadb
@pytest.mark.redis
async def test_where_the_database_tells_nobody_the_cache_does(mariadb_url: str, redis_server: RedisService) -> None:
    cache = {"adapter": "redis", "url": redis_server.url, "prefix": "woken:"}
    async with _hub(mariadb_url, cache, roles=["worker"]) as worker, _hub(mariadb_url, cache, roles=["api"]) as front:
        for channel in ("hub_jobs", "hub_ready", "hub_cancel"):
            await _hears(redis_server, f"woken:{channel}")
        async with asyncio.timeout(30):
            done = await front.enqueue("cache.short")
            await _becomes(front, done, Status.COMPLETED)
            later = await front.enqueue("cache.short", queue="default", delay=0.5)
            await _becomes(front, later, Status.COMPLETED)
            begun.clear()
            running = await front.enqueue("cache.long")
            await begun.wait()
            await front.engine.cancel(running, reason="not wanted", actor="test")
            await _becomes(front, running, Status.CANCELLED)
        assert worker.engine.pool.running == 0


@pytest.mark.redis
async def test_what_another_still_has_locked_waits_without_an_attempt(
    postgres_url: str, redis_server: RedisService
) -> None:
    settings = CacheSettings(adapter="redis", url=redis_server.url, prefix="locked:")
    cache = open_cache(settings)
    zombie = open_locks(cache)
    async with _hub(postgres_url, {"adapter": "redis", "url": redis_server.url, "prefix": "locked:"}) as hub:
        job_id = hub.clock.new_id()
        held = await zombie.acquire([f"job:{job_id}"], "zombie", 60)
        assert held
        await _insert(hub, job_id, "cache.short")
        other = await hub.enqueue("cache.short")
        async with asyncio.timeout(20):
            await _becomes(hub, other, Status.COMPLETED)
            await _becomes(hub, job_id, Status.QUEUED)
            row = await _row(hub, job_id)
            assert (row["retrycount"], row["scheduledat"] is None) == (0, False)
            await zombie.release(held, "zombie")
            await _becomes(hub, job_id, Status.COMPLETED)
        assert len(await hub.records.history_of(job_id)) == 1
        assert await zombie.acquire([f"job:{job_id}", f"job:{other}"], "another", 5), "locks are given up at the end"
    await cache.close()


async def _insert(hub: Hub, job_id: str, name: str) -> None:
    async with hub.database.transaction() as connection:
        await connection.execute(
            text("INSERT INTO queue_jobs (id, handler) VALUES (:id, :handler)"), {"id": job_id, "handler": name}
        )
    hub.engine.woken([""])


async def _row(hub: Hub, job_id: str) -> dict[str, Any]:
    row: dict[str, Any] = await hub.records.job(job_id)
    return row


async def _becomes(hub: Hub, job_id: str, status: Status) -> None:
    async def reached() -> bool:
        return bool((await _row(hub, job_id))["statusid"] == status)

    await _until(reached)


async def _until(reached: Callable[[], Awaitable[bool]]) -> None:
    while not await reached():  # noqa: ASYNC110 - only the database or the server can tell
        await asyncio.sleep(0.01)


async def _hears(server: RedisService, channel: str) -> None:
    """Until somebody listens."""

    async def heard() -> bool:
        return server.say("PUBSUB", "CHANNELS", channel) == "*1"

    async with asyncio.timeout(30):
        await _until(heard)
