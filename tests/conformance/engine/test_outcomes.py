"""What becomes of a job, by what its handler does."""

import asyncio
import contextlib
import re
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub import Job, handler
from hub.errors import Cancel, DatabaseUnavailable, Permanent, Retry, Snooze, TransactionConflict
from hub.queue import ending
from tests.conformance.engine.rig import RigMaker
from tests.conformance.engine.types import Order

EFFECTS = "CREATE TABLE effects (msg TEXT)"
EFFECT = text("INSERT INTO effects (msg) VALUES (:msg)")


async def test_a_returned_value_is_the_result_and_leaves_one_history_row(rig: RigMaker) -> None:
    @handler("add")
    async def add(payload: dict[str, int]) -> dict[str, int]:
        return {"sum": payload["a"] + payload["b"]}

    async with rig(add) as r:
        job = await r.enqueue("add", {"a": 1, "b": 2})
        row = await r.until(job)
        assert (row["statusid"], row["result"], row["queue"], row["maxretries"]) == (3, '{"sum":3}', "default", 3)
        assert row["completedat"] is not None
        assert row["lasterror"] is None
        [history] = await r.histories(job)
        assert (history["statusid"], history["result"], history["retryattempt"]) == (3, "Success", 0)
        assert history["inputdata"] == '{"a":1,"b":2}'
        assert history["outputdata"] == '{"sum":3}'
        assert history["executedby"] == "worker-1"
        assert history["duration"] >= 0


async def test_effects_and_completion_are_one_commit(rig: RigMaker) -> None:
    @handler("effect")
    async def effect(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})

    async with rig(effect) as r:
        await r.sql(EFFECTS)
        jobs = [await r.enqueue("effect") for _ in range(50)]
        for job in jobs:
            assert (await r.until(job))["statusid"] == 3
        assert sorted(row["msg"] for row in await r.sql("SELECT msg FROM effects")) == sorted(jobs)
        assert len(await r.sql("SELECT id FROM job_histories")) == 50


async def test_an_error_rolls_back_retries_with_a_lower_priority_and_ends_as_a_dead_letter(rig: RigMaker) -> None:
    @handler("broken", retry=[0.01], max_retries=2)
    async def broken(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})
        raise ValueError(f"attempt {job.attempt}")

    async with rig(broken) as r:
        await r.sql(EFFECTS)
        job = await r.enqueue("broken", priority=5)
        row = await r.until(job)
        assert (row["statusid"], row["retrycount"], row["priority"], row["failure"]) == (4, 2, 3, "exhausted")
        assert row["lasterror"].startswith("ValueError: attempt 2")
        histories = await r.histories(job)
        assert [h["retryattempt"] for h in histories] == [0, 1, 2]
        assert [h["result"] for h in histories] == [f"ValueError: attempt {n}" for n in range(3)]
        assert {h["statusid"] for h in histories} == {4}
        assert await r.sql("SELECT msg FROM effects") == []


async def test_success_after_a_retry_clears_the_error(rig: RigMaker) -> None:
    @handler("flaky", retry=[0.01])
    async def flaky(job: Job) -> str:
        if job.attempt == 0:
            raise ConnectionError("not yet")
        return "there"

    async with rig(flaky) as r:
        job = await r.enqueue("flaky")
        row = await r.until(job)
        assert (row["statusid"], row["lasterror"], row["result"]) == (3, None, '"there"')
        assert [h["statusid"] for h in await r.histories(job)] == [4, 3]


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("it does not say")


@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [
        (Permanent("never"), 4, "permanent"),
        (Cancel("not wanted"), 6, None),
        (SystemExit(3), 5, None),
        (GeneratorExit(), 5, None),
        (Mute(), 5, None),
    ],
)
async def test_a_handler_chooses_its_end(rig: RigMaker, error: BaseException, status: int, failure: str | None) -> None:
    @handler("chooses", retry=[60])
    async def chooses() -> None:
        raise error

    async with rig(chooses) as r:
        row = await r.until(await r.enqueue("chooses"), status)
        assert (row["statusid"], row["failure"]) == (status, failure)


async def test_a_retry_at_a_time_of_the_handlers_choice(rig: RigMaker) -> None:
    @handler("later")
    async def later(job: Job) -> int:
        if job.attempt == 0:
            raise Retry("the partner asked for it", delay=0.05)
        return job.attempt

    async with rig(later) as r:
        row = await r.until(await r.enqueue("later"))
        assert (row["statusid"], row["result"]) == (3, "1")


async def test_a_snooze_uses_no_attempt_and_leaves_no_history(rig: RigMaker) -> None:
    calls: list[int] = []

    @handler("sleepy")
    async def sleepy(job: Job) -> None:
        calls.append(job.attempt)
        if len(calls) < 3:
            raise Snooze(0.02)

    async with rig(sleepy) as r:
        job = await r.enqueue("sleepy", priority=1)
        row = await r.until(job)
        assert (row["statusid"], row["retrycount"], row["priority"]) == (3, 0, 1)
        assert calls == [0, 0, 0]
        assert len(await r.histories(job)) == 1


async def test_a_timeout_stops_the_handler_and_undoes_its_effects(rig: RigMaker) -> None:
    stopped = asyncio.Event()

    @handler("slow", timeout=1.5, max_retries=0)
    async def slow(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with rig(slow) as r:
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("slow"))
        assert stopped.is_set()
        assert row["statusid"] == 4
        assert row["lasterror"] == "JobTimeout: ran longer than its timeout of 1.5 s"
        assert await r.sql("SELECT msg FROM effects") == []


async def test_the_rows_own_timeout_is_the_narrower_word(rig: RigMaker) -> None:
    @handler("slow", timeout=60, max_retries=0)
    async def slow() -> None:
        await asyncio.Event().wait()

    async with rig(slow) as r:
        row = await r.until(await r.enqueue("slow", timeout=0.05))
        assert "timeout of 0.05 s" in row["lasterror"]


async def test_an_unknown_handler_waits_and_uses_no_attempt(rig: RigMaker, caplog: pytest.LogCaptureFixture) -> None:
    @handler("known")
    async def known() -> None: ...

    async with rig(known) as r:
        job = await r.enqueue("not.deployed.yet")
        row = await r.until(job, 1)
        await r.until(await r.enqueue("not.deployed.yet"), 1)
        assert [record.levelname for record in caplog.records if "not.deployed.yet" in record.message] == ["WARNING"]
        assert (row["statusid"], row["retrycount"]) == (1, 0)
        assert "not.deployed.yet" in row["lasterror"]
        assert row["unknownsince"] is not None
        assert await r.histories(job) == []
        assert (await r.until(await r.enqueue("known")))["statusid"] == 3


async def test_an_unknown_handler_is_a_dead_letter_after_a_while(rig: RigMaker) -> None:
    @handler("known")
    async def known() -> None: ...

    async with rig(known, unknown_handler_after=0.0) as r:
        row = await r.until(await r.enqueue("nobody.knows"))
        assert (row["statusid"], row["failure"]) == (4, "unknown-handler")


async def test_a_payload_that_does_not_fit_is_a_dead_letter_that_names_the_field(rig: RigMaker) -> None:
    @handler("typed")
    async def typed(order: Order) -> int:
        return order.id

    async with rig(typed) as r:
        row = await r.until(await r.enqueue("typed", {"id": "seven"}))
        assert (row["statusid"], row["failure"]) == (4, "permanent")
        assert row["lasterror"].startswith("PayloadInvalid: payload.id: expected `int`")
        assert (await r.until(await r.enqueue("typed", {"id": 7})))["result"] == "7"


@pytest.mark.parametrize("value", [object(), {"x": b"\xff"}, float("nan")])
async def test_a_result_that_json_cannot_hold_is_an_error_and_no_half_done_job(rig: RigMaker, value: Any) -> None:
    @handler("odd", max_retries=0)
    async def odd(job: Job) -> Any:
        await job.db.execute(EFFECT, {"msg": job.id})
        return value

    async with rig(odd) as r:
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("odd"))
        if row["statusid"] == 3:  # bytes are base64 in JSON, which is a fair answer
            assert isinstance(value, dict)
            return
        assert row["statusid"] == 4
        assert await r.sql("SELECT msg FROM effects") == []


@pytest.mark.parametrize("message", ["nul \0 inside", "lone \udc80 surrogate", "x" * 100_000, ""])
async def test_any_error_text_can_be_kept(rig: RigMaker, message: str) -> None:
    @handler("speaks", max_retries=0)
    async def speaks() -> None:
        raise RuntimeError(message)

    async with rig(speaks) as r:
        row = await r.until(await r.enqueue("speaks"))
        assert row["statusid"] == 4
        assert row["lasterror"].startswith("RuntimeError")


async def test_a_swallowed_commit_is_a_dead_letter_and_nothing_is_kept(rig: RigMaker) -> None:
    @handler("ends")
    async def ends(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})
        try:
            await job.db.commit()
        except Permanent:
            return

    async with rig(ends) as r:
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("ends"))
        assert (row["statusid"], row["failure"]) == (4, "permanent")
        assert "belongs to the hub" in row["lasterror"]
        assert await r.sql("SELECT msg FROM effects") == []


async def test_a_swallowed_error_ends_its_attempt_also_where_there_is_something_to_send(rig: RigMaker) -> None:
    @handler("swallows", max_retries=1, retry=[0.01])
    async def swallows(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})
        with contextlib.suppress(DBAPIError):
            await job.db.execute(text("INSERT INTO no_such_table VALUES (1)"))
        await job.enqueue("nobody", delay=3600)

    async with rig(swallows) as r:
        await r.sql(EFFECTS)
        job = await r.enqueue("swallows")
        row = await r.until(job)
        # PostgreSQL aborts a transaction at its first error.
        aborts = r.database.dialect == "postgresql"
        assert (row["statusid"], row["crashcount"]) == (4 if aborts else 3, 0)
        assert len(await r.sql("SELECT msg FROM effects")) == (0 if aborts else 1)
        assert "swallowed" in (row["lasterror"] or "") or not aborts


async def test_a_transaction_in_which_the_hub_cannot_write_ends_its_attempt_and_no_other(rig: RigMaker) -> None:
    @handler("moves", max_retries=1, retry=[0.01])
    async def moves(payload: bool, job: Job) -> None:
        elsewhere = {"postgresql": "ALTER TABLE job_histories RENAME TO h", "mysql": "USE information_schema"}
        await job.db.execute(text(elsewhere.get(r.database.dialect, "SELECT * FROM no_such_table")))
        if payload:
            await job.enqueue("nobody", delay=3600)

    @handler("effect")
    async def effect(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})

    async with rig(moves, effect) as r:
        await r.sql(EFFECTS)
        for sends in (False, True):
            row = await r.until(await r.enqueue("moves", sends))
            assert (row["statusid"], row["crashcount"]) == (4, 0)
            assert (await r.until(await r.enqueue("effect")))["statusid"] == 3


async def test_a_job_that_met_a_database_away_runs_again_and_says_so(
    rig: RigMaker, caplog: pytest.LogCaptureFixture
) -> None:
    met: list[int] = []

    @handler("cut.off", max_retries=0)
    async def cut_off(job: Job) -> None:
        met.append(job.attempt)
        if len(met) == 1:
            raise DatabaseUnavailable("the connection was closed")

    async with rig(cut_off) as r:
        job = await r.enqueue("cut.off")
        row = await r.until(job)
        assert (row["statusid"], row["retrycount"], met) == (3, 0, [0, 0])
    assert f"job {job} runs again" in caplog.text
    assert "the connection was closed" in caplog.text


async def test_a_job_that_loses_its_connection_each_time_ends(rig: RigMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_CUTS", 2)
    cut = {"postgresql": "SELECT pg_terminate_backend(pg_backend_pid())", "mysql": "KILL CONNECTION_ID()"}
    runs: list[int] = []

    @handler("deadly", retry=[0.01], max_retries=1)
    async def deadly(job: Job) -> None:
        runs.append(job.attempt)
        await job.db.execute(text(cut[job.db.dialect.name]))

    async with rig(deadly) as r:
        if r.database.dialect not in cut:
            pytest.skip("a file has no connection to lose")
        job = await r.enqueue("deadly")
        row = await r.until(job)
        assert (row["statusid"], row["failure"], runs) == (4, "exhausted", [0, 0, 0, 1])
        assert [history["statusid"] for history in await r.histories(job)] == [4, 4]


async def test_a_statement_that_fails_each_time_is_no_database_that_is_away(rig: RigMaker) -> None:
    failing = {
        "postgresql": "COPY effects FROM '/nowhere/missing'",
        "mysql": "LOAD DATA INFILE '/nowhere/missing' INTO TABLE effects",
    }

    @handler("load", max_retries=0)
    async def load(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": job.id})
        await job.db.execute(text(failing[job.db.dialect.name]))

    async with rig(load) as r:
        if r.database.dialect == "sqlite":
            pytest.skip("its statements read no files")
        await r.sql(EFFECTS)
        row = await r.until(await r.enqueue("load"))
        assert (row["statusid"], row["failure"]) == (4, "exhausted")
        assert re.search("/nowhere/missing|--secure-file-priv", row["lasterror"])


async def test_a_savepoint_undoes_a_part(rig: RigMaker) -> None:
    @handler("careful")
    async def careful(job: Job) -> None:
        await job.db.execute(EFFECT, {"msg": "kept"})
        try:
            async with job.db.begin_nested():
                await job.db.execute(EFFECT, {"msg": "undone"})
                raise LookupError
        except LookupError:
            await job.db.execute(EFFECT, {"msg": "also kept"})

    async with rig(careful) as r:
        await r.sql(EFFECTS)
        assert (await r.until(await r.enqueue("careful")))["statusid"] == 3
        assert [row["msg"] for row in await r.sql("SELECT msg FROM effects ORDER BY msg")] == ["also kept", "kept"]


async def test_a_job_that_meets_conflict_upon_conflict_goes_back_and_says_so(
    rig: RigMaker, caplog: pytest.LogCaptureFixture
) -> None:
    runs = 0

    @handler("unlucky", max_retries=0)
    async def unlucky() -> str:
        nonlocal runs
        runs += 1
        if runs <= 4:
            raise TransactionConflict("serialization failure")
        return "at last"

    async with rig(unlucky, poll_interval=0.1) as r:
        row = await r.until(await r.enqueue("unlucky"))
    assert (row["statusid"], row["result"], row["retrycount"]) == (3, '"at last"', 0)
    assert "unlucky has met a conflict 3 times in a row" in caplog.text
