"""What a job says about itself, and the rows it leaves behind."""

from __future__ import annotations

import json
import math
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from hub.errors import PayloadInvalid, Permanent
from hub.model import Direction, JobType
from tests.unit.handlers.conftest import Hub

META = '{"topic": "orders.placed", "headers": {"x-shop": "7"}, "route": "orders"}'


def test_a_job_says_what_its_row_says(hub: Hub) -> None:
    job = hub.job(
        '{"id": 7}',
        handler="order.processing",
        queue="critical",
        priority=5,
        orderingkey="k",
        metadata=META,
        retrycount=1,
        crashcount=1,
        traceparent="00-ab",
        parentjobid="p",
        protocol="kafka",
    )
    assert (job.id, job.handler, job.queue, job.priority, job.key) == ("job-1", "order.processing", "critical", 5, "k")
    assert (job.attempt, job.max_retries, job.last_attempt) == (2, 3, False)
    assert (job.topic, job.headers, job.metadata["route"]) == ("orders.placed", {"x-shop": "7"}, "orders")
    assert (job.traceparent, job.parent_id, job.protocol) == ("00-ab", "p", "kafka")
    assert job.payload == '{"id": 7}'
    assert job.json() == {"id": 7}


def test_the_idempotency_key_is_the_same_in_every_attempt(hub: Hub) -> None:
    assert hub.job(retrycount=0).idempotency_key == hub.job(retrycount=2).idempotency_key == "job-1"


def test_the_last_attempt_is_the_one_after_which_no_retry_is_left(hub: Hub) -> None:
    assert [hub.job(retrycount=n, maxretries=2).last_attempt for n in range(3)] == [False, False, True]


def test_a_payload_in_base64_is_bytes(hub: Hub) -> None:
    assert hub.job("/w==", payloadencoding="base64").payload == b"\xff"


def test_metadata_of_null_is_none_at_all(hub: Hub) -> None:
    assert hub.job(metadata="null").metadata == {}


@pytest.mark.parametrize("metadata", ["[1]", "no json", "7", '"text"', "[" * 10_000])
def test_metadata_that_is_no_object_is_refused_when_it_is_asked_for(metadata: str, hub: Hub) -> None:
    job = hub.job(metadata=metadata)
    with pytest.raises(PayloadInvalid, match="metadata"):
        _ = job.metadata


@pytest.mark.parametrize("metadata", [None, "{}", '{"headers": 5, "topic": 5}'])
def test_without_headers_and_topic_there_are_none(metadata: str | None, hub: Hub) -> None:
    job = hub.job(metadata=metadata)
    assert job.headers == {}
    assert job.topic is None


# --- steps and progress ----------------------------------------------------------------------------------------------


async def test_a_step_runs_once_and_its_result_is_remembered(hub: Hub) -> None:
    calls = []

    async def charge(amount: int, *, currency: str) -> str:
        calls.append((amount, currency))
        return "paid"

    job = hub.job()
    assert [await job.step("charge", charge, 5, currency="EUR") for _ in range(2)] == ["paid", "paid"]
    assert calls == [(5, "EUR")]


async def test_a_step_that_is_not_async_runs_in_a_thread(hub: Hub) -> None:
    assert await hub.job().step("thread", threading.current_thread) is not threading.main_thread()


async def test_a_step_may_be_a_plain_function_that_answers_an_awaitable(hub: Hub) -> None:
    async def charge() -> str:
        return "paid"

    assert await hub.job().step("charge", lambda: charge()) == "paid"


async def test_progress_stays_between_nothing_and_all(hub: Hub) -> None:
    job = hub.job()
    for share in (-1, 0.25, 7, math.nan):
        await job.progress(share)
    await job.progress(0.5, "half")
    assert hub.attempt.said == [(0.0, None), (0.25, None), (1.0, None), (0.0, None), (0.5, "half")]


# --- children --------------------------------------------------------------------------------------------------------


async def test_a_child_job_carries_its_parent_and_what_it_was_told(hub: Hub) -> None:
    job = hub.job(traceparent="00-ab")
    at = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=1)))
    found = await job.enqueue(
        "next",
        {"id": 7},
        queue="slow",
        priority=3,
        at=at,
        key="k",
        dedupe="d",
        max_retries=1,
        timeout=5,
        metadata={"user_id": "u"},
    )
    [row] = hub.attempt.enqueued
    assert row.id == found
    assert (row.handler, row.payload, row.queue, row.priority) == ("next", '{"id":7}', "slow", 3)
    assert row.scheduledat == datetime(2026, 11, 22, 11, tzinfo=UTC)
    assert (row.orderingkey, row.dedupekey, row.maxretries, row.timeout) == ("k", "d", 1, 5)
    assert (row.parentjobid, row.traceparent, row.direction) == ("job-1", "00-ab", Direction.INTERNAL)
    assert json.loads(row.metadata or "") == {"user_id": "u"}


async def test_a_child_job_without_options_leaves_the_columns_to_their_defaults(hub: Hub) -> None:
    await hub.job().enqueue("next")
    [row] = hub.attempt.enqueued
    assert (row.payload, row.queue, row.maxretries, row.timeout, row.metadata) == (None, None, None, None, None)
    assert (row.delay, row.scheduledat) == (None, None)


@pytest.mark.parametrize(("delay", "seconds"), [(5, 5.0), (timedelta(minutes=1), 60.0), (-1, 0.0)])
async def test_a_delay_is_seconds_or_a_timedelta(delay: Any, seconds: float, hub: Hub) -> None:
    await hub.job().enqueue("next", delay=delay)
    assert hub.attempt.enqueued[0].delay == seconds


async def test_a_time_without_a_zone_is_utc(hub: Hub) -> None:
    await hub.job().enqueue("next", at=datetime(2026, 11, 22))  # noqa: DTZ001 - what is tested
    assert hub.attempt.enqueued[0].scheduledat == datetime(2026, 11, 22, tzinfo=UTC)


async def test_ids_ascend(hub: Hub) -> None:
    job = hub.job()
    ids = [await job.enqueue("next") for _ in range(100)]
    assert ids == sorted(set(ids))


# --- messages --------------------------------------------------------------------------------------------------------


async def test_a_message_is_an_outbound_row_for_the_destination(hub: Hub) -> None:
    job = hub.job()
    found = await job.publish("erp", "orders.accepted", {"id": 7}, key="7", headers={"x": "1"})
    [row] = hub.attempt.enqueued
    assert row.id == found
    assert (row.handler, row.direction, row.method, row.protocol) == ("publish", "outbound", "send", None)
    assert (row.queue, row.orderingkey, row.parentjobid) == ("external", "erp/orders.accepted/7", "job-1")
    assert row.typeid == JobType.INTEGRATION
    assert row.payload == '{"id":7}'
    assert json.loads(row.metadata or "") == {
        "to": "erp",
        "topic": "orders.accepted",
        "key": "7",
        "headers": {"x": "1"},
    }


async def test_a_message_of_bytes_travels_as_base64_and_without_a_key_in_no_order(hub: Hub) -> None:
    await hub.job().publish("plant", "raw", b"\xff\x00", queue="slow", priority=9)
    [row] = hub.attempt.enqueued
    assert (row.payload, row.payloadencoding, row.contenttype) == ("/wA=", "base64", "application/octet-stream")
    assert (row.orderingkey, row.queue, row.priority) == (None, "slow", 9)
    assert json.loads(row.metadata or "") == {"to": "plant", "topic": "raw"}


# --- what would not fit its column -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"queue": "x" * 101}, "queue"),
        ({"queue": ""}, "queue"),
        ({"key": "x" * 256}, "key"),
        ({"key": "a\0"}, "key"),
        ({"key": "\ud800"}, "key"),
        ({"dedupe": "x" * 256}, "dedupe"),
        ({"priority": 2**31}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"max_retries": -1}, "max_retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "long"}, "timeout"),
        ({"delay": "long"}, "delay"),
        ({"at": "tomorrow"}, "at"),
        ({"key": 5}, "key"),
        ({"max_retries": "some"}, "max_retries"),
        ({"timeout": math.nan}, "timeout"),
        ({"delay": math.nan}, "delay"),
        ({"delay": math.inf}, "delay"),
        ({"delay": 1, "at": datetime(2026, 1, 1, tzinfo=UTC)}, "exclude"),
        ({"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))}, "at"),
        ({"at": datetime.max.replace(tzinfo=UTC)}, "at"),
        ({"metadata": {"a": "\0"}}, "metadata"),
        ({"metadata": [1]}, "metadata: expected an object"),
        pytest.param({"metadata": {"a": object()}}, "metadata", id="an object"),
        ({"colour": "red"}, "colour"),
        ({"payload": math.nan}, "payload"),
    ],
    ids=str,
)
async def test_a_child_that_no_row_could_hold_is_refused_at_once(options: Any, word: str, hub: Hub) -> None:
    with pytest.raises(Permanent, match=word):
        await hub.job().enqueue("next", **options)
    assert hub.attempt.enqueued == []


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"to": ""}, "to"),
        ({"topic": ""}, "topic"),
        ({"topic": "a\0"}, "topic"),
        ({"key": "k" * 256}, "key"),
        ({"headers": {"a": "\0"}}, "metadata"),
        ({"payload": "\ud800"}, "payload"),
    ],
    ids=str,
)
async def test_a_message_that_no_row_could_hold_is_refused_at_once(given: Any, word: str, hub: Hub) -> None:
    with pytest.raises(Permanent, match=word):
        await hub.job().publish(**{"to": "erp", "topic": "t", **given})
    assert hub.attempt.enqueued == []


@pytest.mark.parametrize("handler", ["", "x" * 256, "a\0", 5])
async def test_a_child_without_a_name_that_fits_is_refused(handler: Any, hub: Hub) -> None:
    with pytest.raises(Permanent, match="handler"):
        await hub.job().enqueue(handler)
