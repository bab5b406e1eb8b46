"""MQTT out: a message is sent when the broker has said so, and what can never be sent says why."""

import asyncio
from collections.abc import Iterator

import pytest

from hub.adapters.mqtt import sending
from hub.errors import Permanent, Transient
from tests.integration.adapters.alone import fresh
from tests.integration.adapters.mqtt_adapters import adapter, connected, outgoing
from tests.servers import HiveMqService, MosquittoService, Unavailable
from tests.servers.mqtt_peer import Peer

pytestmark = pytest.mark.mqtt


@pytest.fixture
def peer(mosquitto: MosquittoService) -> Iterator[Peer]:
    with Peer(mosquitto.port) as found:
        yield found


async def test_a_message_has_its_id_its_type_and_its_headers(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("out")
    await asyncio.to_thread(peer.listen, topic)
    headers = {
        "kind": "order",
        "mqtt-response-topic": "answers/7",
        "mqtt-correlation-data": "base64:/wA=",
        "mqtt-message-expiry": "60",
    }
    async with connected(mosquitto) as plant:
        message = outgoing(topic, b'{"id": 7}', headers)
        await plant.send(message)
    [heard] = await asyncio.to_thread(peer.wait, 1)
    assert (heard.body, heard.headers) == (b'{"id": 7}', {"hub-message-id": message.id, "kind": "order"})
    assert heard.properties["ContentType"] == "application/json"
    assert heard.properties["ResponseTopic"] == "answers/7"
    assert heard.properties["CorrelationData"] == b"\xff\x00"
    assert heard.properties["MessageExpiryInterval"] in (59, 60)


async def test_a_message_may_be_retained(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("kept")
    async with connected(mosquitto) as plant:
        await plant.send(outgoing(topic, b"state", {"mqtt-retain": "true"}))
        with pytest.raises(Permanent, match="mqtt-retain"):
            await plant.send(outgoing(topic, b"state", {"mqtt-retain": "perhaps"}))
    await asyncio.to_thread(peer.listen, topic)
    [heard] = await asyncio.to_thread(peer.wait, 1)
    assert (heard.body, heard.retain) == (b"state", True)


@pytest.mark.parametrize("settings", [{"version": "3.1.1"}, {"qos": 0}, {"version": "3.1.1", "qos": 0}], ids=str)
async def test_other_versions_and_qualities_send_too(
    mosquitto: MosquittoService, peer: Peer, settings: dict[str, str]
) -> None:
    topic = fresh("plain")
    await asyncio.to_thread(peer.listen, topic)
    async with connected(mosquitto, **settings) as plant:
        assert plant.features.headers is (settings.get("version") != "3.1.1")
        for number in range(50):
            await plant.send(outgoing(topic, b"%d" % number, {"kind": "order"}))
    heard = await asyncio.to_thread(peer.wait, 50)
    assert [one.body for one in heard] == [b"%d" % number for number in range(50)]


async def test_many_at_once_need_one_connection(mosquitto: MosquittoService, peer: Peer) -> None:
    topic = fresh("many")
    await asyncio.to_thread(peer.listen, topic)
    plant = adapter(mosquitto)  # what only sends needs no session, and so no connection but its own
    await asyncio.gather(*(plant.send(outgoing(topic, b"%d" % number)) for number in range(2000)))
    await plant.close()
    heard = await asyncio.to_thread(peer.wait, 2000)
    assert {one.body for one in heard} == {b"%d" % number for number in range(2000)}


@pytest.mark.slow
async def test_no_more_are_under_way_than_the_broker_takes() -> None:
    """HiveMQ, as it comes, ends the connection of who sends an eleventh before the first is answered."""
    try:
        service = HiveMqService(receive_maximum=10)
    except Unavailable as reason:
        pytest.skip(str(reason))
    topic = fresh("ten")
    with service, Peer(service.port) as peer:
        await asyncio.to_thread(peer.listen, topic)
        async with connected(service) as plant:
            await asyncio.gather(*(plant.send(outgoing(topic, b"%d" % number)) for number in range(500)))
        heard = await asyncio.to_thread(peer.wait, 500)
    assert sorted(int(one.body) for one in heard) == list(range(500))


@pytest.mark.parametrize(
    ("topic", "headers", "said"),
    [
        ("a/+", {}, "wildcard"),
        ("a/#", {}, "wildcard"),
        ("", {}, "topic"),
        ("a\0b", {}, "topic"),
        ("t" * 65_536, {}, "65,535"),
        ("a", {"name": "line\nline"}, "name"),
        ("a", {"name": "x" * 65_536}, "65,535"),
        ("a", {"mqtt-message-expiry": "soon"}, "header"),
        ("a", {"mqtt-message-expiry": "-1"}, "4294967295"),
        ("a", {"mqtt-message-expiry": "4294967296"}, "4294967295"),
        ("a", {"mqtt-correlation-data": "base64:§"}, "header"),
        ("a", {"mqtt-correlation-data": "x" * 65_536}, "header"),
    ],
    ids=str,
)
async def test_what_no_broker_takes_fails_for_good_and_harms_no_other(
    mosquitto: MosquittoService, topic: str, headers: dict[str, str], said: str
) -> None:
    async with connected(mosquitto) as plant:
        await plant.send(outgoing("good"))
        with pytest.raises(Permanent, match=said):
            await plant.send(outgoing(topic, headers=headers))
        await plant.send(outgoing("good"))


async def test_a_topic_that_is_not_allowed_fails_for_good() -> None:
    rules = ["user hub", "topic write allowed/#"]
    with MosquittoService(users={"hub": "right"}, rules=rules) as service:
        async with connected(service, username="hub", password="right") as plant:
            await plant.send(outgoing("allowed/1"))
            with pytest.raises(Permanent, match="ACL"):
                await plant.send(outgoing("forbidden"))


async def test_a_message_that_is_too_large_for_the_broker_fails_for_good() -> None:
    with MosquittoService(settings=["max_packet_size 5000"]) as service:
        async with connected(service) as plant:
            await plant.send(outgoing("a", b"x" * 4000))
            with pytest.raises(Permanent, match="5000 bytes"):
                await plant.send(outgoing("a", b"x" * 6000))
            await plant.send(outgoing("a", b"x"))


async def test_a_wrong_password_is_no_fault_of_the_message() -> None:
    with MosquittoService(users={"hub": "right"}) as service:
        plant = adapter(service, username="hub", password="wrong")
        with pytest.raises(Transient, match="check username and password"):
            await plant.send(outgoing("a"))
        await plant.close()


async def test_a_broker_that_is_down_is_tried_anew_with_each_message(own_mosquitto: MosquittoService) -> None:
    plant = adapter(own_mosquitto)
    await plant.send(outgoing("a"))
    own_mosquitto.stop()
    for _ in range(2):
        with pytest.raises(Transient):
            await plant.send(outgoing("a"))
    own_mosquitto.start()
    await plant.send(outgoing("a"))
    await plant.close()


async def test_a_broker_that_gives_no_receipt_is_left(
    own_mosquitto: MosquittoService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_TIMEOUT", 0.5)
    plant = adapter(own_mosquitto)
    await plant.send(outgoing("a"))
    own_mosquitto.sigstop()
    with pytest.raises(Transient, match="no receipt"):
        await plant.send(outgoing("a"))
    own_mosquitto.sigcont()
    await plant.send(outgoing("a"))
    await plant.close()


async def test_what_was_acknowledged_to_us_is_there_and_the_rest_says_so(own_mosquitto: MosquittoService) -> None:
    topic = fresh("counted")
    with Peer(own_mosquitto.port, session=True) as peer:
        await asyncio.to_thread(peer.listen, topic)
        plant = adapter(own_mosquitto)
        sending_all = [asyncio.create_task(plant.send(outgoing(topic, b"%d" % number))) for number in range(3000)]
        await asyncio.wait(sending_all[:500])
        await asyncio.to_thread(own_mosquitto.restart)
        outcomes = await asyncio.gather(*sending_all, return_exceptions=True)
        sent = {b"%d" % number for number, outcome in enumerate(outcomes) if outcome is None}
        failed = [outcome for outcome in outcomes if outcome is not None]
        assert all(isinstance(outcome, Transient) for outcome in failed), failed[:1]
        assert len(sent) >= 500
        await plant.close()
        await asyncio.to_thread(peer.wait_until, lambda heard: sent <= {one.body for one in heard})


async def test_closing_waits_for_the_receipts_of_what_was_sent(mosquitto: MosquittoService) -> None:
    plant = adapter(mosquitto)
    await plant.send(outgoing("a"))
    sending_all = [asyncio.create_task(plant.send(outgoing("a"))) for _ in range(10)]
    await asyncio.sleep(0)  # they are under way now
    await plant.close()
    assert await asyncio.gather(*sending_all) == [None] * 10
