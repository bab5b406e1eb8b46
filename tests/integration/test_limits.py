"""Limits over all instances, on each database and in Redis: never exceeded, nobody starves, no attempt is used up."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from hub import Hub, Job, handler
from hub.cache import CacheSettings, open_cache
from hub.cache.redis import RedisCache
from hub.clock import SystemClock
from hub.config.load import build
from hub.db.engine import open_database
from hub.db.migrator import migrate
from hub.db.settings import DatabaseSettings
from hub.locking.states import RedisStates
from hub.model import NewJob, Status
from hub.ports.limits import Kept, States
from hub.queue.limit_states import DatabaseStates
from hub.queue.limits import JobLimits
from tests.servers import RedisService

DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]
FIXTURES = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mariadb": "mariadb_url"}


class Watch:
    """Who runs, and when each began."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.began: dict[str, list[float]] = defaultdict(list)
        self.gate = asyncio.Event()
        self.gate.set()

    @asynccontextmanager
    async def __call__(self, name: str) -> AsyncIterator[None]:
        self.running[name] += 1
        self.most[name] = max(self.most[name], self.running[name])
        self.began[name].append(time.monotonic())
        try:
            yield
        finally:
            self.running[name] -= 1


watch = Watch()


@pytest.fixture(autouse=True)
def fresh() -> None:
    global watch
    watch = Watch()


@handler("limited.some")
async def some() -> None:
    async with watch("some"):
        await asyncio.sleep(0.01)
        await watch.gate.wait()


@handler("limited.keyed")
async def keyed(customer: str) -> None:
    async with watch(customer):
        await asyncio.sleep(0.02)


@handler("limited.free")
async def free() -> None:
    async with watch("free"):
        pass


@handler("limited.queued", queue="narrow")
async def queued(job: Job) -> None:
    async with watch("queued"):
        await asyncio.sleep(0.01)


def hubs(
    url: str, count: int, cache: dict[str, Any] | None = None, only: list[str] | None = None, **jobs: Any
) -> list[Hub]:
    document = {
        "database": {"url": url},
        "http": {"port": 0},
        "jobs": {"enabled": True, "workers": 20, "poll_interval": "200ms", **jobs},
        **({"cache": cache} if cache is not None else {}),
    }
    handlers = [some, keyed, free, queued]
    return [Hub(build(document, {}), roles=["worker"], handlers=handlers, queues=only) for _ in range(count)]


@asynccontextmanager
async def running(found: list[Hub]) -> AsyncIterator[Hub]:
    async with AsyncExitStack() as stack:
        for hub in found:
            await stack.enter_async_context(hub)
        yield found[0]


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(FIXTURES[request.param])
    return found


async def enqueue(hub: Hub, count: int, name: str, **columns: Any) -> list[str]:
    jobs = [NewJob(id=hub.clock.new_id(), handler=name, **columns) for _ in range(count)]
    return [job.id for job in await hub.enqueue_many(jobs)]


async def completed(hub: Hub, ids: list[str], timeout: float = 30.0) -> None:
    """Until all are, and none has used an attempt for waiting."""

    async def all_done() -> bool:
        rows = [await hub.records.job(one) for one in ids]
        return all(row is not None and row["statusid"] == Status.COMPLETED for row in rows)

    async with asyncio.timeout(timeout):
        await until(all_done)
    histories = [await hub.records.history_of(one) for one in ids]
    assert [len(history) for history in histories] == [1] * len(ids)


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    while not await reached():  # noqa: ASYNC110 - only the database can tell
        await asyncio.sleep(0.02)


def instances(url: str) -> int:
    """A file of SQLite belongs to one."""
    return 1 if url.startswith("sqlite") else 2


async def test_a_handler_runs_so_often_at_once_and_no_more(url: str) -> None:
    limited = {"limited.some": {"concurrency": 3}}
    watch.gate.clear()
    async with running(hubs(url, instances(url), limits=limited)) as hub:
        waiting = await enqueue(hub, 60, "limited.some")
        others = await enqueue(hub, 40, "limited.free")
        await completed(hub, others)  # they do not wait for what is behind its limit
        async with asyncio.timeout(30):
            await until(as_many)
        watch.gate.set()
        await completed(hub, waiting)
    assert watch.most["some"] == 3


async def as_many() -> bool:
    return watch.running["some"] == 3


async def test_a_rate_is_kept_over_all_instances(url: str) -> None:
    async with running(apart(url, instances(url))) as hub:
        await in_each_queue(hub, instances(url), 40)
    began = sorted(watch.began["some"])
    assert kept_to(began, 20)
    # Four seconds' worth at most: room that is there is used.
    assert began[-1] - began[0] < 20


@pytest.mark.redis
async def test_a_rate_is_kept_over_all_instances_in_redis(postgres_url: str, redis_server: RedisService) -> None:
    cache = {"adapter": "redis", "url": redis_server.url, "prefix": f"{time.time_ns()}:"}
    async with running(apart(postgres_url, 2, cache)) as hub:
        await in_each_queue(hub, 2, 40)
        _, kept = await DatabaseStates(hub.database).read(["handler:limited.some"])
    assert kept == {"handler:limited.some": Kept(None, 0)}, "the database was asked, and not Redis"
    assert kept_to(sorted(watch.began["some"]), 20)


def apart(url: str, count: int, cache: dict[str, Any] | None = None) -> list[Hub]:
    """Instances that each have a queue of their own, so that what one postpones is not what the other would begin."""
    queues = {f"own-{number}": 20 for number in range(count)}
    return [
        hub
        for number in range(count)
        for hub in hubs(url, 1, cache, only=[f"own-{number}"], limits={"limited.some": {"rate": 20}}, queues=queues)
    ]


async def in_each_queue(hub: Hub, count: int, jobs: int) -> None:
    """Enqueue so many jobs for each of the instances; until they have ended."""
    ids = [await enqueue(hub, jobs, "limited.some", queue=f"own-{number}") for number in range(count)]
    await completed(hub, [one for each in ids for one in each])


async def test_each_key_has_the_limit_for_itself(url: str) -> None:
    limited = {"limited.keyed": {"concurrency": 1, "key": "payload"}}
    async with running(hubs(url, instances(url), limits=limited)) as hub:
        ids = []
        for customer in ("a", "A", "a "):
            ids += await enqueue(hub, 8, "limited.keyed", payload=customer)
        await completed(hub, ids)
    assert dict(watch.most) == {"a": 1, "A": 1, "a ": 1}


async def test_a_queue_has_its_limits_too(url: str) -> None:
    narrow = {"limit": 10, "concurrency": 2, "rate": 40}
    async with running(hubs(url, instances(url), queues={"default": 10, "narrow": narrow})) as hub:
        ids = await enqueue(hub, 30, "limited.queued", queue="narrow")
        unnamed = await enqueue(hub, 30, "limited.queued")  # rows whose queue is known only once they are claimed
        await completed(hub, ids + unnamed)
    assert watch.most["queued"] <= 2
    assert kept_to(sorted(watch.began["queued"]), 40)


async def test_a_state_that_nobody_can_read_begins_anew(url: str) -> None:
    found = hubs(url, 1, limits={"limited.some": {"concurrency": 3}})
    await migrate(url)
    database = open_database(url, DatabaseSettings(exclusive=False), SystemClock())
    await database.start()
    assert await DatabaseStates(database).write({"handler:limited.some": Kept("spoiled", 0)})
    await database.stop()
    async with running(found) as hub:
        await completed(hub, await enqueue(hub, 20, "limited.some"))
    assert watch.most["some"] <= 3


async def test_a_fault_in_the_limits_costs_no_job_its_lease(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = JobLimits.delays
    faults = iter((TypeError("a bug"), ValueError("another")))

    async def faulty(self: JobLimits, attempts: Any) -> Any:
        for fault in faults:
            raise fault
        return await asked(self, attempts)

    monkeypatch.setattr("hub.queue.claiming._ASIDE", 0.1)
    monkeypatch.setattr(JobLimits, "delays", faulty)
    async with running(hubs(sqlite_url, 1, limits={"limited.some": {"concurrency": 2}})) as hub:
        await completed(hub, await enqueue(hub, 5, "limited.some"), timeout=20)  # less than their leases
    assert next(faults, None) is None


@pytest.mark.redis
async def test_in_redis_and_when_it_is_gone(postgres_url: str, own_redis: RedisService) -> None:
    cache = {"adapter": "redis", "url": own_redis.url, "timeout": "2s"}
    limited = {"limited.some": {"concurrency": 3, "rate": 200}}
    async with running(hubs(postgres_url, 2, cache, limits=limited)) as hub:
        ids = await enqueue(hub, 60, "limited.some")
        await completed(hub, ids)
        assert own_redis.say("EXISTS", "hub:limit:handler:limited.some") == ":1"
        assert watch.most["some"] <= 3
        own_redis.kill9()
        ids = await enqueue(hub, 30, "limited.some")
        await completed(hub, ids)
        assert watch.most["some"] <= 3


async def test_the_slots_of_one_that_died_return(postgres_url: str) -> None:
    """It is told so by the time that the dead one said."""
    found = hubs(postgres_url, 1, limits={"limited.some": {"concurrency": 1}})
    await migrate(postgres_url)
    database = open_database(postgres_url, DatabaseSettings(), SystemClock())
    await database.start()
    states = DatabaseStates(database)
    began = time.monotonic()
    now, _ = await states.read(["handler:limited.some"])
    dead = f'{{"held": {{"dead": [1, {now + 2.0}]}}}}'
    assert await states.write({"handler:limited.some": Kept(dead, 0)})
    async with running(found) as hub:
        await completed(hub, await enqueue(hub, 3, "limited.some"))
        assert time.monotonic() - began > 1.9
    _, kept = await states.read(["handler:limited.some"])
    assert '"held"' not in (kept["handler:limited.some"].state or "")
    await database.stop()


def kept_to(began: list[float], rate: float) -> bool:
    """At no time have more begun than the rate has let in since the first, and its tenth. A handler may begin after it
    was admitted: of the others that takes nothing away, of the first it is half a second at most."""
    return all(count <= rate * (at - began[0] + 0.5) * 1.1 + rate * 0.1 + 2 for count, at in enumerate(began))


# --- where the state is kept -----------------------------------------------------------------------------------------


@pytest.fixture(params=[*DATABASES, pytest.param("redis", marks=pytest.mark.redis)])
async def states(request: pytest.FixtureRequest) -> AsyncIterator[States]:
    if request.param == "redis":
        server: RedisService = request.getfixturevalue("redis_server")
        cache = open_cache(CacheSettings(adapter="redis", url=server.url, prefix=f"{time.time_ns()}:"))
        assert isinstance(cache, RedisCache)
        yield RedisStates(cache)
        await cache.close()
        return
    url = request.getfixturevalue(FIXTURES[request.param])
    await migrate(url)
    database = open_database(url, DatabaseSettings(), SystemClock())
    await database.start()
    yield DatabaseStates(database)
    await database.stop()


async def test_a_state_is_replaced_only_by_who_has_read_it(states: States) -> None:
    now, kept = await states.read(["a", "ä:\u2028 b"])
    assert abs(now - time.time()) < 60
    assert kept == {"a": Kept(None, 0), "ä:\u2028 b": Kept(None, 0)}
    assert await states.write({"a": Kept("one", 0), "ä:\u2028 b": Kept("x", 0)}) == {"a", "ä:\u2028 b"}
    assert await states.write({"a": Kept("two", 0)}) == set()
    later, kept = await states.read(["a"])
    assert later >= now
    assert kept == {"a": Kept("one", 1)}
    assert await states.write({"a": Kept("two", 1), "b": Kept("three", 5)}) >= {"a"}
    await states.forget()  # not what is used
    assert (await states.read(["a"]))[1] == {"a": Kept("two", 2)}


async def test_of_many_who_decide_at_once_one_writes(states: States) -> None:
    async def add(by: int) -> None:
        while True:
            _, kept = await states.read(["sum"])
            number = int((kept["sum"].state or "0 -").split()[0]) + 1
            if await states.write({"sum": Kept(f"{number} {by}", kept["sum"].version)}):
                return

    async with asyncio.timeout(30):
        await asyncio.gather(*(add(number) for number in range(20)))
    assert ((await states.read(["sum"]))[1]["sum"].state or "").startswith("20 ")
