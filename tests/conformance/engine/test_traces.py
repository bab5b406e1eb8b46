"""What a handler sets, makes or locks on its connection is not met by the jobs after it."""

from typing import Any

import pytest
from sqlalchemy import text

from hub import Batch, Job, handler
from tests.conformance.engine.rig import Rig, RigMaker

EFFECT = text("INSERT INTO effects (msg) VALUES ('done')")
SETTINGS = {
    "postgresql": [
        *("SET search_path TO pg_catalog", "SELECT set_config('search_path', 'pg_catalog', FALSE)"),
        *("SET LOCAL search_path TO pg_catalog", "SET ROLE pg_read_all_data", "SET LOCAL ROLE pg_read_all_data"),
        *("SET statement_timeout = 7", "SET default_transaction_read_only = on", "SET TIME ZONE 'Asia/Tokyo'"),
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    ],
    "mysql": ["SET time_zone = '+09:00'", "SET SESSION sql_mode = ''", "SET @@session.innodb_lock_wait_timeout = 1"],
}
SEEN = {
    "postgresql": "SELECT concat_ws(' ', current_setting('search_path'), current_user, current_setting('TimeZone'),"
    " current_setting('statement_timeout'), current_setting('default_transaction_read_only'))",
    "mysql": "SELECT concat_ws(' ', @@session.time_zone, @@session.sql_mode, @@session.innodb_lock_wait_timeout)",
}
LASTING = {
    "postgresql": [
        *("CREATE TEMP TABLE scratch (a int)", "PREPARE own AS SELECT 1", "SELECT pg_advisory_lock(7)"),
        *("DEALLOCATE ALL", "LISTEN hub_jobs"),
    ],
    "mysql": ["CREATE TEMPORARY TABLE scratch (a int)", "PREPARE own FROM 'SELECT 1'", "SELECT GET_LOCK('seven', 1)"],
}
HELD = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7",
    "mysql": "SELECT IS_USED_LOCK('seven') IS NOT NULL",
}

pytestmark = pytest.mark.parametrize("way", ["alone", "shared", "batch"])


@handler("effects.table")
async def look(job: Job) -> str:
    await job.db.execute(EFFECT)
    return str((await job.db.execute(text(SEEN[job.db.dialect.name]))).scalar())


def misbehaving(way: str) -> Any:
    """A handler that sends its payload as SQL, in a transaction of its own, with others, or for a batch."""
    if way == "batch":

        @handler("leaves", batch=10, max_retries=0)
        async def of_batch(batch: Batch[str]) -> None:
            for sql in batch.payloads:
                await batch.db.execute(EFFECT)
                await batch.db.execute(text(sql))

        return of_batch

    @handler("leaves", share_transaction=way == "shared", max_retries=0)
    async def leaves(payload: str, job: Job) -> None:
        await job.db.execute(EFFECT)
        await job.db.execute(text(payload))
        await job.enqueue("nobody", delay=3600)

    return leaves


async def effects(r: Rig) -> int:
    return len(await r.sql("SELECT msg FROM effects"))


async def test_settings_are_put_back(rig: RigMaker, way: str) -> None:
    async with rig(misbehaving(way), look, pool=1) as r:
        if r.database.dialect == "sqlite":
            pytest.skip("its settings are pragmas, which are refused")
        await r.sql("CREATE TABLE effects (msg text)")
        before = (await r.until(await r.enqueue("effects.table")))["result"]
        for number, setting in enumerate(SETTINGS[r.database.dialect], 1):
            row = await r.until(await r.enqueue("leaves", setting))
            assert (setting, row["statusid"], row["lasterror"]) == (setting, 3, None)
            after = await r.until(await r.enqueue("effects.table"))
            assert (setting, after["statusid"], after["result"]) == (setting, 3, before)
            assert await effects(r) == 1 + 2 * number


async def test_what_outlives_the_transaction_goes_with_its_connection(rig: RigMaker, way: str) -> None:
    async with rig(misbehaving(way), look, pool=1) as r:
        if r.database.dialect == "sqlite":
            pytest.skip("it has one connection, which stays")
        await r.sql("CREATE TABLE effects (msg text)")
        for left in LASTING[r.database.dialect]:
            for _ in range(2):  # what is there already is refused the second time
                row = await r.until(await r.enqueue("leaves", left))
                assert (left, row["statusid"], row["lasterror"]) == (left, 3, None)
            assert (await r.until(await r.enqueue("effects.table")))["statusid"] == 3
        assert [tuple(row.values()) for row in await r.sql(HELD[r.database.dialect])] == [(0,)]


@pytest.mark.parametrize("sql", ["SET TRANSACTION READ ONLY", "SET LOCAL transaction_read_only = on"])
async def test_a_transaction_that_could_not_write_its_end_is_refused(rig: RigMaker, way: str, sql: str) -> None:
    async with rig(misbehaving(way), look, pool=1) as r:
        if r.database.dialect == "sqlite":
            pytest.skip("it knows no SET")
        await r.sql("CREATE TABLE effects (msg text)")
        row = await r.until(await r.enqueue("leaves", sql))
        assert (row["statusid"], row["retrycount"]) == (4, 0)
        assert "SET TRANSACTION READ ONLY" in row["lasterror"]
        assert await effects(r) == 0
        assert (await r.until(await r.enqueue("effects.table")))["statusid"] == 3
