"""What is MariaDB's and MySQL's own: commits that nobody asked for, transactions that the server undoes, statements
that go on without their client, and the plans of the claim.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, ProgrammingError

from hub.clock import SystemClock
from hub.db.migrator import migrate, status
from hub.db.mysql.database import MysqlDatabase
from hub.db.mysql.faults import code_of
from hub.db.mysql.job import MysqlJobTransaction
from hub.db.probe import open_probe
from hub.db.settings import DatabaseSettings
from hub.db.statement import compile_statement, load
from hub.db.url import parse
from hub.errors import (
    DatabaseUnavailable,
    HandlerEndedTransaction,
    HubError,
    MigrationError,
    Rejected,
    TransactionConflict,
)
from hub.model import Claim, NewJob, Settlement
from hub.queue.claims import StoreSettings
from hub.queue.store import Store
from tests.servers import MariadbDatabases, MariadbService

pytestmark = pytest.mark.mariadb

KNOWN = load("hub.queue", "mysql", "known")


class NoDefaults:
    def queues(self) -> dict[str, str]:
        return {}

    def max_retries(self) -> dict[str, int]:
        return {}


class Rig:
    def __init__(self, database: MysqlDatabase) -> None:
        self.database = database
        self.store = Store(database, StoreSettings(owner="w1"), NoDefaults())
        self.clock = SystemClock()

    async def claim(self) -> Claim:
        await self.store.enqueue([NewJob(id=self.clock.new_id(), handler="h", queue="q")])
        (claim,) = (await self.store.claim("q", 1)).claims
        return claim

    async def complete(self, transaction: Any, claim: Claim) -> bool:
        end = Settlement(claim.id, claim.fence, None, self.clock.new_id(), 1, 0)
        return await self.store.complete_in(transaction, end)

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            answer = await connection.execute(text(statement), values)
            return list(answer) if answer.returns_rows else []

    async def notes(self) -> list[int]:
        return [row[0] for row in await self.sql("SELECT n FROM notes ORDER BY n")]


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[Rig]:
    database = MysqlDatabase(parse(url), DatabaseSettings(pool=4), SystemClock())
    await database.start()
    try:
        yield Rig(database)
    finally:
        await database.stop()


async def test_what_a_server_presets_changes_no_statement_of_the_hub(own_mariadb: MariadbService) -> None:
    own_mariadb.execute("SET GLOBAL sql_safe_updates = ON", "SET GLOBAL completion_type = 'CHAIN'")
    url = own_mariadb.create_database("preset")
    await migrate(url)
    async with serving(url) as rig:
        await rig.sql("UPDATE jobs SET enabled = FALSE")
        await rig.claim()  # several statements and a COMMIT, behind which nothing is to stay open
        await rig.database.run(KNOWN, [("source", "key")])
        own_mariadb.execute("SET lock_wait_timeout = 2", "ALTER TABLE queue_jobs COMMENT = 'mine'", database="preset")


# A binary log, as MySQL keeps one unless it is told not to.
@pytest.mark.parametrize("own_mariadb", [{"log-bin": "log", "server-id": "1"}], indirect=True)
async def test_who_may_make_no_triggers_is_told_how_to_migrate(own_mariadb: MariadbService) -> None:
    mine = own_mariadb.create_database("shop").replace("root@", "app@")
    own_mariadb.execute("CREATE USER app@127.0.0.1", "GRANT ALL ON shop.* TO app@127.0.0.1")
    with pytest.raises(MigrationError, match=r"0002_schedules\.sql failed.*SET GLOBAL log_bin_trust_function_creators"):
        await migrate(mine)
    own_mariadb.execute("SET GLOBAL log_bin_trust_function_creators = ON")
    await migrate(mine)
    own_mariadb.execute("SET GLOBAL log_bin_trust_function_creators = OFF")
    async with serving(mine) as rig:
        await rig.claim()
        await rig.sql("UPDATE jobs SET enabled = FALSE")  # the triggers are run by whoever may write


@pytest.fixture
async def rig(mariadb_url: str) -> AsyncIterator[Rig]:
    await migrate(mariadb_url)
    async with serving(mariadb_url) as rig:
        await rig.sql("CREATE TABLE notes (n INT PRIMARY KEY, v INT NOT NULL DEFAULT 0)")
        yield rig


@pytest.fixture(params=["one block", "a trip each"])
def finish(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finish as it travels on MariaDB, and as on a server that knows no block outside of procedures."""
    if request.param == "a trip each":
        monkeypatch.setattr(MysqlJobTransaction, "_send_block", MysqlJobTransaction._send_apart)


# --- the finish -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("finish")
async def test_effects_and_completion_are_one_commit(rig: Rig) -> None:
    claim = await rig.claim()
    transaction = rig.database.begin_job("t")
    await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (1)"))
    assert await rig.notes() == []
    assert await rig.complete(transaction, claim)
    assert await rig.notes() == [1]
    [(status_id,)] = await rig.sql("SELECT statusid FROM queue_jobs WHERE id = :id", id=claim.id)
    assert status_id == 3
    assert len(await rig.sql("SELECT id FROM job_histories WHERE jobid = :id", id=claim.id)) == 1


@pytest.mark.usefixtures("finish")
async def test_a_lost_fence_undoes_everything_and_the_connection_serves_on(rig: Rig) -> None:
    claim = await rig.claim()
    await rig.sql("UPDATE queue_jobs SET fence = fence + 1")
    for n in range(6):  # more than the pool holds
        transaction = rig.database.begin_job("t")
        await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (:n)"), {"n": n})
        assert not await rig.complete(transaction, claim)
    assert await rig.notes() == []
    assert await rig.sql("SELECT id FROM job_histories") == []


async def test_a_job_that_waits_is_handed_a_transaction_begun_ahead(rig: Rig) -> None:
    claims = [await rig.claim() for _ in range(20)]

    async def run(n: int, claim: Claim) -> bool:
        transaction = rig.database.begin_job("t", isolation="SERIALIZABLE" if n % 5 == 0 else None)
        await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (:n)"), {"n": n})
        return await rig.complete(transaction, claim)

    assert all(await asyncio.gather(*(run(n, claim) for n, claim in enumerate(claims))))
    assert await rig.notes() == list(range(20))


# --- commits that nobody asked for ----------------------------------------------------------------------------------


async def test_definitions_are_refused_as_they_would_commit(rig: Rig) -> None:
    transaction = rig.database.begin_job("t")
    await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (1)"))
    with pytest.raises(HandlerEndedTransaction):
        await transaction.connection.execute(text("CREATE TABLE more (n INT)"))
    assert transaction.violation is not None
    await transaction.rollback()
    assert await rig.notes() == []


async def test_a_second_statement_in_a_text_is_refused_by_the_server(rig: Rig) -> None:
    transaction = rig.database.begin_job("t")
    with pytest.raises(ProgrammingError):
        await transaction.connection.exec_driver_sql("INSERT INTO notes (n) VALUES (1); COMMIT")
    driver = await transaction.driver()
    with pytest.raises(Exception, match="syntax"):
        await driver.query("INSERT INTO notes (n) VALUES (1); COMMIT")
    await transaction.rollback()
    assert await rig.notes() == []


@pytest.mark.parametrize("behind", [(), ("BEGIN",), ("CREATE TABLE more (n INT)", "BEGIN")], ids=str)
async def test_a_commit_on_the_drivers_connection_is_found_out(rig: Rig, behind: tuple[str, ...]) -> None:
    claim = await rig.claim()
    transaction = rig.database.begin_job("t")
    driver = await transaction.driver()
    for statement in ("COMMIT", *behind):
        await driver.query(statement)
    with pytest.raises(HandlerEndedTransaction):
        await rig.complete(transaction, claim)
    [(status_id,)] = await rig.sql("SELECT statusid FROM queue_jobs WHERE id = :id", id=claim.id)
    assert status_id == 2


async def test_the_drivers_connection_used_well_is_part_of_the_transaction(rig: Rig) -> None:
    claim = await rig.claim()
    transaction = rig.database.begin_job("t")
    await (await transaction.driver()).query("INSERT INTO notes (n) VALUES (7)")
    assert await rig.complete(transaction, claim)
    assert await rig.notes() == [7]


# --- transactions that the server undoes ----------------------------------------------------------------------------


async def test_after_a_deadlock_nothing_more_is_written_even_if_the_handler_goes_on(rig: Rig) -> None:
    """The server has undone the transaction: what came now would commit by itself, statement by statement."""
    await rig.sql("INSERT INTO notes (n) VALUES (1), (2)")
    claims = [await rig.claim(), await rig.claim()]
    transactions = [rig.database.begin_job("a"), rig.database.begin_job("b")]
    for transaction, n in zip(transactions, (1, 2), strict=True):
        await transaction.connection.execute(text("UPDATE notes SET v = v + 1 WHERE n = :n"), {"n": n})

    meanings: list[HubError | None] = []

    async def cross(transaction: Any, n: int, claim: Claim) -> str:
        try:
            await transaction.connection.execute(text("UPDATE notes SET v = v + 1 WHERE n = :n"), {"n": n})
        except OperationalError as error:
            meanings.append(rig.database.diagnose(error))
            with pytest.raises(PendingRollbackError):
                await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (99)"))
            with pytest.raises(TransactionConflict):
                await rig.complete(transaction, claim)
            return "undone"
        assert await rig.complete(transaction, claim)
        return "committed"

    ends = await asyncio.gather(*map(cross, transactions, (2, 1), claims))
    assert sorted(ends) == ["committed", "undone"]
    assert [type(meaning) for meaning in meanings] == [TransactionConflict]
    assert await rig.sql("SELECT n, v FROM notes ORDER BY n") == [(1, 1), (2, 1)]


async def test_a_deadlock_over_the_next_number_is_one_too(rig: Rig) -> None:
    """Of a victim that waits for AUTO_INCREMENT the server says 1467, though it has undone the whole transaction. Rows
    that become due take numbers in such statements, so that any insert of a job may meet it."""
    if (await rig.sql("SELECT @@innodb_autoinc_lock_mode"))[0][0] == 2:
        pytest.skip("no lock is held on the next number here, as by MySQL's default")
    claim = await rig.claim()
    other, transaction = rig.database.begin_job("other"), rig.database.begin_job("t")
    # The server undoes the one that has written less.
    await other.connection.execute(text("INSERT INTO notes (n) VALUES (1), (2), (3), (4), (5), (6), (7), (8)"))
    await transaction.connection.execute(text("INSERT INTO queue_jobs (id, handler) VALUES ('x', 'h')"))
    many = text("INSERT INTO queue_jobs (id, handler) SELECT id, 'h' FROM (SELECT 'x' AS id) ids")
    holding = asyncio.ensure_future(other.connection.execute(many))  # the next number's lock, and waits for the id
    waits = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    async with asyncio.timeout(30):
        while not (await rig.sql(waits))[0][0]:
            pass
    with pytest.raises(OperationalError) as caught:
        await transaction.connection.execute(text("INSERT INTO queue_jobs (handler) VALUES ('h')"))
    assert code_of(caught.value) == 1467
    assert isinstance(rig.database.diagnose(caught.value), TransactionConflict)
    with pytest.raises(PendingRollbackError):
        await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (99)"))
    with pytest.raises(TransactionConflict):
        await rig.complete(transaction, claim)
    await holding
    await other.rollback()
    assert await rig.notes() == []


async def test_a_statement_of_the_hub_that_is_a_deadlocks_victim_is_run_again(rig: Rig) -> None:
    await rig.sql("INSERT INTO notes (n) VALUES (1), (2)")
    steps = (
        "UPDATE notes SET v = v + 1 WHERE n = :a\n----\nDO SLEEP(0.3)\n----\nUPDATE notes SET v = v + 1 WHERE n = :b"
    )
    both = compile_statement("both", steps, positional=False, formatted=True)
    await asyncio.gather(rig.database.run(both, a=1, b=2), rig.database.run(both, a=2, b=1))
    assert await rig.sql("SELECT n, v FROM notes ORDER BY n") == [(1, 2), (2, 2)]


# --- connections ----------------------------------------------------------------------------------------------------


async def test_a_cancelled_statement_is_stopped_on_the_server_and_its_locks_are_free(
    rig: Rig, mariadb: MariadbDatabases
) -> None:
    transaction = rig.database.begin_job("t")
    await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (1)"))
    sleeping = asyncio.ensure_future(transaction.connection.execute(text("SELECT SLEEP(60), 'mine'")))
    running = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(60)%'"
    async with asyncio.timeout(30):
        while await asyncio.to_thread(lambda: mariadb.fetch(running)[0][0]) == 0:
            pass
        sleeping.cancel()
        await asyncio.gather(sleeping, return_exceptions=True)
        await transaction.rollback()
        while await asyncio.to_thread(lambda: mariadb.fetch(running)[0][0]):
            pass
    await rig.sql("INSERT INTO notes (n) VALUES (1)")  # would wait for the lock


async def test_connections_that_the_server_has_ended_are_replaced(rig: Rig, mariadb: MariadbDatabases) -> None:
    claim = await rig.claim()
    transaction = rig.database.begin_job("t")
    await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (1)"))
    await transaction.rollback()
    mine = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    for (thread,) in await rig.sql(mine):
        await asyncio.to_thread(mariadb.execute, f"KILL {thread}")
    transaction = rig.database.begin_job("t")
    await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (2)"))
    assert await rig.complete(transaction, claim)
    assert await rig.notes() == [2]


async def test_a_connection_lost_in_a_transaction_is_the_databases_absence(rig: Rig, mariadb: MariadbDatabases) -> None:
    claim = await rig.claim()
    transaction = rig.database.begin_job("t")
    thread = (await transaction.connection.execute(text("SELECT CONNECTION_ID()"))).scalar_one()
    await asyncio.to_thread(mariadb.execute, f"KILL {thread}")
    with pytest.raises(DBAPIError) as caught:
        await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (1)"))
    assert isinstance(rig.database.diagnose(caught.value), DatabaseUnavailable)
    with pytest.raises(DatabaseUnavailable):
        await rig.complete(transaction, claim)


async def test_the_server_counts_no_connection_as_aborted(own_mariadb: MariadbService) -> None:
    url = own_mariadb.create_database("orderly")
    await migrate(url)
    async with serving(url) as rig:
        await rig.sql("CREATE TABLE notes (n INT PRIMARY KEY)")
        transaction = rig.database.begin_job("t")
        await transaction.connection.execute(text("INSERT INTO notes (n) VALUES (1)"))
        assert await rig.complete(transaction, await rig.claim())
        async with rig.database.apart() as apart:
            assert await apart.run(KNOWN, [["s", "k"]]) == []
        assert await open_probe(url).ask("1 = 1")
    there = "SELECT 1 FROM information_schema.processlist WHERE db = 'orderly'"
    async with asyncio.timeout(20):
        while await asyncio.to_thread(own_mariadb.fetch, there):  # noqa: ASYNC110 - it tells nobody that one has gone
            await asyncio.sleep(0.01)
    assert own_mariadb.fetch("SHOW GLOBAL STATUS LIKE 'Aborted_clients'") == [("Aborted_clients", "0")]


async def test_what_is_larger_than_the_server_takes_is_refused_and_the_connection_stays(rig: Rig) -> None:
    [(largest,)] = await rig.sql("SELECT @@max_allowed_packet")
    with pytest.raises(Rejected, match="max_allowed_packet"):
        await rig.store.enqueue([NewJob(id="large", handler="h", payload="x" * largest)])
    await rig.store.enqueue([NewJob(id="half", handler="h", payload="x" * (largest // 2))])
    [(length,)] = await rig.sql("SELECT LENGTH(payload) FROM queue_jobs WHERE id = 'half'")
    assert length == largest // 2


async def test_nobody_at_the_address_is_said_without_the_password() -> None:
    database = MysqlDatabase(
        parse("mysql://hub:secret@127.0.0.1:9/hub"), DatabaseSettings(connect_timeout=2), SystemClock()
    )
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.start()
    assert "secret" not in str(caught.value)


# --- rows -----------------------------------------------------------------------------------------------------------


async def test_keys_that_differ_in_blanks_at_their_end_are_two(rig: Rig) -> None:
    jobs = [NewJob(id=f"j{n}", handler="h", source="s", dedupekey=key) for n, key in enumerate(("k", "k ", "K", "k"))]
    assert [answer.duplicate for answer in await rig.store.enqueue(jobs)] == [False, False, False, True]


async def test_rows_by_sql_get_ids_of_their_own_however_many_one_connection_writes(rig: Rig) -> None:
    """An id whose default is not computed anew is refused as a duplicate, or shows by its time."""
    began = rig.clock.now()
    async with rig.database._own.lend() as connection:
        cursor = connection.cursor()
        for number in range(900):
            await connection.begin()
            await cursor.execute("INSERT INTO queue_jobs (handler) VALUES ('a'), ('b')")
            await (connection.rollback() if number % 2 else connection.commit())
    rows = await rig.sql("SELECT id, createdon FROM queue_jobs")
    assert len({row[0] for row in rows}) == 900
    times = [int(row[0].replace("-", "")[:12], 16) / 1000 for row in rows]
    assert began.timestamp() - 1 < min(times) <= max(times) < rig.clock.now().timestamp() + 1
    made = [row[1].replace(tzinfo=UTC).timestamp() for row in rows]
    assert max(abs(one - other) for one, other in zip(times, made, strict=True)) < 1


async def test_values_travel_as_they_are(rig: Rig) -> None:
    odd = "'; DROP TABLE notes; -- \\ \" %s %(x)s :rows \n\t ☃ 😀"
    await rig.store.enqueue([NewJob(id="odd", handler=odd, payload=odd, queue="q")])
    (claim,) = (await rig.store.claim("q", 1)).claims
    assert (claim.handler, claim.payload) == (odd, odd)
    assert await rig.store.cancel("odd", reason=odd, actor="a") is not None


async def test_two_migrators_at_once_apply_each_file_once(mariadb_url: str) -> None:
    applied = await asyncio.gather(*(migrate(mariadb_url) for _ in range(3)))
    files = await status(mariadb_url)
    assert sorted(map(len, applied)) == [0, 0, len(files)]
    assert all(each.checksum_ok for each in files)


# --- plans ----------------------------------------------------------------------------------------------------------


async def test_a_claim_walks_what_is_open_and_nothing_else(rig: Rig) -> None:
    """Whatever else the table holds: rows that ended, and rows of a higher priority for tomorrow."""
    numbers = "(SELECT 1 + a.seq + 100 * b.seq AS n FROM seq_0_to_99 a, seq_0_to_99 b) s"
    for columns, values in (
        ("handler, queue, statusid", "'h', 'q', 3"),
        ("handler, queue, statusid, priority, scheduledat", "'h', 'q', 7, 9, UTC_TIMESTAMP() + INTERVAL 1 DAY"),
        ("handler, queue", "'h', 'q'"),
        ("handler, queue, orderingkey", "'h', 'q', CONCAT('k', n)"),
    ):
        await rig.sql(f"INSERT INTO queue_jobs ({columns}) SELECT {values} FROM {numbers}")
    plans = await _explain(
        rig, "claim", queue="q", ceiling=99, limit=200, twice=400, found=(20_001, 20_002), rows="[[20001, 1]]"
    )
    assert [(step["table"], step["key"]) for step in plans[0]] == [("queue_jobs", "qj_claim")]
    assert "Using index" in plans[0][0]["Extra"]
    assert "filesort" not in plans[0][0]["Extra"]
    assert ("j", "PRIMARY") in [(step["table"], step["key"]) for step in plans[1]]
    assert {(step["table"], step["key"]) for step in plans[2]} >= {
        ("j", "PRIMARY"),
        ("e", "qj_key"),
        ("s", "qj_keyslot"),
    }
    assert ("j", "PRIMARY") in [(step["table"], step["key"]) for step in plans[3]]

    async with rig.database._own.lend() as connection:  # rows are counted per session
        cursor = connection.cursor()
        await cursor.execute("FLUSH STATUS")
    claimed = await rig.store.claim("q", 200)
    assert len(claimed.claims) == 200
    async with rig.database._own.lend() as connection:
        cursor = connection.cursor()
        await cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        read = sum(int(value) for _, value in await cursor.fetchall())
    assert read < 200 * 20


async def _explain(rig: Rig, name: str, **values: Any) -> list[list[dict[str, Any]]]:
    """The plan of each text of a statement of the queue."""
    statement = load("hub.queue", "mysql", name)
    rows = values.pop("rows")
    named = {"owner": "w", "lease": 30.0, "max_retries": 3, "queues": "{}", "retries": "{}", **values}
    named |= {"foundrows": rows, "firstrows": json.dumps([[each] for each in values["found"]])}
    plans = []
    async with rig.database._own.lend() as connection:
        cursor = connection.cursor()
        for each in statement.texts:
            await cursor.execute("EXPLAIN " + each, named)
            names = [column[0] for column in cursor.description]
            plans.append([dict(zip(names, row, strict=True)) for row in await cursor.fetchall()])
    return plans
