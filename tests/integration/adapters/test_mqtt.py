"""MQTT in: what the broker sends is read in order, acknowledged in order, bounded, and comes again when it was not."""

import asyncio
import socket
import struct
from typing import Any

import pytest

from hub.adapters.mqtt import MqttAdapter
from hub.errors import Transient
from tests.integration.adapters.alone import fresh, nothing_comes, one_delivery, read
from tests.integration.adapters.mqtt_adapters import adapter, connected
from tests.servers import MosquittoService
from tests.servers.mqtt_peer import Peer

pytestmark = pytest.mark.mqtt
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


async def numbered(peer: Peer, topic: str, count: int) -> list[bytes]:
    bodies = [b"%d" % number for number in range(count)]
    await asyncio.to_thread(peer.publish, topic, *bodies)
    return bodies


@pytest.fixture
def peer(mosquitto: MosquittoService) -> Any:
    with Peer(mosquitto.port) as found:
        yield found


# --- order, acknowledgement ------------------------------------------------------------------------------------------


@VERSIONS
async def test_messages_come_in_their_order_and_once(mosquitto: MosquittoService, peer: Peer, version: str) -> None:
    topic = fresh("order")
    async with connected(mosquitto, f"{topic}/+", version=version, receive_maximum=20) as plant:
        bodies = await numbered(peer, f"{topic}/a", 500)
        assert [message.body for message in await read(plant, 500)] == bodies
        assert await nothing_comes(plant)


@VERSIONS
async def test_what_was_not_acknowledged_comes_again_first(
    mosquitto: MosquittoService, peer: Peer, version: str
) -> None:
    topic = fresh("again")
    async with connected(mosquitto, topic, version=version, receive_maximum=5) as plant:
        bodies = await numbered(peer, topic, 30)
        first = await one_delivery(plant)
        await plant.acknowledge(first)
        await one_delivery(plant)
        await plant.close()
        await plant.connect()
        await plant.subscribe([topic])
        left = bodies[len(first.messages) :]
        assert [message.body for message in await read(plant, len(left))] == left
        assert await nothing_comes(plant)


async def test_an_acknowledgement_of_an_earlier_connection_acknowledges_nothing(
    mosquitto: MosquittoService, peer: Peer
) -> None:
    topic = fresh("epoch")
    async with connected(mosquitto, topic, receive_maximum=3) as plant:
        bodies = await numbered(peer, topic, 3)
        old = await one_delivery(plant)
        await plant.close()
        await plant.connect()
        await plant.subscribe([topic])
        with pytest.raises(Transient, match="come again"):
            await plant.acknowledge(old)  # packet ids 1, 2, 3 are in use again
        await plant.close()
        await plant.connect()
        await plant.subscribe([topic])
        assert [message.body for message in await read(plant, 3)] == bodies


async def test_what_was_released_is_next_again(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("release")
    async with connected(mosquitto, topic, receive_maximum=4) as plant:
        bodies = await numbered(peer, topic, 8)
        await plant.release(await one_delivery(plant))
        assert [message.body for message in await read(plant, 8)] == bodies


async def test_a_read_that_is_cancelled_loses_nothing(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("cancel")
    async with connected(mosquitto, topic) as plant:
        assert await nothing_comes(plant, 0.05)
        bodies = await numbered(peer, topic, 3)
        assert [message.body for message in await read(plant, 3)] == bodies


# --- bounds ----------------------------------------------------------------------------------------------------------


async def test_no_more_is_held_than_the_bound_whatever_the_broker_sends(own_mosquitto: MosquittoService) -> None:
    topic = fresh("bound")
    with Peer(own_mosquitto.port) as peer:
        async with connected(own_mosquitto, topic, client_id="bounded") as plant:
            await plant.close()
        bodies = await numbered(peer, topic, 3000)
        async with connected(own_mosquitto, topic, client_id="bounded", receive_maximum=10) as plant:
            found: list[bytes] = []
            most = 0
            while len(found) < 3000:
                delivery = await one_delivery(plant)
                await asyncio.sleep(0)  # a turn in which a broker that keeps to nothing would send more
                most = max(most, held(plant))
                found += [message.body for message in delivery.messages]
                await plant.acknowledge(delivery)
            assert found == bodies
            assert most <= 11


async def test_a_reader_that_takes_nothing_for_long_keeps_its_connection(own_mosquitto: MosquittoService) -> None:
    topic = fresh("slow")
    with Peer(own_mosquitto.port) as peer:
        async with connected(own_mosquitto, topic, receive_maximum=1, keepalive=1) as plant:
            bodies = await numbered(peer, topic, 50)
            found = await read(plant, 3)  # now Mosquitto has sent too much, and is not read
            held_back = await one_delivery(plant)
            async with asyncio.timeout(30):
                for _ in range(30):
                    await asyncio.sleep(0.1)  # three times the keepalive: the broker would have hung up
                    await plant.check()
            await plant.acknowledge(held_back)
            found += [*held_back.messages, *await read(plant, 46)]
            assert [message.body for message in found] == bodies


def held(plant: MqttAdapter) -> int:
    session = plant._session
    assert session is not None
    return session.inbox.held


# --- sessions, subscriptions -----------------------------------------------------------------------------------------


@VERSIONS
async def test_the_session_is_kept_while_nobody_is_there(mosquitto: MosquittoService, peer: Peer, version: str) -> None:
    topic = fresh("absent")
    plant = adapter(mosquitto, version=version)
    await plant.connect()
    await plant.subscribe([topic])
    await plant.close()
    bodies = await numbered(peer, topic, 200)
    await plant.connect()
    await plant.subscribe([topic])
    assert [message.body for message in await read(plant, 200)] == bodies
    await plant.close()


async def test_topics_that_change_are_subscribed_and_unsubscribed(mosquitto: MosquittoService, peer: Peer) -> None:
    one, two, three = fresh("one"), fresh("two"), fresh("three")
    async with connected(mosquitto, one, two) as plant:
        await asyncio.to_thread(peer.publish, two, b"kept", retain=True)
        assert [message.body for message in await read(plant, 1)] == [b"kept"]
        await plant.subscribe([two, three])
        for topic in (one, two, three):
            await asyncio.to_thread(peer.publish, topic, topic.encode())
        # `two` was not subscribed again: its retained message did not come a second time.
        assert [message.topic for message in await read(plant, 2)] == [two, three]
        assert await nothing_comes(plant)


async def test_a_subscription_of_an_earlier_configuration_ends_with_its_first_message(
    mosquitto: MosquittoService, peer: Peer
) -> None:
    topic, name = fresh("stray"), fresh("hub")
    async with connected(mosquitto, f"{topic}/+/old/#", client_id=name):
        pass
    async with connected(mosquitto, f"{topic}/new", client_id=name) as plant:
        await asyncio.to_thread(peer.publish, f"{topic}/line/old/1", b"stray")
        assert [message.body for message in await read(plant, 1)] == [b"stray"]
        await asyncio.gather(*plant._tasks)
        await asyncio.to_thread(peer.publish, f"{topic}/line/old/2", b"unheard")
        await asyncio.to_thread(peer.publish, f"{topic}/new", b"heard")
        assert [message.body for message in await read(plant, 1)] == [b"heard"]
        assert await nothing_comes(plant)


async def test_a_shared_subscription_divides_messages_among_instances(mosquitto: MosquittoService, peer: Peer) -> None:
    topic, name = fresh("shared"), fresh("hub")
    found: list[list[bytes]] = [[], []]
    everything = asyncio.Event()

    async def take(plant: MqttAdapter, into: list[bytes]) -> None:
        while True:
            delivery = await plant.read()
            into += [message.body for message in delivery.messages]
            await plant.acknowledge(delivery)
            if len(found[0]) + len(found[1]) == 400:
                everything.set()

    async with (
        connected(mosquitto, f"{topic}/#", client_id=name, share=True) as one,
        connected(mosquitto, f"{topic}/#", client_id=name, share=True) as two,
    ):
        assert not one.features.exclusive
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            tasks = [group.create_task(take(plant, into)) for plant, into in zip((one, two), found, strict=True)]
            bodies = await numbered(peer, f"{topic}/a", 400)
            await everything.wait()
            for task in tasks:
                task.cancel()
    assert sorted(found[0] + found[1]) == sorted(bodies)
    assert min(map(len, found)) > 0


# --- retained --------------------------------------------------------------------------------------------------------


@VERSIONS
async def test_retained_messages_are_taken_once_for_a_session(
    mosquitto: MosquittoService, peer: Peer, version: str
) -> None:
    topic = fresh("retained")
    await asyncio.to_thread(peer.publish, topic, b"state", retain=True)
    plant = adapter(mosquitto, version=version)
    await plant.connect()
    await plant.subscribe([topic])
    [message] = await read(plant, 1)
    assert (message.body, message.headers["mqtt-retain"]) == (b"state", "true")
    await plant.close()
    await plant.connect()
    await plant.subscribe([topic])
    assert await nothing_comes(plant)
    await plant.close()


@VERSIONS
async def test_retained_messages_may_be_left_out(mosquitto: MosquittoService, peer: Peer, version: str) -> None:
    topic = fresh("left-out")
    await asyncio.to_thread(peer.publish, topic, b"old", retain=True)
    async with connected(mosquitto, topic, version=version, retained=False) as plant:
        await asyncio.to_thread(peer.publish, topic, b"new", retain=True)
        [message] = await read(plant, 1)
        assert (message.body, dict(message.headers)) == (b"new", {})
        assert await nothing_comes(plant)


# --- what messages may hold ------------------------------------------------------------------------------------------


async def test_properties_become_headers(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("properties")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with connected(mosquitto, topic) as plant:
        await asyncio.to_thread(
            peer.publish, topic, b"{}", b"[]", ContentType="application/json",
            UserProperty=[("id", "7"), ("traceparent", trace), ("Tag", "a"), ("Tag", "b")],
            ResponseTopic="answers/7", CorrelationData=b"\xff\x00", MessageExpiryInterval=600,
        )  # fmt: skip
        first, _ = await read(plant, 2)
    assert first.content_type == "application/json"
    assert first.headers["mqtt-message-expiry"] in ("600", "599")
    assert {name: value for name, value in first.headers.items() if name != "mqtt-message-expiry"} == {
        "id": "7",
        "traceparent": trace,
        "Tag": "a, b",
        "mqtt-response-topic": "answers/7",
        "mqtt-correlation-data": "base64:/wA=",
    }


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("t" * 65_535, b"long topic"),
        ("empty", b""),
        ("not-utf-8", b"\xff\xfe\x00\xc3\x28"),
        ("huge", b"x" * 20_000_000),
        ("überlänge/温度/🌡", "°C".encode()),
    ],
    ids=["long topic", "empty", "not UTF-8", "huge", "beyond ASCII"],
)
async def test_whatever_a_message_is_it_is_read_and_the_next_one_too(
    own_mosquitto: MosquittoService, topic: str, body: bytes
) -> None:
    with Peer(own_mosquitto.port) as peer:
        async with connected(own_mosquitto, "#") as plant:
            await asyncio.to_thread(peer.publish, topic, body)
            await asyncio.to_thread(peer.publish, "good", b"next")
            found = await read(plant, 2)
    assert [(message.topic, message.body) for message in found] == [(topic, body), ("good", b"next")]


async def test_a_property_that_paho_refuses_is_no_poison(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("bom")
    async with connected(mosquitto, topic) as plant:
        await asyncio.to_thread(peer.publish, topic, b"marked", UserProperty=("name", "\ufeffvalue"))
        await asyncio.to_thread(peer.publish, topic, b"next")
        found = await read(plant, 2)
    assert [(message.body, dict(message.headers)) for message in found] == [
        (b"marked", {"name": "\ufeffvalue"}),
        (b"next", {}),
    ]


async def test_messages_of_quality_of_service_0_and_2_are_taken_too(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("quality")
    async with connected(mosquitto, topic, receive_maximum=2) as plant:
        for qos in (2, 0, 1, 0, 2, 2, 2, 1):
            await asyncio.to_thread(peer.publish, topic, b"%d" % qos, qos=qos)
        assert [message.body for message in await read(plant, 8)] == [b"2", b"0", b"1", b"0", b"2", b"2", b"2", b"1"]


async def test_a_packet_that_does_not_add_up_ends_the_connection_and_not_the_hub() -> None:
    """A broker gone mad: a PUBLISH whose properties are longer than the packet."""

    def mad(listening: socket.socket) -> None:
        talking, _ = listening.accept()
        with talking:
            talking.recv(4096)
            talking.sendall(bytes([0x20, 3, 0, 0, 0]))
            talking.recv(4096)
            talking.sendall(bytes([0x90, 4, 0, 1, 0, 1]))
            talking.sendall(bytes([0x30, 6]) + struct.pack("!H", 1) + b"t" + bytes([90, 1, 1]))
            talking.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = MosquittoService()
        service.port = listening.getsockname()[1]
        serving = asyncio.create_task(asyncio.to_thread(mad, listening))
        plant = adapter(service)
        await plant.connect()
        await plant.subscribe(["t"])
        with pytest.raises(Transient, match="no MQTT"):
            await one_delivery(plant)
        await plant.close()
        await serving
