"""Cursors and leases of adapters on each database: rows go in with the cursor or not at all, and once."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from importlib import resources

import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.migrator import migrate
from hub.db.postgresql.connections import connect
from hub.db.settings import DatabaseSettings
from hub.db.statement import load
from hub.db.url import parse
from hub.errors import AlreadyExists, Rejected
from hub.handlers.registry import Registry
from hub.ingest.cursors import Cursors
from hub.ingest.leases import Leases
from hub.model import Failure, NewJob, Status
from hub.ports import Cursor, Database
from hub.queue.claims import StoreSettings
from hub.queue.store import BULK, Store
from tests.conformance.adapters.rig import eventually

CLOCK = SystemClock()


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    url = request.getfixturevalue(request.param)
    await migrate(url)
    database = open_database(url, DatabaseSettings(), CLOCK)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, StoreSettings(owner="one"), Registry())


@pytest.fixture
def cursors(database: Database) -> Cursors:
    return Cursors(database)


def jobs(count: int, **more: object) -> list[NewJob]:
    return [NewJob(id=CLOCK.new_id(), handler="h", payload=f'{{"n": {n}}}', **more) for n in range(count)]  # type: ignore[arg-type]  # a test's shorthand


async def count(database: Database) -> int:
    async with database.transaction() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM queue_jobs"))).scalar_one())


async def position(cursors: Cursors, stream: str = "s") -> int | None:
    return (await cursors.positions("a", [stream, "other"])).get(stream)


@pytest.mark.parametrize("size", [1, BULK + 50])
async def test_rows_go_in_with_their_cursor_and_once(
    database: Database, store: Store, cursors: Cursors, size: int
) -> None:
    assert await position(cursors) is None
    first = jobs(size)
    assert await store.take_in(first, cursors.advance("a", Cursor("s", 0, size))) == {job.id for job in first}
    assert await position(cursors) == size
    # The same delivery, read again by somebody who knew nothing of it, and one that only overlaps.
    assert await store.take_in(jobs(size), cursors.advance("a", Cursor("s", 0, size))) is None
    assert await store.take_in(jobs(3), cursors.advance("a", Cursor("s", size - 1, size + 2))) is None
    assert await count(database) == size
    assert await position(cursors) == size
    # A gap is no fault: a broker leaves out what was compacted away.
    assert await store.take_in(jobs(2), cursors.advance("a", Cursor("s", size + 7, size + 9))) is not None
    assert await position(cursors) == size + 9


async def test_streams_and_adapters_have_cursors_of_their_own(store: Store, cursors: Cursors) -> None:
    for adapter in ("a", "b"):
        for stream in ("s", "t" * 512):
            assert await store.take_in(jobs(1), cursors.advance(adapter, Cursor(stream, 5, 6))) is not None
    assert await cursors.positions("b", ["s", "t" * 512, "never"]) == {"s": 6, "t" * 512: 6}
    assert await cursors.positions("b", []) == {}


async def test_a_delivery_without_rows_moves_the_cursor(store: Store, cursors: Cursors) -> None:
    assert await store.take_in([], cursors.advance("a", Cursor("s", 0, 4))) == set()
    assert await store.take_in([], cursors.advance("a", Cursor("s", 0, 4))) is None
    assert await position(cursors) == 4


async def test_repeats_of_a_dedupe_key_count_as_taken(database: Database, store: Store, cursors: Cursors) -> None:
    first, again = jobs(1, source="r", dedupekey="k"), jobs(1, source="r", dedupekey="k")
    other = jobs(1, source="r", dedupekey="l")
    assert await store.take_in(first, cursors.advance("a", Cursor("s", 0, 1))) == {first[0].id}
    assert await store.take_in(again + other, cursors.advance("a", Cursor("s", 1, 3))) == {other[0].id}
    assert await count(database) == 2
    assert await position(cursors) == 3


async def test_quarantined_rows_among_many(database: Database, store: Store, cursors: Cursors) -> None:
    good = jobs(BULK + 20)
    bad = jobs(2, statusid=int(Status.FAILED), failure=Failure.QUARANTINED, lasterror="no")
    mixed = [*good[:50], bad[0], *good[50:], bad[1]]
    taken = await store.take_in(mixed, cursors.advance("a", Cursor("s", 0, len(mixed))))
    assert taken == {job.id for job in mixed}
    async with database.transaction() as connection:
        found = await connection.execute(text("SELECT completedat FROM queue_jobs WHERE statusid = 4"))
        assert [row[0] is not None for row in found] == [True, True]
    assert await count(database) == len(mixed)


@pytest.mark.parametrize("size", [3, BULK + 50])
async def test_a_row_that_is_refused_leaves_the_cursor_where_it_was(
    database: Database, store: Store, cursors: Cursors, size: int
) -> None:
    batch = jobs(size)
    batch[1] = NewJob(id=CLOCK.new_id(), handler="h" * 300, payload="1")
    batch[-1] = NewJob(id=CLOCK.new_id(), handler="h", payload="1", queue="q" * 300)
    with pytest.raises(Rejected):
        await store.take_in(batch, cursors.advance("a", Cursor("s", 0, size)))
    assert (await count(database), await position(cursors)) == (0, None)
    refused = await store.refused(batch)
    assert set(refused) == {batch[1].id, batch[-1].id}
    assert all(refused.values())
    assert await count(database) == 0


async def test_an_id_that_is_there_says_that_the_rows_were_committed(store: Store, cursors: Cursors) -> None:
    batch = jobs(3)
    await store.take_in(batch, cursors.advance("a", Cursor("s", 0, 3)))
    with pytest.raises(AlreadyExists):
        await store.take_in(batch, cursors.advance("a", Cursor("s", 3, 6)))
    assert await position(cursors) == 3


async def test_of_two_that_read_the_same_at_the_same_time_one_inserts(
    database: Database, store: Store, cursors: Cursors
) -> None:
    async def read() -> bool:
        return await store.take_in(jobs(20), cursors.advance("a", Cursor("s", 0, 20))) is not None

    assert sorted(await asyncio.gather(*(read() for _ in range(5)))) == [False] * 4 + [True]
    assert await count(database) == 20


async def test_a_lease_is_one_instances_until_it_ends_or_is_given_back(database: Database) -> None:
    mine, yours = Leases(database, "one", 30.0), Leases(database, "two", 30.0)
    fence = await mine.take("a")
    assert fence is not None
    assert await yours.take("a") is None
    assert await yours.take("b") is not None
    assert await mine.renew("a", fence)
    assert not await mine.renew("a", fence - 1)
    assert not await yours.renew("a", fence)
    await yours.release("a", fence)
    assert await yours.take("a") is None
    await mine.release("a", fence)
    later = await yours.take("a")
    assert later is not None
    assert later > fence
    assert not await mine.renew("a", fence)


async def test_a_lease_that_is_not_renewed_passes_on(database: Database) -> None:
    short, patient = Leases(database, "one", 0.2), Leases(database, "two", 30.0)
    fence = await short.take("a")
    assert fence is not None
    taken: list[int | None] = []

    async def passed() -> bool:
        taken.append(await patient.take("a"))
        return taken[-1] is not None

    await eventually(passed, patience=10)
    assert taken[0] is None
    assert taken[-1] == fence + 1
    assert not await short.renew("a", fence)
    assert await short.take("a") is None


# --- plans -------------------------------------------------------------------------------------------------------

BY_KEY = ("advance", "lease_take", "lease_renew", "lease_release", "positions")
ROWS = """
INSERT INTO adapter_cursors (adapter, stream, next) SELECT 'a' || n % 10, 's' || n, n FROM generate_series(1, 20000) n;
INSERT INTO adapter_leases (adapter, owner, fence, leaseuntil)
    SELECT 'a' || n, 'o', 1, now() FROM generate_series(1, 20000) n;
"""
GIVEN = {"adapter": "'a1'", "stream": "'s1'", "first": "1", "next": "2", "owner": "'o'", "lease": "1", "fence": "1"}


@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("name", BY_KEY)
async def test_postgresql_finds_each_by_its_key(postgres_url: str, name: str, mode: str) -> None:
    await migrate(postgres_url)
    statement = load("hub.ingest", "postgresql", name)
    connection = await connect(parse(postgres_url), DatabaseSettings())
    try:
        await connection.execute(ROWS)
        await connection.execute("ANALYZE adapter_cursors, adapter_leases")
        await connection.execute(f"SET plan_cache_mode = force_{mode}_plan")
        await connection.execute(f"PREPARE it AS {statement.texts[0]}")
        given = {**GIVEN, "stream": "'{s1,s2}'"} if name == "positions" else GIVEN
        plan = await connection.fetch(f"EXPLAIN EXECUTE it({', '.join(given[each] for each in statement.order)})")
    finally:
        await connection.close()
    lines = [row[0] for row in plan]
    assert not [line for line in lines if "Seq Scan" in line], lines
    assert any("_pkey" in line for line in lines), lines


@pytest.mark.parametrize("name", BY_KEY)
async def test_sqlite_finds_each_by_its_key(sqlite_url: str, name: str) -> None:
    await migrate(sqlite_url)
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    values = {**dict.fromkeys(GIVEN, 1), "rows": "[]"}
    lines: list[str] = []
    for each in load("hub.ingest", "sqlite", name).texts:
        lines += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {each}", values)]
    connection.close()
    assert not [line for line in lines if line.startswith("SCAN adapter_")], lines


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_every_statement_is_looked_at(dialect: str) -> None:
    folder = resources.files("hub.ingest").joinpath("sql", dialect)
    assert {each.name.removesuffix(".sql") for each in folder.iterdir()} == set(BY_KEY)
