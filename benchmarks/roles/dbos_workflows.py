"""dbos runs workflows that were enqueued before: steps of an async workflow, each remembered in its tables.

Invariant: measured from its first step to the last workflow that its tables call SUCCESS, so that how long it takes to
launch, and to find its queue, is no part of it; settings are the best ones found on this machine (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, run_dbos_database_migrations

from benchmarks.roles import hub
from benchmarks.roles.wire import Meter, Tally, Wire

_QUEUE, _VERSION = "bench", "1"
_DONE = "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"


async def run(
    wire: Wire,
    *,
    url: str,
    workflows: int,
    steps: int,
    workers: int = 16,
    pool_size: int = 16,
    threads: int = 32,
    polling: float = 0.01,
) -> None:
    tally, meters = Tally(workflows * steps), list[Meter]()
    address = url.replace("postgresql://", "postgresql+psycopg://")
    config = DBOSConfig(
        name="bench",
        system_database_url=address,
        application_version=_VERSION,
        sys_db_pool_size=pool_size,
        max_executor_threads=threads,
        log_level="ERROR",
    )
    DBOS(config=config)

    @DBOS.step()
    async def step(context: str) -> dict[str, str]:
        if not meters:
            meters.append(Meter())
        loop.call_soon_threadsafe(tally.hit)
        return {"by": context}

    @DBOS.workflow()
    async def sequence(context: str) -> None:
        for _ in range(steps):
            await step(context)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(_fill, address, sequence.__qualname__, workflows)
    await wire.ready()
    await asyncio.to_thread(DBOS.launch)
    await DBOS.register_queue_async(_QUEUE, worker_concurrency=workers, polling_interval_sec=polling)
    await tally.all()
    connection = await asyncpg.connect(url)
    while await connection.fetchval(_DONE) < workflows:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.005)
    await wire.done(meters[0].read())
    await connection.close()
    await asyncio.to_thread(DBOS.destroy)


def _fill(address: str, name: str, workflows: int) -> None:
    run_dbos_database_migrations(address)
    client = DBOSClient(system_database_url=address)
    options = EnqueueOptions(queue_name=_QUEUE, workflow_name=name, app_version=_VERSION)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.enqueue(options, hub.PAYLOAD), range(workflows)))
    client.destroy()
