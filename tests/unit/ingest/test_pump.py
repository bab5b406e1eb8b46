"""The supervisor of an adapter: what it does when something hangs, breaks, is taken away, or cannot be stored."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from hub import handler
from hub.adapters.memory import MemoryAdapter
from hub.errors import DatabaseUnavailable, Permanent, Saturated, Transient
from hub.ingest.pump import PumpSettings
from hub.ingest.state import AdapterState
from hub.ingest.supervisor import Parts, Supervisor
from hub.model import Message
from hub.ports import Delivery, Features
from hub.testing import HubHarness, running_hub

QUICK = PumpSettings(backoff=0.005, longest=0.02, check_every=0.05, check_patience=0.1, patience=0.3, drain=5.0)


@handler("taken")
async def taken(payload: Any) -> None:
    pass


class Bench:
    """A hub without adapters, and one adapter under a supervisor of the test's own."""

    def __init__(self, harness: HubHarness, adapter: MemoryAdapter, lease: float, pump: PumpSettings) -> None:
        self.harness = harness
        self.adapter = adapter
        hub = harness.hub
        parts = Parts(
            database=hub.database, store=hub.engine.store, arrived=hub.engine.arrived, clock=hub.clock,
            metrics=hub.metrics, owner="here", lease=lease, pump=pump,
        )  # fmt: skip
        self.supervisor = Supervisor({"erp": adapter}, {"erp": "memory"}, parts)

    @property
    def state(self) -> AdapterState:
        return self.supervisor.states["erp"]

    async def start(self) -> None:
        assert self.harness.hub.intake is not None
        await self.supervisor.start(self.harness.hub.intake)

    async def rows(self) -> list[dict[str, Any]]:
        return (await self.harness.hub.records.jobs())[0]

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not met():  # noqa: ASYNC110 - a state that an operator polls, too
                await asyncio.sleep(0.005)


@asynccontextmanager
async def bench(lease: float = 30.0, pump: PumpSettings = QUICK, **features: bool) -> AsyncIterator[Bench]:
    routes = [{"name": "in", "from": "erp", "handler": "taken"}]
    # Known to the configuration; a hub that is only the API starts no adapter itself.
    adapters = {"erp": {"type": "memory"}}
    configuration = {"routes": routes, "adapters": adapters}
    async with running_hub(handlers=[taken], configuration=configuration, roles=["api"]) as harness:
        adapter = MemoryAdapter("erp")
        adapter.features = replace(adapter.features, **features) if features else adapter.features
        made = Bench(harness, adapter, lease, pump)
        try:
            yield made
        finally:
            await made.supervisor.stop()


async def test_a_check_that_hangs_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench() as b:
        check, hang = b.adapter.check, True

        async def hanging() -> None:
            if hang:
                await asyncio.Event().wait()
            await check()

        monkeypatch.setattr(b.adapter, "check", hanging)
        await b.start()
        await b.until(lambda: b.state.reconnects >= 2)
        assert b.state.last_error == "did not answer a check within 0.1 s"
        hang = False
        await b.adapter.deliver("t", b"1")
        assert b.state.received == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Permanent("the password is wrong: see adapters.erp.password"), "the password is wrong"),
        (ConnectionRefusedError(111, "Connection refused"), "ConnectionRefusedError: "),
        (KeyError("a bug"), "KeyError: 'a bug'"),
    ],
)
async def test_whatever_connect_raises_is_on_view_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, said: str
) -> None:
    async with bench() as b:
        attempts, connect = 0, b.adapter.connect

        async def refuse() -> None:
            nonlocal attempts
            attempts += 1
            if attempts <= 20:
                raise error
            await connect()

        monkeypatch.setattr(b.adapter, "connect", refuse)
        with caplog.at_level(logging.INFO, "hub.adapters"):
            await b.start()
            await b.until(lambda: b.state.state == "connected")
        assert attempts == 21
        assert said in (b.state.last_error or "")
        changes = [record for record in caplog.records if record.getMessage().startswith("adapter  ")]
        assert len(changes) == 3, "connecting, why not, connected: not a line for each attempt"


async def test_an_adapter_that_is_silent_at_connect_is_given_up_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bench() as b:
        connect, silent = b.adapter.connect, True

        async def hang() -> None:
            if silent:
                await asyncio.Event().wait()
            await connect()

        monkeypatch.setattr(b.adapter, "connect", hang)
        await b.start()
        await b.until(lambda: b.state.last_error is not None)
        assert b.state.last_error == "did not connect within 0.3 s"
        silent = False
        await b.until(lambda: b.state.state == "connected")


async def test_a_stop_does_not_wait_for_a_broker_that_is_silent_at_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(pump=replace(QUICK, patience=60.0, drain=60.0)) as b:
        asked, close, closed = asyncio.Event(), b.adapter.close, False

        async def silent() -> None:
            asked.set()
            await asyncio.Event().wait()

        async def noted() -> None:
            nonlocal closed
            closed = True
            await close()

        monkeypatch.setattr(b.adapter, "connect", silent)
        monkeypatch.setattr(b.adapter, "close", noted)
        await b.start()
        async with asyncio.timeout(30):
            await asked.wait()
            await b.supervisor.stop()
        assert (b.state.state, closed) == ("stopped", True)


async def test_a_row_that_no_database_takes_is_kept_without_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench() as b:
        read = b.adapter.read

        async def spoilt() -> Delivery:
            delivery = await read()
            messages = [_longer(each) if each.body == b"2" else each for each in delivery.messages]
            return Delivery(messages, delivery.token, delivery.cursor)

        monkeypatch.setattr(b.adapter, "read", spoilt)
        for n in range(1, 5):
            b.adapter.broker.produce("t", str(n).encode(), None, {})
        await b.start()
        await b.until(lambda: b.state.received == 4)
        good = [row for row in await b.rows() if row["failure"] is None]
        assert sorted(row["payload"] for row in good) == ["1", "3", "4"]
        [bad] = [row for row in await b.rows() if row["failure"] == "quarantined"]
        assert "the database refuses the row" in bad["lasterror"]
        assert (b.state.quarantined, b.state.reconnects) == (1, 0)


def _longer(message: Message) -> Message:
    return replace(message, protocol="p" * 10_000)


async def test_without_redelivery_a_delivery_outlives_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(redelivery=False) as b:
        store = b.harness.hub.engine.store
        enqueue, away, tries = store.enqueue, True, 0
        check, lost = b.adapter.check, asyncio.Event()

        async def unavailable(jobs: Any, **more: Any) -> Any:
            nonlocal tries
            if away:
                tries += 1
                raise DatabaseUnavailable("away")
            return await enqueue(jobs, **more)

        async def checked() -> None:
            try:
                await check()
            except Transient:
                lost.set()
                raise

        monkeypatch.setattr(store, "enqueue", unavailable)
        monkeypatch.setattr(b.adapter, "check", checked)
        await b.start()
        await b.until(lambda: b.state.state == "connected")
        b.adapter.broker.produce("t", b"1", None, {})
        await b.until(lambda: b.state.state == "paused")
        # Only what the broker keeps may be let go: this one it does not bring again.
        monkeypatch.setattr(b.adapter, "close", _nothing)
        b.adapter.broker.queue.clear()
        b.adapter.broker.epoch += 1
        async with asyncio.timeout(30):
            await lost.wait()
        known = tries
        await b.until(lambda: tries > known + 1)  # tried again, knowing that the connection is lost
        assert b.state.in_flight == 1
        away = False
        await b.until(lambda: b.state.received == 1)
        assert [row["payload"] for row in await b.rows()] == ["1"]


async def _nothing() -> None:
    pass


async def test_a_stop_while_the_database_is_away_gives_the_delivery_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench() as b:
        store = b.harness.hub.engine.store

        async def unavailable(jobs: Any, **more: Any) -> Any:
            raise Saturated("full")

        await b.start()
        await b.until(lambda: b.state.state == "connected")
        with monkeypatch.context() as broken:
            broken.setattr(store, "enqueue", unavailable)
            b.adapter.broker.produce("t", b"1", None, {})
            await b.until(lambda: b.state.state == "paused")
            await b.supervisor.stop()
        assert b.state.state == "stopped"
        assert b.adapter.broker.waiting == 1
        await b.start()
        await b.until(lambda: b.state.received == 1)


async def test_a_lease_that_is_lost_ends_the_connection_until_it_is_free() -> None:
    async with bench(lease=0.6, exclusive=True) as b:
        await b.start()
        await b.until(lambda: b.state.state == "connected")
        async with b.harness.hub.database.transaction() as connection:
            await connection.execute(
                text("UPDATE adapter_leases SET owner = 'there', fence = 99, leaseuntil = '2999-01-01T00:00:00.000Z'")
            )
        await b.until(lambda: b.state.state == "waiting")
        b.adapter.broker.produce("t", b"1", None, {})
        assert "lease was lost" in (b.state.last_error or "")
        assert await b.rows() == []
        async with b.harness.hub.database.transaction() as connection:
            await connection.execute(text("UPDATE adapter_leases SET leaseuntil = '2000-01-01T00:00:00.000Z'"))
        await b.until(lambda: b.state.received == 1)
        await b.supervisor.stop()
        async with b.harness.hub.database.transaction() as connection:
            held = await connection.execute(
                text("SELECT count(*) FROM adapter_leases WHERE leaseuntil > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")
            )
            assert held.scalar_one() == 0


async def test_starting_and_stopping_twice_is_harmless() -> None:
    async with bench() as b:
        await b.supervisor.stop()
        await b.start()
        await b.supervisor.stop()
        await b.supervisor.stop()
        assert b.adapter.features == Features(ordering=True, redelivery=True, headers=True, keys=True)


async def test_an_instance_that_only_sends_leaves_lease_and_place_to_one_that_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bench(exclusive=True) as b:
        connected = 0
        connect = b.adapter.connect

        async def counted() -> None:
            nonlocal connected
            connected += 1
            await connect()

        monkeypatch.setattr(b.adapter, "connect", counted)
        assert b.harness.hub.intake is not None
        await b.supervisor.start(b.harness.hub.intake, read=False)
        assert b.state.state == "waiting"
        async with b.harness.hub.database.transaction() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM adapter_leases"))).scalar_one() == 0
        await b.supervisor.stop()
        assert (b.state.state, connected) == ("stopped", 0)
