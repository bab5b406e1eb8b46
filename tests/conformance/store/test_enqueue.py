"""What goes into the queue: order, ids, dedupe keys, values that do not fit, rows by plain SQL."""

import asyncio
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from hub.errors import AlreadyExists, Rejected
from hub.model import Enqueued, NewJob, Status
from hub.queue.store import BULK
from tests.conformance.store.rig import FAR, PAST, Rig

MANY = pytest.mark.parametrize("count", [1, 3, BULK + 20])


@MANY
async def test_a_batch_comes_out_in_the_order_in_which_it_went_in(rig: Rig, count: int) -> None:
    jobs = [rig.new(payload=f"{number}") for number in reversed(range(count))]
    assert await rig.store.enqueue(jobs) == [Enqueued(job.id) for job in jobs]
    assert await rig.taken(count) == [job.id for job in jobs]


@MANY
async def test_every_field_arrives_in_its_column(rig: Rig, count: int) -> None:
    full = NewJob(
        id="full", handler="h", payload='{"ä": "☃"}', queue="q", priority=-3, maxretries=9, orderingkey="k", source="s",
        parentjobid="p", typeid=0, method="POST", protocol="http", direction="inbound",
        metadata='{"headers": {"a": "b"}}', contenttype="text/plain", payloadencoding="base64", timeout=1.5,
        traceparent="00-abc", createdby="tester",
    )  # fmt: skip
    await rig.store.enqueue([full, *(rig.new() for _ in range(count - 1))])
    (claim,) = await rig.take(queue="q")
    for name in set(full.__struct_fields__) & set(claim.__struct_fields__) - {"metadata"}:
        assert getattr(claim, name) == getattr(full, name), name
    record = await rig.records.job("full")
    assert record is not None
    assert record["metadata"] == {"headers": {"a": "b"}}
    assert (record["source"], record["createdby"], record["dedupekey"]) == ("s", "tester", None)


async def test_a_dedupe_key_within_a_batch_makes_one_row(rig: Rig) -> None:
    first, repeat, other = (rig.new(source="web", dedupekey=key) for key in ("a", "a", "b"))
    answers = await rig.store.enqueue([first, repeat, other])
    assert answers == [Enqueued(first.id), Enqueued(first.id, duplicate=True), Enqueued(other.id)]
    assert await rig.taken() == [first.id, other.id]


async def test_a_dedupe_key_across_batches_answers_the_first_id(rig: Rig) -> None:
    (first,) = await rig.add(rig.new(source="web", dedupekey="a"))
    elsewhere, repeat = rig.new(source="mes", dedupekey="a"), rig.new(source="web", dedupekey="a")
    answers = await rig.store.enqueue([elsewhere, repeat])
    assert answers == [Enqueued(elsewhere.id), Enqueued(first, duplicate=True)]


async def test_a_repeat_of_a_finished_message_is_still_a_repeat(rig: Rig) -> None:
    claim = await rig.one(dedupekey="a")
    await rig.complete(claim)
    assert await rig.store.enqueue([rig.new(dedupekey="a")]) == [Enqueued(claim.id, duplicate=True)]


async def test_an_id_that_is_taken_refuses_the_whole_batch(rig: Rig) -> None:
    await rig.add(rig.new(id="taken"))
    with pytest.raises(AlreadyExists):
        await rig.store.enqueue([rig.new(), rig.new(id="taken")])
    assert await rig.taken() == ["taken"]


async def test_one_id_twice_in_a_batch_refuses_it(rig: Rig) -> None:
    with pytest.raises(AlreadyExists):
        await rig.store.enqueue([rig.new(id="twice"), rig.new(id="twice")])
    assert await rig.taken() == []


@pytest.mark.parametrize("neighbours", [0, BULK])
@pytest.mark.parametrize(
    "fields",
    [
        {"id": "x" * 256},
        {"handler": "x" * 256},
        {"queue": "x" * 101},
        {"dedupekey": "x" * 256},
        {"orderingkey": "x" * 256},
        {"protocol": "x" * 33},
        {"payload": "nul \0 in text"},
        {"payload": "a lone surrogate \ud800"},
        {"metadata": "{not json"},
        {"priority": 2**63},
        {"maxretries": -1},
        {"statusid": 8},
        {"timeout": 0.0},
        {"payloadencoding": "rot13"},
        {"handler": None},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_a_value_that_does_not_fit_is_refused_and_leaves_nothing(
    rig: Rig, fields: dict[str, object], neighbours: int
) -> None:
    with pytest.raises(Rejected):
        await rig.store.enqueue([rig.new(**fields), *(rig.new() for _ in range(neighbours))])
    assert await rig.taken() == []
    good = rig.new()
    await rig.add(good)
    assert await rig.taken() == [good.id]


@pytest.mark.parametrize("status", [Status.PENDING, Status.PROCESSING])
async def test_no_row_by_sql_counts_so_far_that_the_hub_cannot_count_on(rig: Rig, status: Status) -> None:
    neighbour = rig.new()
    await rig.add(neighbour)
    largest = {
        "retrycount": 2**31 - 1,
        "crashcount": 2**31 - 1,
        "attemptbase": 2**31 - 1,
        "rowversionstamp": 2**63 - 1 if rig.sqlite else 2**31 - 1,
        "fence": 2**63 - 1,
    }
    for column, value in largest.items():
        with suppress(DBAPIError, sqlite3.IntegrityError):  # refused, where a trigger can refuse
            await rig.sql(f"INSERT INTO queue_jobs (handler, statusid, {column}) VALUES ('h', {status}, {value})")
    await rig.store.rescue()
    assert neighbour.id in [*await rig.taken(), *await rig.taken(queue="")]
    await rig.crash(neighbour.id)
    await rig.other.rescue()
    assert await rig.status(neighbour.id) == [Status.QUEUED]


async def test_a_job_with_a_time_is_scheduled_and_one_with_a_delay_too(rig: Rig) -> None:
    now = datetime.now(UTC)
    timed, delayed = await rig.add(rig.new(scheduledat=FAR), rig.new(delay=3600.0))
    assert await rig.status(timed, delayed) == [Status.SCHEDULED, Status.SCHEDULED]
    assert rig.instant((await rig.job(timed))["scheduledat"]) == FAR
    wait = rig.instant((await rig.job(delayed))["scheduledat"]) - now
    assert timedelta(minutes=59) < wait < timedelta(minutes=61)
    assert await rig.taken() == []


async def test_a_large_batch_with_times_among_it_schedules_those(rig: Rig) -> None:
    plain = [rig.new() for _ in range(BULK)]
    late = rig.new(scheduledat=FAR)
    await rig.store.enqueue([*plain, late])
    assert await rig.status(late.id) == [Status.SCHEDULED]
    assert await rig.taken(500) == [job.id for job in plain]


async def test_a_delay_of_any_length_is_a_time_to_come(rig: Rig) -> None:
    tiny, huge = await rig.add(rig.new(delay=1e-6), rig.new(delay=1e12))
    assert await rig.status(tiny, huge) == [Status.SCHEDULED, Status.SCHEDULED]
    while not await rig.store.promote():  # a microsecond passes
        pass
    assert await rig.taken() == [tiny]


async def test_a_quarantined_message_is_a_dead_letter_at_once(rig: Rig) -> None:
    (job_id,) = await rig.add(
        rig.new("system.unrouted", statusid=Status.FAILED, lasterror="no route", failure="quarantined")
    )
    (row,), _ = await rig.records.dead()
    assert (row["id"], row["failure"], row["lasterror"]) == (job_id, "quarantined", "no route")
    assert row["completedat"] is not None
    assert await rig.taken() == []
    assert await rig.attempts(job_id) == []


async def test_rows_of_a_jobs_own_transaction_are_there_with_its_commit_only(rig: Rig) -> None:
    child, lost = rig.new(), rig.new()
    claim = await rig.one()
    transaction = rig.database.begin_job("t")
    await rig.store.enqueue_in(transaction, [lost])
    await transaction.rollback()
    transaction = rig.database.begin_job("t")
    await rig.store.enqueue_in(transaction, [child])
    assert await rig.store.complete_in(transaction, rig.end(claim))
    assert await rig.taken() == [child.id]
    assert await rig.job(lost.id) is None


async def test_rows_of_a_transaction_whose_fence_is_lost_are_not_there(rig: Rig) -> None:
    claim = await rig.one()
    await rig.crash(claim.id)
    await rig.other.rescue()
    child = rig.new()
    transaction = rig.database.begin_job("t")
    await rig.store.enqueue_in(transaction, [child])
    assert not await rig.store.complete_in(transaction, rig.end(claim))
    assert await rig.job(child.id) is None


async def test_messages_that_arrive_twice_at_once_make_one_row_each(server_rig: Rig) -> None:
    rig = server_rig
    batches = [[rig.new(source="s", dedupekey=f"{key}") for key in range(20)] for _ in range(8)]
    answers = await asyncio.gather(*(rig.store.enqueue(batch) for batch in batches))
    for key in range(20):
        assert len({batch[key].id for batch in answers}) == 1
        assert sum(not batch[key].duplicate for batch in answers) == 1
    assert len(await rig.taken(1000)) == 20


async def test_a_key_that_is_given_up_while_its_repeat_looks_for_it_makes_a_new_job(rig: Rig) -> None:
    (first,) = await rig.add(rig.new(dedupekey="a"))
    run = rig.database.run

    async def purge_before_known(statement: object, *arguments: object, **scalars: object) -> list[object]:
        if getattr(statement, "name", "") == "known":
            await rig.sql("DELETE FROM queue_jobs WHERE id = :id", id=first)
        return await run(statement, *arguments, **scalars)  # type: ignore[arg-type]  # passed on as it came

    rig.database.run = purge_before_known  # type: ignore[method-assign]  # to get between the two statements
    fresh, repeat = rig.new(), rig.new(dedupekey="a")
    assert await rig.store.enqueue([fresh, repeat]) == [Enqueued(fresh.id), Enqueued(repeat.id)]


# --- by plain SQL ---------------------------------------------------------------------------------------------------


async def test_a_row_with_handler_and_payload_alone_runs(rig: Rig) -> None:
    await rig.sql("INSERT INTO queue_jobs (handler, payload) VALUES ('h', '{\"id\": 7}')".replace(":", "\\:"))
    (claim,) = await rig.take(queue="")
    assert (claim.payload, claim.queue, claim.maxretries, claim.typeid) == ('{"id": 7}', "default", 3, 2)
    assert (claim.direction, claim.protocol, claim.contenttype, claim.timeout) == (
        "internal",
        None,
        "application/json",
        None,
    )
    assert len(claim.id) == 36
    assert claim.id[14] == "7"


async def test_an_outbound_row_runs(rig: Rig) -> None:
    await rig.sql(
        "INSERT INTO queue_jobs (handler, direction, protocol, method, metadata, payload) "
        "VALUES ('publish', 'outbound', 'kafka', 'send', '{\"to\"\\: \"erp\", \"topic\"\\: \"orders.accepted\"}', '…')"
    )
    (claim,) = await rig.take(queue="")
    assert (claim.handler, claim.direction, claim.protocol, claim.method) == ("publish", "outbound", "kafka", "send")
    record = await rig.records.job(claim.id)
    assert record is not None
    assert record["metadata"] == {"to": "erp", "topic": "orders.accepted"}


async def test_rows_of_one_insert_run_in_their_order(rig: Rig) -> None:
    await rig.sql("INSERT INTO queue_jobs (id, handler) VALUES ('c', 'h'), ('a', 'h'), ('b', 'h')")
    assert await rig.taken(queue="") == ["c", "a", "b"]


async def test_ids_of_rows_by_sql_ascend_with_time(rig: Rig) -> None:
    for _ in range(3):
        await rig.sql("INSERT INTO queue_jobs (handler) VALUES ('h')")
        await rig.sql("UPDATE queue_jobs SET payload = 'some time later'")
    rows = await rig.sql("SELECT id FROM queue_jobs ORDER BY seq")
    times = [row["id"][:13] for row in rows]
    assert times == sorted(times)


@pytest.mark.parametrize("status", [0, 1, 5, 7])
async def test_a_row_by_sql_with_a_time_to_come_waits_and_one_past_runs(rig: Rig, status: int) -> None:
    for name, at in (("late", FAR), ("past", PAST)):
        await rig.sql(
            "INSERT INTO queue_jobs (id, handler, statusid, scheduledat) VALUES (:id, 'h', :status, :at)",
            id=name, status=status, at=rig.bind(at),
        )  # fmt: skip
    assert await rig.taken(queue="") == []
    assert await rig.store.promote() == {"": 1}
    assert await rig.taken(queue="") == ["past"]
    assert await rig.store.promote() == {}


@pytest.mark.parametrize("text", ["2020-01-01 10:00:00", "2020-01-01T10:00:00+02:00", "2020-01-01", "2020-01-01 10:00"])
async def test_times_written_in_any_form_count(rig: Rig, text: str) -> None:
    if rig.mysql and "+" in text:
        pytest.skip("MariaDB refuses a time with a zone, it does not read it wrong")
    await rig.sql(f"INSERT INTO queue_jobs (id, handler, scheduledat) VALUES ('x', 'h', '{text}')".replace(":", "\\:"))
    assert await rig.store.promote() == {"": 1}


async def test_a_time_of_this_day_in_another_form_is_not_early(rig: Rig) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    forms = [soon.strftime("%Y-%m-%d %H:%M:%S")]
    if not rig.mysql:
        forms.append(soon.astimezone().isoformat())
    for text in forms:
        await rig.sql(f"INSERT INTO queue_jobs (handler, scheduledat) VALUES ('h', '{text}')".replace(":", "\\:"))
    assert await rig.store.promote() == {}
    seconds = await rig.store.seconds_until_due()
    assert seconds is not None
    assert 80 < seconds < 91


async def test_an_inactive_row_never_runs(rig: Rig) -> None:
    await rig.sql("INSERT INTO queue_jobs (handler, active) VALUES ('h', FALSE)")
    await rig.sql("INSERT INTO queue_jobs (handler, active, scheduledat) VALUES ('h', FALSE, :at)", at=rig.bind(PAST))
    await rig.store.promote()
    assert await rig.taken(queue="") == []
    assert await rig.store.ready() == set()
    assert await rig.store.seconds_until_due() is None


@pytest.mark.parametrize("status", [3, 4, 6])
async def test_a_row_by_sql_that_has_ended_never_runs(rig: Rig, status: int) -> None:
    await rig.sql("INSERT INTO queue_jobs (handler, statusid) VALUES ('h', :status)", status=status)
    assert await rig.taken(queue="") == []


async def test_the_documents_statements_run_as_written(rig: Rig) -> None:
    await rig.sql(
        "INSERT INTO jobs (id, name, description, handler, cronexpression, enabled, priority, maxretries, createdby) "
        "VALUES ('daily-sales-report', 'Daily Sales Report', '…', 'reports.daily.sales', '0 8 * * *', TRUE, 5, 3, "
        "'system')"
    )
    await rig.sql(
        "INSERT INTO jobs (id, name, description, handler, intervalseconds, enabled, priority, createdby) "
        "VALUES ('health-check', 'System Health Check', '…', 'system.health.check', 300, TRUE, 10, 'system')"
    )
    await rig.sql("UPDATE jobs SET enable_recovery = false WHERE type = 'interval'")
    assert await rig.sql("SELECT id, name, current_interval_id FROM jobs WHERE current_interval_id IS NOT NULL") == []
    dead = await rig.dead(handler="data.export.handler")
    failed = await rig.sql(
        "SELECT qj.id, qj.handler, qj.statusid, qj.retrycount, qj.maxretries, qj.lasterror, qj.createdon "
        "FROM queue_jobs qj WHERE qj.statusid = 4 AND qj.active = TRUE ORDER BY qj.priority DESC, qj.createdon ASC"
    )
    assert [row["id"] for row in failed] == [dead]
    recent = await rig.sql(
        "SELECT jh.id, jh.jobid, qj.handler, jh.statusid, jh.startedat, jh.completedat, jh.duration, jh.errormessage "
        "FROM job_histories jh JOIN queue_jobs qj ON jh.jobid = qj.id ORDER BY jh.startedat DESC LIMIT 100"
    )
    assert [(row["jobid"], row["handler"], row["statusid"]) for row in recent] == [(dead, "data.export.handler", 4)]
    week_ago = {
        "sqlite": "datetime('now', '-7 days')",
        "postgresql": "NOW() - INTERVAL '7 days'",
        "mysql": "DATE_SUB(NOW(), INTERVAL 7 DAY)",
    }[rig.database.dialect]
    (statistics,) = await rig.sql(
        "SELECT qj.handler, COUNT(*) as total_executions, "
        "SUM(CASE WHEN jh.statusid = 3 THEN 1 ELSE 0 END) as successful, "
        "SUM(CASE WHEN jh.statusid = 4 THEN 1 ELSE 0 END) as failed, AVG(jh.duration) as avg_duration_ms "
        f"FROM job_histories jh JOIN queue_jobs qj ON jh.jobid = qj.id WHERE jh.startedat > {week_ago} "
        "GROUP BY qj.handler ORDER BY total_executions DESC"
    )
    assert tuple(statistics.values()) == ("data.export.handler", 1, 0, 1, 5)


async def test_a_claim_survives_rows_that_no_registry_knows(rig: Rig) -> None:
    for handler in ('with"quotes', "with.dots", "$.a", "", "ümläut", "[0]"):
        await rig.sql("INSERT INTO queue_jobs (handler) VALUES (:handler)", handler=handler)
    found = {claim.handler: (claim.queue, claim.maxretries) for claim in await rig.take(queue="")}
    assert found == {
        'with"quotes': ("scheduled", 3), "with.dots": ("external", 0), "$.a": ("default", 3), "": ("default", 3),
        "ümläut": ("default", 3), "[0]": ("default", 3),
    }  # fmt: skip
