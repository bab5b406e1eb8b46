"""The examples do what they say, on each database."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from examples import agents, exports, notifications, orders, reports, tables, users
from hub.errors import PayloadInvalid
from hub.handlers.registry import Registry
from tests.unit.handlers.conftest import Hub

NAMES = {
    *("order.processing", "order.processing.handler", "reports.daily.sales", "user.onboarding.process"),
    *("notification.send.handler", "data.export.handler", "agents.ai", "agents.client"),
}


@pytest.fixture
def registry() -> Registry:
    return Registry().collect([orders, reports, users, notifications, exports, agents], entry_points=False)


async def run(hub: Hub, registry: Registry, name: str, payload: Any = None, **columns: Any) -> Any:
    text = payload if payload is None or isinstance(payload, str) else json.dumps(payload)
    return json.loads(await hub.run(registry, name, text, **columns))


def test_the_documents_names_are_there(registry: Registry) -> None:
    assert {entry.name for entry in registry} == NAMES


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["order.processing", "order.processing.handler"])
async def test_an_order_becomes_a_row_of_its_own(name: str, database_hub: Hub, registry: Registry) -> None:
    message = {"id": 7, "total": 12.5, "customer": "Ada", "unknown": [1]}
    assert await run(database_hub, registry, name, message, id="job-7") == {"receipt": "R-7"}
    assert await database_hub.rows("SELECT id, total, customer, jobid FROM orders") == [("7", 12.5, "Ada", "job-7")]


async def test_a_table_that_is_known_is_not_asked_for_again(
    database_hub: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        await run(database_hub, registry, "order.processing", {"id": number})

    def ask_again(*_: Any) -> None:
        pytest.fail("asked again")

    monkeypatch.setattr(tables, "_is_there", ask_again)
    await run(database_hub, registry, "order.processing", {"id": 2})
    assert await database_hub.rows("SELECT count(*) FROM orders") == [(3,)]


async def test_an_order_that_comes_twice_is_placed_once(database_hub: Hub, registry: Registry) -> None:
    for total in (1, 2):
        assert await run(database_hub, registry, "order.processing", {"id": "a-1", "total": total}) == {
            "receipt": "R-a-1"
        }
    assert await database_hub.rows("SELECT id, total FROM orders") == [("a-1", 1.0)]


async def test_the_table_made_by_a_job_that_fails_is_made_by_the_next(
    database_hub: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        failing.setattr(orders, "PLACE", "not a statement")
        with pytest.raises(Exception, match="not a statement"):
            await run(database_hub, registry, "order.processing", {"id": 1})
    await run(database_hub, registry, "order.processing", {"id": 2})
    assert await database_hub.rows("SELECT id FROM orders") == [("2",)]


@pytest.mark.postgres
async def test_two_jobs_may_find_the_table_missing_at_the_same_moment(postgres_hub: Hub, registry: Registry) -> None:
    jobs = (run(postgres_hub, registry, "order.processing", {"id": number}) for number in range(5))
    await asyncio.gather(*jobs)
    assert await postgres_hub.rows("SELECT count(*) FROM orders") == [(5,)]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "id"),
        ({"id": -1}, "payload.id"),
        ({"id": ""}, "payload.id"),
        ({"id": "a\0"}, "payload.id"),
        ({"id": True}, "payload.id"),
        ({"id": 1, "total": "much"}, "payload.total"),
        ({"id": 1, "total": -1}, "payload.total"),
        ("hello", "not JSON"),
        (None, "object"),
    ],
    ids=str,
)
async def test_what_is_no_order_is_refused(payload: Any, field: str, sqlite_hub: Hub, registry: Registry) -> None:
    with pytest.raises(PayloadInvalid, match=field):
        await run(sqlite_hub, registry, "order.processing", payload)


# --- reports and exports ---------------------------------------------------------------------------------------------


@pytest.fixture
async def shop(database_hub: Hub, registry: Registry) -> Hub:
    """Three orders of today."""
    for number, total in enumerate((10.0, 20.5, None)):
        message = {"id": number, "total": total, "customer": f"c{number}"}
        await run(database_hub, registry, "order.processing", message)
    return database_hub


async def today(hub: Hub) -> str:
    [(moment,)] = await hub.rows("SELECT CAST(max(placedat) AS varchar(30)) FROM orders")
    return str(moment)[:10]


async def test_the_daily_report_adds_up_a_day(shop: Hub, registry: Registry) -> None:
    day = await today(shop)
    found = await run(shop, registry, "reports.daily.sales", {"date": day})
    assert found == {"date": day, "orders": 3, "total": 30.5}
    found = await run(shop, registry, "reports.daily.sales", {"date": "2001-01-01"})
    assert found == {"date": "2001-01-01", "orders": 0, "total": 0.0}


async def test_the_daily_report_needs_no_payload_and_no_orders(database_hub: Hub, registry: Registry) -> None:
    found = await run(database_hub, registry, "reports.daily.sales")
    assert (found["orders"], found["total"]) == (0, 0.0)


async def test_an_export_is_csv_or_json(shop: Hub, registry: Registry) -> None:
    metadata = '{"requested_by": "user@example.com", "export_type": "full"}'
    found = await run(shop, registry, "data.export.handler", {"format": "csv"}, metadata=metadata)
    assert (found["rows"], found["requested_by"]) == (3, "user@example.com")
    head, *lines = found["text"].splitlines()
    assert head == "id,total,customer,placedat"
    assert [line.split(",")[:3] for line in lines] == [["0", "10.0", "c0"], ["1", "20.5", "c1"], ["2", "", "c2"]]
    found = await run(shop, registry, "data.export.handler", {"format": "json", "filters": {"date": await today(shop)}})
    assert [row["customer"] for row in json.loads(found["text"])] == ["c0", "c1", "c2"]


async def test_the_documents_own_export_runs(shop: Hub, registry: Registry) -> None:
    found = await run(shop, registry, "data.export.handler", '{"format": "csv", "filters": {"date": "2024-01-01"}}')
    assert found["rows"] == 0


async def test_an_export_reads_page_after_page(shop: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    found = await run(shop, registry, "data.export.handler", {})
    assert found["rows"] == 3
    assert [note for _, note in shop.attempt.said] == ["2 orders", "3 orders"]


# --- users, notifications --------------------------------------------------------------------------------------------


async def test_onboarding_opens_a_mailbox_once_and_sends_a_welcome(hub: Hub) -> None:
    found = await hub.call(users.onboard, '{"name": "Ada Lovelace"}')
    [row] = hub.attempt.enqueued
    assert row.handler == "notification.send.handler"
    assert row.id == found["welcome"]
    assert found["mailbox"] in (row.payload or "")
    assert hub.attempt.steps == {"mailbox": found["mailbox"]}
    assert "ada.lovelace" in found["mailbox"]


async def test_the_welcome_is_a_notification(hub: Hub) -> None:
    await hub.call(users.onboard, "{}")
    welcome = hub.attempt.enqueued[0].payload
    found = await hub.call(notifications.send, welcome)
    assert found["sent"] == "log"
    assert hub.attempt.enqueued == []


async def test_a_notification_with_a_destination_is_published(hub: Hub) -> None:
    found = await hub.call(notifications.send, '{"recipient": "ada", "destination": "crm", "text": "Hello"}')
    [row] = hub.attempt.enqueued
    assert (row.id, row.handler, row.orderingkey) == (found["job_id"], "publish", "crm/notifications/ada")
    assert msgspec.json.decode(row.payload or "")["text"] == "Hello"


# --- agents ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the agents would have slept."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


@pytest.mark.parametrize(("agent", "seconds"), [(agents.ai_agent, 2.0), (agents.client_agent, 1.0)])
async def test_an_agent_takes_its_time_and_says_how_far_it_is(
    agent: Any, seconds: float, hub: Hub, slept: list[float]
) -> None:
    found = await hub.call(agent, '{"task": "process_data", "data": "example"}', metadata='{"resource_id": "r-1"}')
    assert found == {"resource_id": "r-1", "task": "process_data", "seconds": seconds}
    assert sum(slept) == pytest.approx(seconds)
    assert [share for share, _ in hub.attempt.said] == pytest.approx([n / 10 for n in range(11)])


async def test_an_agent_stops_when_it_is_told_to(hub: Hub) -> None:
    task = asyncio.ensure_future(hub.call(agents.ai_agent, "{}"))
    await asyncio.sleep(0)  # one turn of the loop takes it to its first wait
    assert len(hub.attempt.said) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(hub.attempt.said) == 1
