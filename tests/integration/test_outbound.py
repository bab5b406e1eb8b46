"""What leaves the hub: after the commit, at least once under one id, retried, and visible when it cannot."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub import Hub, Job, handler
from hub.adapters.memory import MemoryAdapter
from hub.config import build
from hub.errors import Transient
from hub.model import Outgoing
from hub.testing import HubHarness


@handler("order.accept")
async def accept(payload: dict[str, Any], job: Job) -> None:
    await job.publish(
        "erp", "orders.accepted", {"id": payload["id"]}, key=str(payload["id"]), headers={"kind": "order"}
    )
    if payload.get("fails"):
        raise ValueError("after publishing")


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@asynccontextmanager
async def bridge(url: str) -> AsyncIterator[tuple[HubHarness, MemoryAdapter, MemoryAdapter]]:
    configuration = build(
        {
            "jobs": {"enabled": True, "workers": 4, "poll_interval": "50ms", "max_retries": 4},
            "http": {"port": 0},
            "adapters": {"erp": {"type": "memory"}, "plant": {"type": "memory"}},
            "routes": [
                {"name": "orders", "from": "plant", "topic": "orders", "handler": "order.accept"},
                {
                    "name": "forward", "from": "plant", "topic": "finished", "handler": "publish",
                    "with": {"to": "erp", "topic": "mes.finished"}, "dedupe_key": "payload.event",
                },
            ],
        },
        {"DATABASE_URL": url},
    )  # fmt: skip
    async with Hub(configuration, handlers=[accept]) as hub:
        plant, erp = hub.adapters["plant"], hub.adapters["erp"]
        assert isinstance(plant, MemoryAdapter)
        assert isinstance(erp, MemoryAdapter)
        yield HubHarness(hub), plant, erp


async def wait_for(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not met():  # noqa: ASYNC110 - a state that an operator polls, too
            await asyncio.sleep(0.02)


async def jobs_of(harness: HubHarness, handler: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not found:
            found = [job for job in (await harness.hub.records.jobs())[0] if job["handler"] == handler]
    return found


async def only_job(harness: HubHarness, **where: Any) -> dict[str, Any]:
    [job], _ = await harness.hub.records.jobs(**where)
    return await harness.wait(job["id"])


async def test_a_message_in_becomes_a_message_out_after_the_commit(database_url: str) -> None:
    async with bridge(database_url) as (harness, plant, erp):
        await plant.deliver("orders", b'{"id": 7}', headers={"content-type": "application/json"})
        [message] = await erp.received(1)
        assert (message.topic, json.loads(message.body), message.key) == ("orders.accepted", {"id": 7}, "7")
        assert message.headers == {"kind": "order", "hub-message-id": message.id}
        sent = await harness.wait(message.id)
        said = ("statusid", "direction", "protocol", "queue")
        assert [sent[name] for name in said] == [3, "outbound", "memory", "external"]
        assert (await harness.wait(sent["parentjobid"]))["protocol"] == "memory"


async def test_a_bridge_by_configuration_alone_takes_each_event_once(database_url: str) -> None:
    async with bridge(database_url) as (harness, plant, erp):
        for _ in range(3):
            await plant.deliver("finished", b'{"event": "e1", "part": 5}')
        await plant.deliver("finished", b'{"event": "e2", "part": 6}')
        messages = await erp.received(2)
        assert [(m.topic, m.body) for m in messages] == [
            ("mes.finished", b'{"event": "e1", "part": 5}'),
            ("mes.finished", b'{"event": "e2", "part": 6}'),
        ]
        assert len((await harness.hub.records.jobs())[0]) == 2


async def test_nothing_leaves_when_the_handler_fails(database_url: str) -> None:
    async with bridge(database_url) as (harness, plant, erp):
        job = await harness.enqueue("order.accept", {"id": 1, "fails": True}, max_retries=0)
        assert (await harness.wait(job))["statusid"] == 4
        await plant.deliver("orders", b'{"id": 2}')
        assert [json.loads(m.body) for m in await erp.received(1)] == [{"id": 2}]


async def test_a_broker_that_is_down_costs_no_attempt(database_url: str) -> None:
    async with bridge(database_url) as (harness, plant, erp):
        state = harness.hub.supervisor.states["erp"]
        await wait_for(lambda: state.state == "connected")
        erp.up = False
        await wait_for(lambda: state.state == "connecting")
        await plant.deliver("orders", b'{"id": 7}')
        [outbound] = await jobs_of(harness, "publish")
        await harness.wait(outbound["parentjobid"])
        erp.up = True
        [message] = await erp.received(1)
        assert json.loads(message.body) == {"id": 7}
        row = await harness.wait(message.id)
        assert (row["status"], row["retrycount"]) == ("completed", 0)


async def test_a_receipt_that_does_not_come_is_a_failed_attempt(database_url: str) -> None:
    async with bridge(database_url) as (harness, plant, erp):
        send, failures = erp.send, iter([Transient("no receipt in time")])

        async def fail_once(message: Outgoing) -> None:
            for failure in failures:
                raise failure
            await send(message)

        erp.send = fail_once  # type: ignore[method-assign]  # this one adapter's broker fails once
        await plant.deliver("orders", b'{"id": 7}')
        [message] = await erp.received(1)
        assert (await harness.wait(message.id))["retrycount"] == 1
        rows, _ = await harness.hub.records.histories(handler="publish")
        assert "Transient: no receipt in time" in [row["result"] for row in rows]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"to": "nowhere", "topic": "x"}, "nowhere"),
        ({"to": "erp"}, "metadata.topic"),
        ({}, "metadata.to"),
        (None, "metadata.to"),
    ],
)
async def test_a_row_that_goes_nowhere_is_a_dead_letter_that_says_why(
    sqlite_url: str, metadata: dict[str, str] | None, said: str
) -> None:
    async with bridge(sqlite_url) as (harness, _, _erp):
        job = await harness.enqueue("publish", "x", metadata=metadata)
        row = await harness.wait(job)
        assert (row["statusid"], row["failure"]) == (4, "permanent")
        assert said in row["lasterror"]


async def test_an_outbound_row_by_sql_is_sent(sqlite_url: str) -> None:
    async with bridge(sqlite_url) as (harness, _, erp):
        async with harness.hub.database.transaction() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO queue_jobs (handler, direction, protocol, method, metadata, payload) VALUES ('publish', "
                """'outbound', 'kafka', 'send', '{"to": "erp", "topic": "orders.accepted"}', '{"id": 7}')"""
            )
        [message] = await erp.received(1)
        assert (message.topic, message.body) == ("orders.accepted", b'{"id": 7}')


async def test_a_message_that_no_route_takes_is_kept_with_its_bytes(database_url: str) -> None:
    async with bridge(database_url) as (harness, plant, _):
        await plant.deliver("unheard/of", b"\xff\x00raw")
        dead, _ = await harness.hub.records.dead()
        assert (dead[0]["handler"], dead[0]["failure"], dead[0]["payloadencoding"]) == (
            "system.unrouted",
            "quarantined",
            "base64",
        )
