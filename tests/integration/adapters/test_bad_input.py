"""Bad messages before a whole hub on the real brokers: each is a dead letter with its bytes, a good one behind it is
worked on at once, and once the route is corrected the dead letter is worked on too.
"""

import asyncio
import binascii
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from hub.config import build
from hub.ingest.route import RouteTable
from tests.conformance.adapters.activemq import ActiveMq
from tests.conformance.adapters.broker import Broker
from tests.conformance.adapters.kafka import Kafka
from tests.conformance.adapters.mqtt import Mqtt
from tests.conformance.adapters.rig import NAME, Bench, document, eventually, numbered, route, running
from tests.integration.adapters import kafka_adapters as kafka_peer
from tests.servers import ActiveMqService, KafkaService, MosquittoService
from tests.servers.activemq import GUEST, GUEST_PASSWORD, PASSWORD, USER
from tests.servers.mqtt_peer import Peer as MqttPeer
from tests.servers.stomp_peer import StompPeer

SOON = 20.0
"""Seconds within which a good message is worked on after any bad one."""
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CORRECTED = {"map": "{n: `7`}"}
HUGE = b"x" * 2_000_000


@asynccontextmanager
async def before(broker: Broker, url: str, filter: str) -> AsyncIterator[Bench]:
    """A hub whose route asks for what bad messages do not have."""
    async with running(url, broker, [route(filter, schema=SCHEMA)]) as bench:
        await bench.connected(filter)
        yield bench
    await broker.close()


async def good_one(bench: Bench, since: float) -> None:
    """The good message (1) has been worked on, soon after the bad one was sent."""

    async def worked_on() -> bool:
        rows = await bench.came_in()
        return any(row["statusid"] == 3 and json.loads(row["payload"]) == {"n": 1} for row in rows)

    await eventually(worked_on, lambda: str(bench.state.view()))
    assert time.monotonic() - since < SOON


async def dead_letter(bench: Bench, body: bytes) -> Any:
    """The one row that keeps these bytes, with the reason."""
    [row] = [row for row in await bench.came_in() if row["failure"] == "quarantined"]
    assert (row["statusid"], row["handler"]) == (4, "note")
    assert row["lasterror"]
    assert kept(row) == body
    assert bench.state.quarantined == 1
    return row


def kept(row: Any) -> bytes:
    payload = row["payload"] or ""
    return binascii.a2b_base64(payload) if row["payloadencoding"] == "base64" else payload.encode()


async def redriven(bench: Bench, broker: Broker, filter: str, row: Any, *, mends: bool = True) -> None:
    """With the route corrected, the dead letter becomes a job that is worked on; what no route can mend stays one."""
    routes = [route(filter, **CORRECTED)]
    configuration = build(document(broker, routes), {"DATABASE_URL": bench.hub.configuration.database.url})
    assert bench.hub.intake is not None
    bench.hub.intake.table = RouteTable.compile(configuration.routes, {NAME: broker.type})
    assert await bench.hub.records.redrive([row["id"]]) == 1
    done = await bench.wait(row["id"])
    if not mends:
        [still] = [one for one in await bench.came_in() if one["id"] == row["id"]]
        assert (still["statusid"], kept(still)) == (4, kept(row))
        assert "cannot be kept" in still["lasterror"]
        return
    assert done["status"] == "completed", done["lasterror"]
    (child,) = json.loads(done["result"])["jobs"]
    made = await bench.wait(child)
    assert (made["status"], made["result"]) == ("completed", "7")
    [metadata] = [one["metadata"] for one in await bench.came_in() if one["id"] == child]
    for name in ("topic", "key", "partition", "offset"):
        assert metadata.get(name) == row["metadata"].get(name), name


# --- Kafka -----------------------------------------------------------------------------------------------------------


class Record(NamedTuple):
    """`seen`: headers as the row shows them. `mends`: whether a corrected route can take it."""

    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    key: bytes | None = None
    seen: Mapping[str, str] = MappingProxyType({})
    mends: bool = True


RECORDS = {
    "tombstone": Record(None, key=b"k1", seen={"kafka-tombstone": "true"}),
    "empty": Record(b""),
    "header without a value": Record(b"odd", [("none", None)], seen={"none": ""}),
    "header that is no UTF-8": Record(b"odd", [("raw", b"\xff\x00")], seen={"raw:base64": "/wA="}),
    "ten thousand headers": Record(b"odd", [(f"h{n}", b"v") for n in range(10_000)], seen={"h0": "v"}),
    "neither key nor body UTF-8": Record(b"\xff\xfe\x00\x80", key=b"\xfe"),
    "U+0000 in JSON": Record(b'{"n": 1, "text": "\\u0000"}', mends=False),
    "deep": Record(b"[" * 100_000, mends=False),
    "huge": Record(HUGE),
}


@pytest.mark.kafka
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
async def test_kafka(kafka: KafkaService, sqlite_url: str, record: Record) -> None:
    broker, peer = Kafka(kafka), kafka_peer.Peer(kafka)
    topic = await broker.topic()
    async with before(broker, sqlite_url, topic) as bench:
        since = time.monotonic()
        await peer.send(topic, record.value, headers=list(record.headers), key=record.key)
        await peer.send(topic, numbered(1))
        await good_one(bench, since)
        row = await dead_letter(bench, record.value or b"")
        assert record.seen.items() <= row["metadata"].get("headers", {}).items()
        await redriven(bench, broker, topic, row, mends=record.mends)
    await peer.close()


@pytest.mark.kafka
async def test_kafka_offset_out_of_range(kafka: KafkaService, sqlite_url: str) -> None:
    """What retention took while nobody read is gone: that is said, never skipped in silence, and reading goes on."""
    broker, peer = Kafka(kafka), kafka_peer.Peer(kafka)
    topic = await broker.topic()
    async with running(sqlite_url, broker, [route(topic)]) as bench:
        await bench.connected(topic)
        await broker.produce(topic, numbered(0))
        await bench.has([0])
    for n in range(10, 20):
        await broker.produce(topic, numbered(n))
    await peer.truncate(topic, 6)
    async with running(sqlite_url, broker, [route(topic)]) as bench:
        await eventually(
            lambda: "offsets 1 to 5 are gone" in (bench.state.last_error or ""), lambda: str(bench.state.view())
        )
        since = time.monotonic()
        await broker.produce(topic, numbered(1))
        await good_one(bench, since)
        assert sorted(await bench.numbers()) == [0, 1, 15, 16, 17, 18, 19]
    await broker.close()
    await peer.close()


# --- MQTT ------------------------------------------------------------------------------------------------------------


class Publish(NamedTuple):
    body: bytes
    topic: str = "odd"
    retain: bool = False
    mends: bool = True


PUBLISHES = {
    "topic of 65,535 bytes": Publish(b"odd", "t" * (65_535 - len("bad/"))),
    "empty": Publish(b""),
    "retained": Publish(b"odd", retain=True),
    "not UTF-8": Publish(b"\xff\xfe\x00\xc3\x28"),
    "deep": Publish(b"[" * 100_000, mends=False),
    "huge": Publish(HUGE),
}


@pytest.mark.mqtt
@pytest.mark.parametrize("publish", PUBLISHES.values(), ids=PUBLISHES)
async def test_mqtt(own_mosquitto: MosquittoService, sqlite_url: str, publish: Publish) -> None:
    broker, topic = Mqtt(own_mosquitto, "5"), f"bad/{publish.topic}"
    with MqttPeer(own_mosquitto.port) as peer:
        if publish.retain:  # it is there before the subscription, and says so
            await asyncio.to_thread(peer.publish, topic, publish.body, retain=True)
        async with before(broker, sqlite_url, "bad/#") as bench:
            since = time.monotonic()
            if not publish.retain:
                await asyncio.to_thread(peer.publish, topic, publish.body)
            await asyncio.to_thread(peer.publish, "bad/good", numbered(1))
            await good_one(bench, since)
            row = await dead_letter(bench, publish.body)
            assert row["metadata"]["topic"] == topic
            assert row["metadata"].get("headers", {}).get("mqtt-retain") == ("true" if publish.retain else None)
            await redriven(bench, broker, "bad/#", row, mends=publish.mends)


@pytest.mark.mqtt
async def test_mqtt_larger_than_it_may_be(own_mosquitto: MosquittoService, sqlite_url: str) -> None:
    """Of 17 MB, where 16 MiB are let in: kept all the same."""
    broker, body = Mqtt(own_mosquitto, "5"), b'{"n": 1}' + b" " * 17_000_000
    async with running(sqlite_url, broker, [route("bad/#", schema=SCHEMA)]) as bench:
        await bench.connected("bad/#")
        with MqttPeer(own_mosquitto.port) as peer:
            await asyncio.to_thread(peer.publish, "bad/huge", body)
            since = time.monotonic()
            await asyncio.to_thread(peer.publish, "bad/good", numbered(1))
            await good_one(bench, since)
        row = await dead_letter(bench, body)
        assert "too large: 17,000,008 bytes" in row["lasterror"]
    await broker.close()


# --- STOMP -----------------------------------------------------------------------------------------------------------


class Send(NamedTuple):
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    mends: bool = True


SENDS = {
    "CRLF and a colon in a header": Send(b"odd", {"odd:name": "a:b\r\nc\\d"}),
    "empty": Send(b""),
    "not UTF-8": Send(b"\xff\xfe\x00\x80"),
    "NUL in the body": Send(b'{"n"\0: 1}'),
    "hundreds of headers": Send(b"odd", {f"h{n}": "v" for n in range(900)}),
    "deep": Send(b"[" * 100_000, mends=False),
    "huge": Send(HUGE),
}


@pytest.mark.activemq
@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
async def test_stomp(activemq: ActiveMqService, sqlite_url: str, send: Send) -> None:
    broker = ActiveMq(activemq)
    queue = await broker.topic()
    async with before(broker, sqlite_url, queue) as bench, StompPeer(activemq.port, USER, PASSWORD) as peer:
        since = time.monotonic()
        await peer.send(queue, send.body, send.headers)
        await peer.send(queue, numbered(1))
        await good_one(bench, since)
        row = await dead_letter(bench, send.body)
        found = row["metadata"].get("headers", {})
        if len(send.headers) < 64:
            assert send.headers.items() <= found.items()
        else:
            assert len(found) == 64, "as many as a row has room for"
        await redriven(bench, broker, queue, row, mends=send.mends)


@pytest.mark.activemq
@pytest.mark.parametrize("length", ["3", "-1", "ten", "99999999999999999999"])
async def test_stomp_bad_content_length(activemq: ActiveMqService, sqlite_url: str, length: str) -> None:
    """The broker itself turns such a frame away, or makes of it what it can; the hub takes what comes of it."""
    broker = ActiveMq(activemq)
    queue = await broker.topic()
    async with before(broker, sqlite_url, queue) as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", activemq.port)
        writer.write(f"CONNECT\naccept-version:1.2\nhost:/\nlogin:{USER}\npasscode:{PASSWORD}\n\n\0".encode())
        assert (await reader.readuntil(b"\0")).startswith(b"CONNECTED")
        since = time.monotonic()
        writer.write(f"SEND\ndestination:{queue}\ncontent-length:{length}\n\n12345678\0".encode())
        await writer.drain()
        await broker.produce(queue, numbered(1))
        await good_one(bench, since)
        writer.close()
        bad = [row for row in await bench.came_in() if row["failure"] is not None]
        assert bench.state.quarantined == len(bad)
        assert bench.state.state == "connected"


@pytest.mark.activemq
async def test_stomp_error_frame(activemq: ActiveMqService, sqlite_url: str, tmp_path: Path) -> None:
    """A message that the broker answers with ERROR fails for good with the broker's words; reading goes on."""
    queue, secret = "/queue/tests.errors", tmp_path / "password"
    secret.write_text(GUEST_PASSWORD)
    broker = ActiveMq(activemq, username=GUEST, password=f"${{file:{secret}}}")
    async with before(broker, sqlite_url, queue) as bench:
        since = time.monotonic()
        refused = await bench.enqueue("publish", {"n": 1}, metadata={"to": NAME, "topic": "/queue/forbidden"})
        await broker.produce(queue, numbered(1))
        await good_one(bench, since)
        row = await bench.wait(refused)
        assert row["status"] == "failed"
        assert "not authorized" in row["lasterror"].lower()
