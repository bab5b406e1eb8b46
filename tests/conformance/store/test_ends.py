"""How attempts end: behind their fence, with their history, and what the job becomes."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.errors import TransactionConflict
from hub.model import Claim, Failure, Status
from hub.queue.steps import Steps
from hub.queue.store import Held
from tests.conformance.store.rig import FAR, Rig


async def lost(rig: Rig) -> Claim:
    """A claim whose job another worker has meanwhile taken back and claimed."""
    claim = await rig.one()
    await rig.crash(claim.id)
    await rig.other.rescue()
    (again,) = await rig.take(store=rig.other)
    assert (again.id, again.fence > claim.fence) == (claim.id, True)
    return claim


# --- completion -----------------------------------------------------------------------------------------------------


async def test_a_completed_job_keeps_its_result_and_leaves_one_history_row(rig: Rig) -> None:
    claim = await rig.one(payload='{"n": 1}')
    end = rig.end(claim, result='{"ok": true}', duration=1500)
    assert await rig.store.complete([end]) == {claim.id}
    row = await rig.job(claim.id)
    assert (row["statusid"], row["result"], row["leaseuntil"]) == (Status.COMPLETED, '{"ok": true}', None)
    history = await rig.history(claim.id)
    assert (history["statusid"], history["result"], history["errormessage"]) == (Status.COMPLETED, "Success", None)
    assert (history["id"], history["executionid"]) == (end.executionid, end.executionid)
    assert (history["inputdata"], history["outputdata"]) == ('{"n": 1}', '{"ok": true}')
    assert (history["retryattempt"], history["executedby"], history["duration"]) == (0, "w1", 1500)
    began, ended = rig.instant(history["startedat"]), rig.instant(history["completedat"])
    assert abs(ended - began - timedelta(seconds=1.5)) < timedelta(milliseconds=2)
    assert abs(ended - rig.instant(row["completedat"])) < timedelta(seconds=1)
    assert abs(ended - datetime.now(UTC)) < timedelta(seconds=10)


async def test_a_job_completed_in_its_own_transaction_leaves_the_same(rig: Rig) -> None:
    claim = await rig.one(payload="in")
    end = rig.end(claim, result='"out"')
    assert await rig.store.complete_in(rig.database.begin_job("t"), end)
    row, history = await rig.job(claim.id), await rig.history(claim.id)
    assert (row["statusid"], row["result"], row["leaseuntil"]) == (Status.COMPLETED, '"out"', None)
    assert (history["id"], history["inputdata"], history["outputdata"]) == (end.executionid, "in", '"out"')
    assert (history["statusid"], history["retryattempt"], history["executedby"]) == (3, 0, "w1")
    assert await rig.store.executed([end.executionid or "", "another"]) == {end.executionid}


async def test_a_batch_completes_those_whose_fence_holds(rig: Rig) -> None:
    zombie = await lost(rig)
    good = await rig.one()
    assert await rig.complete(zombie, good) == {good.id}
    assert await rig.status(zombie.id, good.id) == [Status.PROCESSING, Status.COMPLETED]
    assert await rig.attempts(zombie.id) == [(0, 4)]


async def test_a_result_is_cut_from_no_text_and_history_input_is_bounded(rig: Rig) -> None:
    short = rig.worker("w1", history_input=3)
    off = rig.worker("w1", history_input=0)
    await rig.add(rig.new(payload="äöüß"), rig.new(payload="äöüß"), rig.new(payload="äöüß"), rig.new(payload="äöüß"))
    first, second, third, fourth = await rig.take()
    await short.complete([rig.end(first, result="x" * 100_000)])
    await off.complete([rig.end(second)])
    await short.settle([rig.end(third, statusid=Status.FAILED, lasterror="e")])
    await short.complete_in(rig.database.begin_job("t"), rig.end(fourth))
    inputs = [(await rig.history(claim.id))["inputdata"] for claim in (first, second, third, fourth)]
    assert inputs == ["äöü", None, "äöü", "äöü"]
    assert (await rig.job(first.id))["result"] == "x" * 100_000


# --- the fence ------------------------------------------------------------------------------------------------------


async def test_a_stale_worker_writes_nothing(rig: Rig) -> None:
    zombie = await lost(rig)
    before, histories = dict(await rig.job(zombie.id)), await rig.attempts(zombie.id)
    assert await rig.complete(zombie) == set()
    assert await rig.retry(zombie) == set()
    assert await rig.fail(zombie) == set()
    assert await rig.snooze(zombie, 5.0) == set()
    assert await rig.snooze(zombie, None) == set()
    assert not await rig.store.complete_in(rig.database.begin_job("t"), rig.end(zombie))
    assert not await Steps(rig.database).remember(zombie, "charge", "1")
    rows = await rig.store.renew(rig.database, [Held(zombie.id, zombie.fence, 0.9, "nearly")])
    assert [(row[0], bool(row[1]), bool(row[2])) for row in rows] == [(zombie.id, False, False)]
    assert dict(await rig.job(zombie.id)) == before
    assert await rig.attempts(zombie.id) == histories
    assert await Steps(rig.database).remembered(zombie.id) == {}


async def test_an_ended_job_cannot_be_ended_again(rig: Rig) -> None:
    claim = await rig.one()
    await rig.complete(claim)
    assert await rig.fail(claim) == set()
    assert await rig.complete(claim) == set()
    assert not await rig.store.complete_in(rig.database.begin_job("t"), rig.end(claim))
    assert await rig.attempts(claim.id) == [(0, 3)]


# --- other ends -----------------------------------------------------------------------------------------------------


async def test_a_retry_waits_comes_back_with_less_priority_and_counts(rig: Rig) -> None:
    claim = await rig.one(priority=5)
    assert await rig.retry(claim, delay=60.0) == {claim.id}
    row = await rig.job(claim.id)
    assert (row["statusid"], row["retrycount"], row["priority"], row["completedat"]) == (Status.RETRYING, 1, 4, None)
    assert row["lasterror"] == "Oops: it broke\n  at line 1"
    wait = rig.instant(row["scheduledat"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < wait <= timedelta(seconds=61)
    assert await rig.taken() == []
    assert await rig.due(claim.id) == {"default": 1}
    assert await rig.status(claim.id) == [Status.RETRYING]
    (again,) = await rig.take()
    assert (again.id, again.attempt, again.retrycount, again.priority) == (claim.id, 1, 1, 4)
    history = await rig.history(claim.id)
    assert (history["statusid"], history["result"]) == (4, "Oops: it broke")
    assert history["errormessage"] == "Oops: it broke\n  at line 1"


async def test_a_retry_keeps_its_place_among_its_like(rig: Rig) -> None:
    first = await rig.one(priority=1)
    await rig.retry(first)
    (second,) = await rig.add(rig.new())
    await rig.due(first.id)
    assert await rig.taken() == [first.id, second]


async def test_attempts_are_numbered_without_gaps_and_end_in_one_terminal_row(rig: Rig) -> None:
    claim = await rig.one(maxretries=3)
    await rig.retry(claim)
    await rig.due(claim.id)
    (claim,) = await rig.take()
    await rig.crash(claim.id)
    await rig.other.rescue()
    (claim,) = await rig.take()
    await rig.snooze(claim, None)
    (claim,) = await rig.take()
    await rig.retry(claim)
    await rig.due(claim.id)
    (claim,) = await rig.take()
    await rig.complete(claim)
    assert await rig.attempts(claim.id) == [(0, 4), (1, 4), (2, 4), (3, 3)]
    assert await rig.status(claim.id) == [Status.COMPLETED]
    assert (await rig.job(claim.id))["lasterror"] is None


@pytest.mark.parametrize("failure", list(Failure))
async def test_a_failed_job_is_a_dead_letter_that_says_why(rig: Rig, failure: Failure) -> None:
    job_id = await rig.dead(failure=failure)
    row = await rig.job(job_id)
    assert (row["statusid"], row["failure"], row["leaseuntil"]) == (Status.FAILED, failure, None)
    assert row["completedat"] is not None
    assert await rig.attempts(job_id) == [(0, 4)]
    assert await rig.taken() == []


@pytest.mark.parametrize("delay", [None, 0.0, 60.0])
async def test_a_snooze_and_a_give_back_leave_no_trace_in_the_history(rig: Rig, delay: float | None) -> None:
    claim = await rig.one(priority=3)
    await rig.snooze(claim, delay)
    row = await rig.job(claim.id)
    assert (row["statusid"], row["retrycount"], row["priority"], row["leaseuntil"]) == (Status.QUEUED, 0, 3, None)
    if delay is not None:
        assert await rig.taken() == []
        await rig.due(claim.id)
    (again,) = await rig.take()
    assert (again.attempt, again.fence > claim.fence) == (0, True)
    assert await rig.attempts(claim.id) == []


async def test_a_give_back_takes_its_old_place(rig: Rig) -> None:
    claim = await rig.one()
    (after,) = await rig.add(rig.new())
    await rig.snooze(claim, None)
    assert await rig.taken() == [claim.id, after]


async def test_a_snooze_keeps_the_error_of_the_attempt_before(rig: Rig) -> None:
    claim = await rig.one()
    await rig.retry(claim)
    await rig.due(claim.id)
    (claim,) = await rig.take()
    await rig.snooze(claim, None)
    assert (await rig.job(claim.id))["lasterror"] == "Oops: it broke\n  at line 1"


async def test_a_snooze_of_any_length_is_a_time_to_come(rig: Rig) -> None:
    claim = await rig.one()
    await rig.snooze(claim, 1e12)
    row = await rig.records.job(claim.id)
    assert row is not None
    assert row["scheduledat"] > FAR
    assert await rig.store.promote() == {}


async def test_an_unknown_handler_is_remembered_from_its_first_meeting(rig: Rig) -> None:
    claim = await rig.one()
    assert claim.unknownfor == 0.0
    await rig.snooze(claim, 30.0, unknown=True, lasterror="no handler")
    since = (await rig.job(claim.id))["unknownsince"]
    assert since is not None
    hour_ago = rig.bind(datetime.now(UTC) - timedelta(hours=1))
    await rig.sql("UPDATE queue_jobs SET unknownsince = :at WHERE id = :id", at=hour_ago, id=claim.id)
    await rig.due(claim.id)
    (claim,) = await rig.take()
    assert 3590 < claim.unknownfor < 3620
    await rig.snooze(claim, 30.0, unknown=True)
    await rig.due(claim.id)
    (claim,) = await rig.take()
    assert claim.unknownfor > 3590
    await rig.snooze(claim, 30.0)
    assert (await rig.job(claim.id))["unknownsince"] is None


async def test_a_batch_settles_ends_of_every_kind(rig: Rig) -> None:
    await rig.add(*(rig.new() for _ in range(5)))
    done, failed, again, given, cancelled = await rig.take()
    settled = await rig.store.settle(
        [
            rig.end(done, result="1"),
            rig.end(failed, statusid=Status.FAILED, lasterror="e", failure=Failure.PERMANENT),
            rig.end(again, statusid=Status.RETRYING, delay=9.0, lasterror="e", retrycount=1),
            rig.end(given, statusid=Status.QUEUED, executionid=None),
            rig.end(cancelled, statusid=Status.CANCELLED, lasterror="not needed"),
        ]
    )
    assert settled == {done.id, failed.id, again.id, given.id, cancelled.id}
    assert await rig.status(done.id, failed.id, again.id, given.id, cancelled.id) == [3, 4, 5, 1, 6]
    histories = [await rig.attempts(claim.id) for claim in (done, failed, again, given, cancelled)]
    assert histories == [[(0, 3)], [(0, 4)], [(0, 4)], [], [(0, 6)]]


# --- cancellation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"scheduledat": FAR}, {"orderingkey": "k"}], ids=str)
async def test_a_waiting_job_is_cancelled_at_once(rig: Rig, fields: dict[str, object]) -> None:
    (job_id,) = await rig.add(rig.new(**fields))
    assert await rig.store.cancel(job_id, reason="changed my mind", actor="ann") is Status.CANCELLED
    row = await rig.job(job_id)
    assert (row["statusid"], row["lasterror"], row["modifiedby"]) == (Status.CANCELLED, "changed my mind", "ann")
    assert row["completedat"] is not None
    history = await rig.history(job_id)
    assert (history["statusid"], history["retryattempt"], history["result"]) == (6, 0, "changed my mind")
    await rig.store.promote()
    assert await rig.taken() == []


@pytest.mark.parametrize("said", [None, "the handler's own word"])
async def test_a_running_job_is_asked_to_stop_and_its_worker_hears_of_it(rig: Rig, said: str | None) -> None:
    claim = await rig.one()
    assert await rig.store.cancel(claim.id, reason="stop", actor="ann") is Status.PROCESSING
    assert await rig.status(claim.id) == [Status.PROCESSING]
    rows = await rig.store.renew(rig.database, [Held(claim.id, claim.fence, None, None)])
    assert [(row[0], bool(row[1]), bool(row[2])) for row in rows] == [(claim.id, True, True)]
    await rig.store.settle([rig.end(claim, statusid=Status.CANCELLED, lasterror=said)])
    assert await rig.attempts(claim.id) == [(0, 6)]
    assert (await rig.job(claim.id))["lasterror"] == (said or "stop")
    assert (await rig.history(claim.id))["errormessage"] == (said or "stop")


async def test_a_job_that_completes_all_the_same_is_completed(rig: Rig) -> None:
    claim = await rig.one()
    await rig.store.cancel(claim.id, reason="stop", actor="ann")
    assert await rig.complete(claim) == {claim.id}
    row = await rig.job(claim.id)
    assert (row["statusid"], row["lasterror"], bool(row["cancelrequested"])) == (Status.COMPLETED, None, False)


@pytest.mark.parametrize("end", ["retry", "snooze", "give back", "crash"])
async def test_a_job_that_was_asked_to_stop_does_not_run_again(rig: Rig, end: str) -> None:
    claim = await rig.one()
    await rig.store.cancel(claim.id, reason="stop", actor="ann")
    match end:
        case "retry":
            await rig.retry(claim)
        case "snooze":
            await rig.snooze(claim, 30.0)
        case "give back":
            await rig.snooze(claim, None)
        case _:
            await rig.crash(claim.id)
            await rig.other.rescue()
    row = await rig.job(claim.id)
    assert (row["statusid"], row["failure"]) == (Status.CANCELLED, None)
    if end != "retry":  # which has an error of its own
        assert row["lasterror"].endswith("stop")
        assert (await rig.history(claim.id))["errormessage"] == row["lasterror"]
    assert row["completedat"] is not None
    assert await rig.attempts(claim.id) == [(0, 6)]
    await rig.due(claim.id)
    assert await rig.taken() == []


async def test_what_has_ended_or_never_was_cannot_be_cancelled(rig: Rig) -> None:
    dead = await rig.dead()
    done = await rig.one()
    await rig.complete(done)
    (gone,) = await rig.add(rig.new())
    await rig.store.cancel(gone, reason="r", actor="a")
    for job_id in (dead, done.id, gone, "nobody"):
        assert await rig.store.cancel(job_id, reason="r", actor="a") is None
    assert [len(await rig.attempts(each)) for each in (dead, done.id, gone)] == [1, 1, 1]


# --- heartbeat and steps --------------------------------------------------------------------------------------------


async def test_the_heartbeat_extends_leases_and_keeps_what_was_said_of_the_progress(rig: Rig) -> None:
    claim = await rig.one()
    await rig.crash(claim.id)
    held = [Held(claim.id, claim.fence, 0.25, "a quarter"), Held("nobody", 1, None, None)]
    rows = await rig.store.renew(rig.database, held)
    assert {row[0]: bool(row[1]) for row in rows} == {claim.id: True, "nobody": False}
    await rig.store.renew(rig.database, [Held(claim.id, claim.fence, None, None)])
    row = await rig.job(claim.id)
    assert rig.instant(row["leaseuntil"]) > datetime.now(UTC) + timedelta(seconds=20)
    assert (row["progress"], row["progressnote"]) == (0.25, "a quarter")
    assert await rig.store.rescue() == []


async def test_the_heartbeat_does_not_wait_for_a_row_that_its_own_job_has_locked(server_rig: Rig) -> None:
    rig = server_rig
    claim = await rig.one()
    transaction = rig.database.begin_job("t")
    mine = text("UPDATE queue_jobs SET progressnote = 'mine' WHERE id = :id")
    await transaction.connection.execute(mine, {"id": claim.id})
    (row,) = await rig.store.renew(rig.database, [Held(claim.id, claim.fence, None, None)])
    assert (row[0], row[1]) == (claim.id, True)
    await transaction.rollback()


async def test_steps_are_remembered_and_the_last_word_counts(rig: Rig) -> None:
    claim = await rig.one()
    steps = Steps(rig.database)
    assert await steps.remember(claim, "charge", '{"receipt": 1}')
    assert await steps.remember(claim, "mail", None)
    assert await steps.remember(claim, "charge", '{"receipt": 2}')
    assert await steps.remembered(claim.id) == {"charge": '{"receipt": 2}', "mail": None}


async def test_executions_are_found_by_their_ids(rig: Rig) -> None:
    claim = await rig.one()
    written, unwritten = SystemClock().new_id(), SystemClock().new_id()
    await rig.store.complete([rig.end(claim, executionid=written)])
    assert await rig.store.executed([written, unwritten]) == {written}


async def test_the_same_execution_twice_is_refused_whole(rig: Rig) -> None:
    await rig.add(rig.new(), rig.new())
    first, second = await rig.take()
    with pytest.raises(Exception, match=r"(?i)unique|duplicate") as caught:
        await rig.store.complete([rig.end(first, executionid="e"), rig.end(second, executionid="e")])
    assert not isinstance(caught.value, TransactionConflict)
    assert await rig.status(first.id, second.id) == [2, 2]
