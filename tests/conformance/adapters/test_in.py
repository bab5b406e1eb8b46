"""What an adapter brings in: each message one row, as it came, and told to the broker after that."""

import asyncio
import binascii

import pytest

from hub.config import build
from hub.ingest.route import RouteTable
from tests.conformance.adapters.broker import Broker
from tests.conformance.adapters.rig import NAME, document, eventually, numbered, route, running

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_it_declares_what_it_does(sqlite_url: str, broker: Broker) -> None:
    async with running(sqlite_url, broker, [route(await broker.topic())]) as bench:
        assert bench.hub.adapters[NAME].features == broker.features


async def test_each_message_becomes_one_row(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(topic)]) as bench:
        await bench.connected(topic)
        for n in range(30):
            await broker.produce(topic, numbered(n), key=f"key-{n % 3}" if broker.features.keys else None)
        await bench.has(range(30))
        rows = await bench.came_in()
        assert {(row["protocol"], row["source"]) for row in rows} == {(broker.type, "in")}
        assert {(row["metadata"]["adapter"], row["metadata"]["topic"]) for row in rows} == {(NAME, topic)}
        if broker.features.keys:
            keys = {row["metadata"]["key"] for row in rows}
            assert keys == {"key-0", "key-1", "key-2"}
        if broker.features.ordering:
            for remainder in range(3):
                of_key = [n for n in await bench.numbers() if n % 3 == remainder]
                assert of_key == sorted(of_key)
        for row in rows:
            assert (await bench.wait(row["id"]))["status"] == "completed"
        assert bench.state.view()["received"] == 30
        await acknowledged(broker, topic)


async def test_headers_and_the_trace_come_along(sqlite_url: str, broker: Broker) -> None:
    if not broker.features.headers:
        pytest.skip("its messages have no headers")
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(topic)]) as bench:
        await bench.connected(topic)
        headers = {"kind": "part", "traceparent": TRACE, "content-type": "application/json"}
        await broker.produce(topic, numbered(1), headers=headers)
        await bench.has([1])
        [row] = await bench.came_in()
        assert row["metadata"]["headers"]["kind"] == "part"
        assert row["traceparent"] == TRACE
        assert row["contenttype"] == "application/json"


async def test_an_empty_message_and_a_large_one(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(topic, handler="note", map="{n: `7`}")]) as bench:
        await bench.connected(topic)
        large = numbered(2, text="ä" * 200_000)
        await broker.produce(topic, large)
        await broker.produce(topic, b"")
        await bench.has([7, 7])


async def test_poison_is_kept_and_holds_up_nobody(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    async with running(sqlite_url, broker, [route(topic, schema=schema)]) as bench:
        await bench.connected(topic)
        for body in (b"\xff\xfe\x00\x80", b'{"n": "seven"}', b'{"n": '):
            await broker.produce(topic, body)
        await broker.produce(topic, numbered(4))
        await bench.has([4])
        good = next(row for row in await bench.came_in() if row["failure"] is None)
        await bench.wait(good["id"])
        bad = [row for row in await bench.came_in() if row["failure"] == "quarantined"]
        assert sorted(row["payload"] for row in bad[1:]) == sorted(['{"n": "seven"}', '{"n": '])
        assert (bad[0]["payloadencoding"], binascii.a2b_base64(bad[0]["payload"])) == ("base64", b"\xff\xfe\x00\x80")
        assert all(row["lasterror"] and row["handler"] == "note" for row in bad)
        assert bench.state.view()["quarantined"] == 3
        await acknowledged(broker, topic)


async def test_what_no_route_takes_is_a_dead_letter(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(topic)]) as bench:
        await bench.connected(topic)
        assert bench.hub.intake is not None
        bench.hub.intake.table = RouteTable([])  # the subscription stays, as of a message that was under way
        await broker.produce(topic, b"\x00unheard of")
        await eventually(lambda: bench.state.quarantined == 1)
        [row] = await bench.came_in()
        assert (row["handler"], row["failure"], row["statusid"]) == ("system.unrouted", "quarantined", 4)
        assert binascii.a2b_base64(row["payload"]) == b"\x00unheard of"
        assert topic in row["lasterror"]
        await acknowledged(broker, topic)


async def test_another_route_means_another_subscription(sqlite_url: str, broker: Broker) -> None:
    first, second = await broker.topic(), await broker.topic()
    async with running(sqlite_url, broker, [route(first)]) as bench:
        await bench.connected(first)
        assert bench.hub.intake is not None
        routes = [route(first), route(second, name="also")]
        configuration = build(document(broker, routes), {"DATABASE_URL": sqlite_url})
        bench.hub.intake.table = RouteTable.compile(configuration.routes, {NAME: broker.type})
        bench.hub.supervisor.changed()
        await bench.connected(first, second)
        await broker.produce(second, numbered(2))
        await broker.produce(first, numbered(1))
        await bench.has([1, 2])
        assert bench.state.reconnects == 0


async def acknowledged(broker: Broker, topic: str) -> None:
    """Until the broker knows that everything was taken, if it can be asked."""

    async def nothing_waits() -> bool:
        return not await broker.waiting(topic)

    await eventually(nothing_waits, lambda: "the broker still waits for acknowledgements")
    await asyncio.sleep(0)
