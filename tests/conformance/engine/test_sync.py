"""Handlers that are not async: their SQL in the job's transaction, and what becomes of their threads."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from hub import handler
from hub.clock import SystemClock
from hub.db.engine import open_database
from hub.db.settings import DatabaseSettings
from hub.errors import HandlerEndedTransaction, StepInsideTransaction
from hub.handlers.sync import SyncJob
from hub.handlers.threads import AttemptEnded
from hub.queue.executor import Executor
from tests.conformance.engine.rig import Rig, RigMaker

EFFECTS = "CREATE TABLE effects (msg VARCHAR(50) PRIMARY KEY)"
EFFECT = text("INSERT INTO effects (msg) VALUES (:msg)")
COUNT = "SELECT count(*) AS n FROM effects"
FOREVER = {
    "postgresql": "SELECT pg_sleep(60)",
    "mysql": "SELECT sleep(60)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
}


class Base(DeclarativeBase):
    pass


class Effect(Base):
    __tablename__ = "effects"
    msg: Mapped[str] = mapped_column(primary_key=True)


async def effects(r: Rig) -> list[str]:
    return sorted(row["msg"] for row in await r.sql("SELECT msg FROM effects"))


async def happened(event: threading.Event) -> None:
    async with asyncio.timeout(20):
        while not event.is_set():  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.01)


async def test_effects_commit_with_the_completion(rig: RigMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    @handler("note")
    def note(payload: str, job: SyncJob) -> str:
        job.db.execute(EFFECT, {"msg": payload})
        seen.append((threading.current_thread() is threading.main_thread(), job.db.scalar(text(COUNT))))
        job.enqueue("after", payload)
        return payload

    @handler("after")
    def after(payload: str) -> str:
        return f"after {payload}"

    commit = Executor._commit

    async def watched(self: Executor, entry: Any, attempt: Any, outcome: Any) -> Any:
        if r.database.dialect != "sqlite":  # where one transaction at a time is open
            assert (await r.sql(COUNT))[0]["n"] == 0
        return await commit(self, entry, attempt, outcome)

    async with rig(note, after) as r:
        await r.sql(EFFECTS)
        monkeypatch.setattr(Executor, "_commit", watched)
        row = await r.until(await r.enqueue("note", "one"))
        assert (row["statusid"], row["result"]) == (3, '"one"')
        assert await effects(r) == ["one"]
        assert seen == [(False, 1)]
        await r.ran(2)
        [child] = await r.sql("SELECT * FROM queue_jobs WHERE handler = 'after'")
        assert (child["parentjobid"], child["result"]) == (row["id"], '"after one"')


async def test_many_at_once_each_once(rig: RigMaker) -> None:
    @handler("note")
    def note(payload: str, job: SyncJob) -> None:
        job.db.execute(EFFECT, {"msg": payload})
        job.db.execute(text("UPDATE effects SET msg = :new WHERE msg = :old"), {"old": payload, "new": f"{payload}!"})

    async with rig(note, workers=20) as r:
        await r.sql(EFFECTS)
        for number in range(200):
            await r.enqueue("note", f"{number:03}")
        await r.ran(200)
        assert await effects(r) == [f"{number:03}!" for number in range(200)]
        [failed] = await r.sql("SELECT count(*) AS n FROM queue_jobs WHERE statusid <> 3 OR retrycount > 0")
        assert failed["n"] == 0


async def test_a_failure_undoes_and_is_tried_again(rig: RigMaker) -> None:
    @handler("note", retry=[0])
    def note(payload: str, job: SyncJob) -> None:
        job.db.execute(EFFECT, {"msg": payload})
        if job.attempt < 2:
            raise ConnectionError("not yet")

    async with rig(note) as r:
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("note", "one"))
        assert (row["statusid"], row["retrycount"]) == (3, 2)
        assert [one["statusid"] for one in await r.histories(row["id"])] == [4, 4, 3]
        assert await effects(r) == ["one"]


async def test_a_savepoint_survives_an_error(rig: RigMaker) -> None:
    @handler("note")
    def note(job: SyncJob) -> str:
        job.db.execute(EFFECT, {"msg": "one"})
        try:
            with job.db.begin_nested():
                job.db.execute(EFFECT, {"msg": "lost"})
                job.db.execute(EFFECT, {"msg": "one"})
        except IntegrityError:
            return "survived"
        return "no error"

    async with rig(note) as r:
        await r.sql(EFFECTS)
        assert (await r.until(await r.enqueue("note")))["result"] == '"survived"'
        assert await effects(r) == ["one"]


async def test_a_session_works_in_the_jobs_transaction(rig: RigMaker) -> None:
    @handler("note")
    def note(payload: bool, job: SyncJob) -> int:
        with Session(bind=job.db, join_transaction_mode="create_savepoint") as session:
            session.add_all([Effect(msg="kept"), Effect(msg="changed")])
            session.commit()
        with Session(bind=job.db) as session:  # its own default joins by a savepoint too
            found = session.get(Effect, "changed")
            assert found is not None
            found.msg = "has changed"
            session.commit()
            session.add(Effect(msg="undone"))
            session.rollback()
        if payload:
            raise ValueError
        return job.db.scalar(text(COUNT)) or 0

    async with rig(note, max_retries=0) as r:
        await r.sql(EFFECTS)
        assert (await r.until(await r.enqueue("note", True)))["statusid"] == 4
        assert await effects(r) == []
        assert (await r.until(await r.enqueue("note", False)))["result"] == "2"
        assert await effects(r) == ["has changed", "kept"]


@pytest.mark.parametrize("way", ["commit", "rollback", "begin", "close", "COMMIT"])
async def test_the_transaction_is_the_hubs(rig: RigMaker, way: str) -> None:
    @handler("note")
    def note(job: SyncJob) -> None:
        job.db.execute(EFFECT, {"msg": "one"})
        try:
            job.db.execute(text(way)) if way == "COMMIT" else getattr(job.db, way)()
        except HandlerEndedTransaction:
            return  # swallowed, and the attempt has failed all the same

    async with rig(note) as r:
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("note"))
        assert (row["statusid"], row["failure"], row["retrycount"]) == (4, "permanent", 0)
        assert await effects(r) == []


async def test_a_step_is_done_once_over_attempts_and_not_after_sql(rig: RigMaker) -> None:
    calls: list[str] = []

    def charge(amount: int) -> dict[str, int]:
        calls.append("charged")
        return {"receipt": amount}

    @handler("pay", retry=[0])
    def pay(payload: int, job: SyncJob) -> Any:
        receipt = job.step("charge", charge, payload)
        if job.attempt == 0:
            raise ConnectionError
        job.db.execute(EFFECT, {"msg": "paid"})
        try:
            job.step("late", charge, payload)
        except StepInsideTransaction:
            return receipt

    async with rig(pay) as r:
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("pay", 7))
        assert (row["statusid"], row["result"], row["retrycount"]) == (3, '{"receipt":7}', 1)
        assert calls == ["charged"]


# --- told to end -----------------------------------------------------------------------------------------------------


class Late:
    """What a thread meets that goes on after its attempt."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.over = threading.Event(), threading.Event(), threading.Event()
        self.met: list[type[BaseException]] = []

    def meet(self, *calls: Callable[[], object]) -> None:
        for call in calls:
            try:
                call()
            except Exception as error:
                self.met.append(type(error))
            else:
                self.met.append(type(None))
        self.over.set()


@pytest.mark.parametrize("how", ["timeout", "cancel"])
async def test_a_thread_that_sleeps_is_left_alone_and_can_do_nothing_more(rig: RigMaker, how: str) -> None:
    late = Late()

    @handler("note", timeout=1.5 if how == "timeout" else 30, max_retries=0)
    def note(job: SyncJob) -> None:
        db = job.db
        db.execute(EFFECT, {"msg": "undone"})
        late.begun.set()
        late.go_on.wait(30)
        session = Session(bind=db)
        late.meet(
            lambda: db.execute(EFFECT, {"msg": "late"}),
            lambda: db.begin_nested(),
            lambda: session.execute(text("SELECT 1")),
            lambda: job.enqueue("note"),
            lambda: job.step("late", print),
        )

    @handler("other")
    def other(job: SyncJob) -> int:
        return job.db.scalar(text(COUNT)) or 0

    async with rig(note, other, pool=1) as r:
        await r.sql(EFFECTS)
        job = await r.enqueue("note")
        await happened(late.begun)
        if how == "cancel":
            assert await r.engine.cancel(job, reason="enough", actor="test") == 2
        row = await r.until(job)
        assert row["statusid"] == (4 if how == "timeout" else 6)
        assert len(await r.histories(job)) == 1
        # The one connection is free again, and clean.
        assert (await r.until(await r.enqueue("other")))["result"] == "0"
        late.go_on.set()
        await happened(late.over)
        assert type(None) not in late.met
        assert AttemptEnded in late.met
        assert (await r.until(await r.enqueue("other")))["result"] == "0"
        assert await r.sql("SELECT id FROM queue_jobs WHERE handler = 'note' AND id <> :id", id=job) == []


@pytest.mark.parametrize("how", ["timeout", "cancel"])
async def test_a_statement_that_runs_for_ever_is_stopped(rig: RigMaker, how: str) -> None:
    late = Late()

    @handler("forever", timeout=1.5 if how == "timeout" else 30, max_retries=0)
    def forever(job: SyncJob) -> None:
        job.db.execute(EFFECT, {"msg": "undone"})
        late.begun.set()
        late.meet(lambda: job.db.execute(text(FOREVER[r.database.dialect])), lambda: job.db.execute(text("SELECT 1")))

    @handler("note")
    def note(payload: str, job: SyncJob) -> None:
        job.db.execute(EFFECT, {"msg": payload})

    async with rig(forever, note, pool=1) as r:
        await r.sql(EFFECTS)
        job = await r.enqueue("forever")
        await happened(late.begun)
        began = time.monotonic()
        if how == "cancel":
            await r.engine.cancel(job, reason="enough", actor="test")
        assert (await r.until(job))["statusid"] == (4 if how == "timeout" else 6)
        await happened(late.over)  # the thread was released, too
        assert time.monotonic() - began < 30  # by itself it would end after a minute
        assert type(None) not in late.met
        assert late.met[0] is AttemptEnded
        assert (await r.until(await r.enqueue("note", "after")))["statusid"] == 3
        assert await effects(r) == ["after"]


async def test_a_thread_that_never_returns_does_not_keep_the_hub_from_ending(rig: RigMaker, database_url: str) -> None:
    late = Late()

    @handler("hangs")
    def hangs(job: SyncJob) -> None:
        job.db.execute(EFFECT, {"msg": "undone"})
        late.begun.set()
        late.go_on.wait(60)
        late.meet(lambda: job.db.execute(EFFECT, {"msg": "late"}))

    async with rig(hangs, shutdown_timeout=0.3) as r:
        await r.sql(EFFECTS)
        job = await r.enqueue("hangs")
        await happened(late.begun)
        began = time.monotonic()
    assert time.monotonic() - began < 30  # by itself it would end after a minute
    late.go_on.set()
    await happened(late.over)
    assert late.met[0] is not type(None)
    # Without workers: one that lacks the handler would claim the job and put it off.
    database = open_database(database_url, DatabaseSettings(), SystemClock())
    await database.start()
    try:
        async with database.transaction() as connection:
            found = await connection.execute(
                text("SELECT statusid, retrycount, leaseuntil FROM queue_jobs WHERE id = :id"), {"id": job}
            )
            assert tuple(found.one()) == (1, 0, None)
            assert (await connection.execute(text("SELECT msg FROM effects"))).all() == []
    finally:
        await database.stop()


async def test_a_connection_that_is_lost_under_a_thread_is_taken_up_again(rig: RigMaker) -> None:
    kill = {
        "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
        "mysql": "KILL CONNECTION_ID()",
    }
    tries: list[int] = []

    @handler("cut")
    def cut(job: SyncJob) -> str:
        tries.append(job.attempt)
        job.db.execute(EFFECT, {"msg": "one"})
        if len(tries) == 1:
            job.db.execute(text(kill[r.database.dialect]))
        return "done"

    async with rig(cut, pool=1, poll_interval=0.1) as r:
        if r.database.dialect not in kill:
            pytest.skip("a file has no connection to lose")
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("cut"))
        assert (row["statusid"], row["result"], row["retrycount"]) == (3, '"done"', 0)
        assert tries == [0, 0]  # no attempt was used up by it
        assert await effects(r) == ["one"]
