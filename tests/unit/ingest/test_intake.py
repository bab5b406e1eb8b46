"""Intake: accepted after the commit, refused or quarantined, and closed when there is too much."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.errors import DatabaseUnavailable, NotFound, Rejected, Saturated
from hub.ingest.intake import Intake
from hub.ingest.pressure import Pressure, PressureLimits
from hub.ingest.quarantine import UNROUTED
from hub.model import Enqueued, Failure, Message, NewJob, Status
from hub.telemetry import Metrics
from tests.unit.ingest.conftest import Numbered, Tables

ORDER = {"name": "orders", "from": "web", "handler": "h"}


class Commit:
    """A group commit whose commits end when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[NewJob] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.waiting = 0
        self._came = asyncio.Condition()

    async def enqueue(self, job: NewJob) -> Enqueued:
        self.jobs.append(job)
        self.waiting += 1
        async with self._came:
            self._came.notify_all()
        await self.gate.wait()
        self.waiting -= 1
        if self.error is not None:
            raise self.error
        first = next(one for one in self.jobs if one is job or (job.dedupekey and one.dedupekey == job.dedupekey))
        return Enqueued(first.id, first is not job)

    async def holds(self, rows: int) -> None:
        """Returns once so many rows wait."""
        async with self._came:
            await self._came.wait_for(lambda: self.waiting == rows)


async def empty() -> int:
    return 0


def http(body: bytes = b"{}", **more: Any) -> Message:
    return Message(adapter="web", protocol="http", body=body, content_type="application/json", **more)


def mqtt(body: bytes, topic: str = "plant/7", **more: Any) -> Message:
    return Message(adapter="plant", protocol="mqtt", body=body, topic=topic, **more)


@pytest.fixture
def commit() -> Commit:
    return Commit()


Intakes = Callable[..., Intake]


@pytest.fixture
def intake(table: Tables, commit: Commit, clock: Numbered) -> Intakes:
    def of(
        *routes: dict[str, Any],
        depth: Callable[[], Awaitable[int]] = empty,
        limits: PressureLimits | None = None,
        metrics: Metrics | None = None,
    ) -> Intake:
        return Intake(table(*routes), Pressure(commit, depth, clock, limits), clock, metrics=metrics)

    return of


def counted(metrics: Metrics) -> str:
    return metrics.render()[0].decode()


# --- accept -------------------------------------------------------------------------------------------------------


async def test_nothing_is_answered_before_the_commit(intake: Intakes, commit: Commit) -> None:
    commit.gate.clear()
    accepting = asyncio.create_task(intake(ORDER).accept("orders", http()))
    await commit.holds(1)
    assert not accepting.done()
    commit.gate.set()
    assert (await accepting).job_id == commit.jobs[0].id


async def test_a_repeat_has_the_first_ones_id(intake: Intakes) -> None:
    door = intake({**ORDER, "dedupe_key": "payload.id"})
    first = await door.accept("orders", http(b'{"id": 1}'))
    again = await door.accept("orders", http(b'{"id": 1, "more": 2}'))
    other = await door.accept("orders", http(b'{"id": 2}'))
    assert (again.job_id, again.duplicate) == (first.job_id, True)
    assert other.job_id != first.job_id


async def test_what_the_filter_does_not_want_is_answered_and_counted(intake: Intakes, commit: Commit) -> None:
    metrics = Metrics()
    verdict = await intake({**ORDER, "filter": "payload.go"}, metrics=metrics).accept("orders", http())
    assert (verdict.job_id, verdict.filtered) == (None, True)
    assert commit.jobs == []
    assert 'hub_ingested_total{outcome="filtered",route="orders"} 1.0' in counted(metrics)


async def test_a_refused_message_is_not_stored(intake: Intakes, commit: Commit) -> None:
    metrics = Metrics()
    with pytest.raises(Rejected):
        await intake(ORDER, metrics=metrics).accept("orders", http(b"{"))
    assert commit.jobs == []
    assert 'outcome="rejected"' in counted(metrics)


async def test_a_hook_that_is_not_there(intake: Intakes) -> None:
    with pytest.raises(NotFound):
        await intake(ORDER).accept("other", http())


# --- pressure -----------------------------------------------------------------------------------------------------


async def test_a_deep_queue_closes_intake_and_opens_it_again(intake: Intakes, clock: Numbered) -> None:
    depth = 10
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        return depth

    door = intake(ORDER, depth=ask, limits=PressureLimits(high_water=10))
    for _ in range(5):
        with pytest.raises(Saturated) as caught:
            await door.accept("orders", http())
    assert caught.value.retry_after == 5.0
    assert asked == 1
    depth = 9
    clock.at += 1
    with pytest.raises(Saturated):  # the answer of a second ago still counts while the next is asked for
        await door.accept("orders", http())
    await asyncio.sleep(0)
    assert (await door.accept("orders", http())).job_id
    assert asked == 2


async def test_rows_that_wait_for_their_commit_are_bounded(intake: Intakes, commit: Commit) -> None:
    door = intake(ORDER, limits=PressureLimits(max_waiting=2))
    commit.gate.clear()
    waiting = [asyncio.create_task(door.accept("orders", http())) for _ in range(2)]
    await commit.holds(2)
    with pytest.raises(Saturated):
        await door.accept("orders", http())
    commit.gate.set()
    await asyncio.gather(*waiting)
    assert (await door.accept("orders", http())).job_id


async def test_bytes_that_wait_for_their_commit_are_bounded(intake: Intakes, commit: Commit) -> None:
    door = intake(ORDER, limits=PressureLimits(max_bytes=150))
    body = b'"' + b"x" * 98 + b'"'
    commit.gate.clear()
    first = asyncio.create_task(door.accept("orders", http(body)))
    await commit.holds(1)
    with pytest.raises(Saturated):
        await door.accept("orders", http(body))
    commit.gate.set()
    await first
    assert (await door.accept("orders", http(body))).job_id
    assert (await door.accept("orders", http(b'"' + b"x" * 200 + b'"'))).job_id  # alone, a large one is taken


async def test_a_depth_that_cannot_be_asked_leaves_it_to_the_commit(intake: Intakes, commit: Commit) -> None:
    async def ask() -> int:
        raise DatabaseUnavailable("away")

    commit.error = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable):
        await intake(ORDER, depth=ask).accept("orders", http())


# --- brokers ------------------------------------------------------------------------------------------------------


def route(name: str, topic: str = "plant/+", **more: Any) -> dict[str, Any]:
    return {"name": name, "from": "plant", "topic": topic, "handler": f"h.{name}", **more}


def handlers(rows: list[NewJob]) -> list[str]:
    return [row.handler for row in rows]


def test_the_first_route_that_wants_a_message_ends_the_search(intake: Intakes) -> None:
    door = intake(route("a", filter="payload == 'never'"), route("b"), route("c"))
    assert handlers(door.rows(mqtt(b"21"))) == ["h.b"]


def test_a_route_for_all_goes_on(intake: Intakes) -> None:
    door = intake(route("a", all=True), route("b", filter="`false`"), route("c"), route("d"))
    assert handlers(door.rows(mqtt(b"21"))) == ["h.a", "h.c"]


def test_a_message_that_nobody_wants_is_no_row(intake: Intakes) -> None:
    metrics = Metrics()
    assert intake(route("a", filter="`false`"), metrics=metrics).rows(mqtt(b"21")) == []
    assert 'outcome="filtered"' in counted(metrics)


def test_a_dropped_message_is_no_row_and_ends_the_search(intake: Intakes) -> None:
    away = {"name": "away", "from": "plant", "topic": "plant/7", "drop": True}
    assert intake(away, route("b")).rows(mqtt(b"21")) == []


@pytest.mark.parametrize(
    ("body", "settings", "why"),
    [
        (b"[" * 100 + b"]" * 100, {}, "nested"),
        (b'"\\u0000"', {}, "U+0000"),
        (b"1e999", {}, "out of range"),
        (b"\xff\x00", {"map": "payload.value"}, "found nothing"),
        (b'{"v": "x"}', {"schema": {"type": "array"}}, "is not of type"),
        (b'{"v": "x"}', {"filter": "sum(payload)"}, "filter"),
    ],
)
def test_a_brokers_message_that_cannot_be_worked_on_is_kept(
    intake: Intakes, body: bytes, settings: dict[str, Any], why: str
) -> None:
    metrics = Metrics()
    (row,) = intake(route("a", **settings), metrics=metrics).rows(mqtt(body, headers={"Idempotency-Key": "k"}))
    assert (row.statusid, row.failure, row.handler) == (Status.FAILED, Failure.QUARANTINED, "h.a")
    assert why in (row.lasterror or "")
    assert row.dedupekey is None
    kept = row.payload or ""
    assert (base64.b64decode(kept) if row.payloadencoding == "base64" else kept.encode()) == body
    assert 'hub_ingested_total{outcome="quarantined",route="a"} 1.0' in counted(metrics)


def test_a_message_without_a_route_is_kept(intake: Intakes) -> None:
    (row,) = intake(route("a")).rows(mqtt(b"21", topic="else/where"))
    assert (row.handler, row.failure, row.payload) == (UNROUTED, Failure.QUARANTINED, "21")
    assert "else/where" in (row.lasterror or "")


async def test_nothing_is_taken_for_nothing_whatever_type_it_names(intake: Intakes) -> None:
    (row,) = intake(route("a")).rows(mqtt(b"", content_type="application/json"))
    assert (row.statusid, row.payload, row.contenttype) == (Status.PENDING, None, "text/plain")
    with pytest.raises(Rejected, match="empty"):
        await intake(ORDER).accept("orders", http(b""))


async def test_take_answers_once_all_rows_are_committed(intake: Intakes, commit: Commit) -> None:
    answers = await intake(route("a", all=True), route("b")).take(mqtt(b"21"))
    assert [answer.id for answer in answers] == [job.id for job in commit.jobs]
    commit.error = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable):
        await intake(route("a")).take(mqtt(b"21"))
