"""Numbers of jobs edited while jobs run: queues, their rates, concurrency and ageing, and the limits of handlers; and
schedules edited while the database is away."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub import Hub, handler
from hub.model import NewJob
from hub.reload import Reload, Reloader
from hub.scheduler.records import Filter
from tests.servers import Proxy

PATIENCE = 45.0


class Work:
    """Jobs that begin, and end once they may. `began`: (name, when)."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        self.may_end = asyncio.Semaphore(0)
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def next(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return (await self.began.get())[0]

    async def run(self, name: str, *, wait: bool) -> None:
        self.running[name] += 1
        self.most[name] = max(self.most[name], self.running[name])
        self.began.put_nowait((name, time.monotonic()))
        if wait:
            await self.may_end.acquire()
        self.running[name] -= 1


class Bench:
    """A hub beside its file."""

    def __init__(self, hub: Hub, reloader: Reloader, file: Path, work: Work) -> None:
        self.hub = hub
        self.reloader = reloader
        self.file = file
        self.work = work

    async def edit(self, **sections: Any) -> Reload:
        self.file.write_text(json.dumps({**json.loads(self.file.read_text()), **sections}))
        return await self.reloader.look()

    async def jobs(self, **keys: Any) -> None:
        reload = await self.edit(jobs={**json.loads(self.file.read_text())["jobs"], **keys})
        assert (reload.applied, reload.restart, reload.waiting) == (True, (), ())

    async def enqueue(self, name: str, queue: str = "slow", count: int = 1, **options: Any) -> None:
        for _ in range(count):
            await self.hub.enqueue(name, queue=queue, **options)

    async def passed(self, count: int = 5) -> None:
        """Jobs of another queue have been claimed and run, one after another: what could begin has begun."""
        for _ in range(count):
            await self.enqueue("quick", "default")
            while (name := await self.work.next()) != "quick":
                assert name == "gated", name


@asynccontextmanager
async def bench(folder: Path, url: str, **sections: Any) -> AsyncIterator[Bench]:
    work = Work()

    @handler("gated")
    async def gated() -> None:
        await work.run("gated", wait=True)

    @handler("quick")
    async def quick() -> None:
        await work.run("quick", wait=False)

    file = folder / "configuration.json"
    jobs = {"enabled": True, "workers": 8, "queues": {"default": 2, "slow": 6}, "poll_interval": "100ms"}
    document = {"database": {"url": url}, "http": {"port": 0}, "jobs": jobs, **sections}
    file.write_text(json.dumps(document))
    async with Hub.from_file(file, environ={}, handlers=[gated, quick]) as hub:
        reloader = Reloader(hub, file, {})
        try:
            yield Bench(hub, reloader, file, work)
        finally:
            for _ in range(100):
                work.may_end.release()
            await reloader.stop()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}") as found:
        yield found


async def begun(found: Bench, name: str, count: int) -> None:
    for _ in range(count):
        assert await found.work.next() == name


@pytest.mark.parametrize("of", ["queue", "handler", "key"])
async def test_a_new_concurrency_counts_what_runs_already(sqlite: Bench, of: str) -> None:
    await sqlite.enqueue("gated", count=2)
    await begun(sqlite, "gated", 2)
    if of == "queue":
        await sqlite.jobs(queues={"default": 2, "slow": {"limit": 6, "concurrency": 2}})
    else:
        key = {"key": "ordering_key"} if of == "key" else {}
        await sqlite.jobs(limits={"gated": {"concurrency": 2, **key}})
    await sqlite.enqueue("gated", count=2)
    await sqlite.passed()
    assert sqlite.work.running["gated"] == 2
    sqlite.work.may_end.release()
    await begun(sqlite, "gated", 1)
    assert sqlite.work.most["gated"] == 2
    # Taken away again, the last one begins beside the two.
    await sqlite.jobs(queues={"default": 2, "slow": 6}, limits={})
    await begun(sqlite, "gated", 1)
    assert sqlite.work.most["gated"] == 3


async def test_a_higher_concurrency_lets_more_run(sqlite: Bench) -> None:
    await sqlite.jobs(queues={"default": 2, "slow": {"limit": 6, "concurrency": 1}})
    await sqlite.enqueue("gated", count=3)
    await begun(sqlite, "gated", 1)
    await sqlite.passed()
    assert sqlite.work.running["gated"] == 1
    await sqlite.jobs(queues={"default": 2, "slow": {"limit": 6, "concurrency": 3}})
    await begun(sqlite, "gated", 2)


@pytest.mark.parametrize("of", ["queue", "handler"])
async def test_a_rate_that_is_new_is_kept(sqlite: Bench, of: str) -> None:
    await sqlite.enqueue("quick", count=3)
    await begun(sqlite, "quick", 3)
    if of == "queue":
        await sqlite.jobs(queues={"default": 2, "slow": {"limit": 6, "rate": 4}})
    else:
        await sqlite.jobs(limits={"quick": {"rate": 4}})
    await sqlite.enqueue("quick", count=5)
    times = [(await asyncio.wait_for(sqlite.work.began.get(), PATIENCE))[1] for _ in range(5)]
    assert times[-1] - times[0] >= 0.85  # four starts at four a second, a tenth of a second's worth at once


@pytest.mark.parametrize("of", ["queue", "handler"])
async def test_a_rate_that_is_raised_is_not_bound_by_what_the_old_one_promised(sqlite: Bench, of: str) -> None:
    def paced(rate: float) -> dict[str, Any]:
        if of == "handler":
            return {"limits": {"quick": {"rate": rate}}}
        return {"queues": {"slow": {"limit": 6, "rate": rate}}}

    await sqlite.jobs(**paced(0.02))
    await sqlite.enqueue("quick", count=1)
    await begun(sqlite, "quick", 1)
    await sqlite.jobs(**paced(50))
    since = time.monotonic()
    await sqlite.enqueue("quick", count=5)
    await begun(sqlite, "quick", 5)
    assert time.monotonic() - since < 30  # by the old one each would have taken fifty seconds


async def test_ageing_begins_and_ends(tmp_path: Path) -> None:
    jobs = {"enabled": False, "queues": {"slow": 1}}
    async with bench(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}", jobs=jobs) as found:
        store = found.hub.engine.store
        low = [NewJob(id=f"low-{number}", handler="quick", queue="slow") for number in range(3)]
        await store.enqueue(low)
        await asyncio.sleep(0.3)  # they get old
        await store.enqueue([NewJob(id=f"high-{n}", handler="quick", queue="slow", priority=5) for n in range(3)])

        async def first() -> str:
            return (await store.claim("slow", 1)).claims[0].id

        assert await first() == "high-0"
        await found.jobs(queues={"slow": {"limit": 1, "ageing": "20ms"}})
        assert await first() == "low-0"
        await found.jobs(queues={"slow": 1})
        assert await first() == "high-1"


async def test_a_queue_that_is_new_has_its_limit_and_one_that_is_gone_still_runs(sqlite: Bench) -> None:
    await sqlite.jobs(queues={"default": 2, "side": 1})
    await sqlite.enqueue("gated", "side", count=2)
    await sqlite.enqueue("gated", "slow", count=1)
    await begun(sqlite, "gated", 2)
    await sqlite.passed()
    assert sqlite.work.running["gated"] == 2


async def test_who_runs_jobs_that_name_nobody_is_looked_up(sqlite: Bench) -> None:
    await sqlite.jobs(default_handler="quick", use_redis=True, recovery={"default_enabled": False})
    assert sqlite.hub.services is not None
    assert sqlite.hub.services.configuration.jobs.default_handler == "quick"
    reload = await sqlite.edit(jobs={"enabled": True, "workers": 8, "recovery": {"max_attempts": 9}})
    assert reload.restart == ("jobs.poll_interval", "jobs.recovery.max_attempts")


# --- schedules, and the database away --------------------------------------------------------------------------------

OFTEN = {"often": {"handler": "quick", "interval": 1}}


@pytest.mark.postgres
async def test_schedules_are_written_once_the_database_is_back(
    tmp_path: Path, postgres_url: str, postgres_proxy: Proxy
) -> None:
    async with bench(tmp_path, postgres_proxy.url_through(postgres_url)) as found:
        postgres_proxy.refuse()
        postgres_proxy.cut()
        began = time.monotonic()
        reload = await found.edit(schedules=OFTEN, jobs={"enabled": True, "workers": 9, "poll_interval": "100ms"})
        assert time.monotonic() - began < 20
        assert (reload.applied, reload.waiting, reload.changed) == (True, ("schedules",), ("jobs",))
        # The rest is in force, and what is shown is what is in force.
        assert found.hub.configuration.jobs.workers == 9
        assert found.hub.configuration.schedules == {}
        found.reloader.start()
        postgres_proxy.accept()
        assert await found.work.next() == "quick"
        async with asyncio.timeout(PATIENCE):
            while found.reloader.last is None or found.reloader.last.waiting:  # noqa: ASYNC110 - the watch tells nobody
                await asyncio.sleep(0.02)
        assert found.reloader.last.changed == ("schedules",)
        assert list(found.hub.configuration.schedules) == ["often"]


@pytest.mark.postgres
async def test_a_database_that_hangs_holds_up_nothing_but_the_schedules(
    tmp_path: Path, postgres_url: str, postgres_proxy: Proxy
) -> None:
    async with bench(tmp_path, postgres_proxy.url_through(postgres_url)) as found:
        postgres_proxy.stall()
        began = time.monotonic()
        reload = await found.edit(schedules=OFTEN, jobs={"enabled": True, "workers": 9, "poll_interval": "100ms"})
        took = time.monotonic() - began
        postgres_proxy.resume()
        assert (reload.applied, reload.waiting) == (True, ("schedules",))
        assert took < 20
        found.reloader.start()
        assert await found.work.next() == "quick"


@pytest.mark.postgres
async def test_a_schedule_that_no_database_takes_leaves_everything_as_it_was(tmp_path: Path, postgres_url: str) -> None:
    async with bench(tmp_path, postgres_url) as found:
        bad = {"bad": {"handler": "quick", "interval": 60, "description": "nul \0 in it"}}
        reload = await found.edit(schedules=bad, templates={"t": {"handler": "quick"}})
        assert not reload.applied
        assert reload.faults
        assert found.hub.configuration.templates == {}
        assert (await found.edit(schedules=OFTEN)).applied
        assert await found.work.next() == "quick"


async def test_only_an_instance_that_plans_writes_schedules(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    file = tmp_path / "configuration.json"
    document = {"database": {"url": url}, "http": {"port": 0}, "jobs": {"enabled": True}}
    file.write_text(json.dumps(document))
    async with Hub.from_file(file, environ={}, roles=["api", "worker"]) as hub:
        file.write_text(json.dumps({**document, "schedules": {"often": {"handler": "system.record", "interval": 60}}}))
        assert (await Reloader(hub, file, {}).look()).applied
        assert hub.services is not None
        assert hub.services.jobs is not None
        rows, _ = await hub.services.jobs.page(Filter(), skip=0, limit=100)
        assert "often" not in {row["name"] for row in rows}
