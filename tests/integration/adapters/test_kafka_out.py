"""Kafka out, and connecting: receipts, refusals, passwords, certificates, and what is said when something is wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from hub.adapters.kafka import KafkaAdapter
from hub.errors import Permanent, Rejected, Transient
from hub.model import Outgoing
from tests.integration.adapters.kafka_adapters import Memory, Peer, adapter, connected, fresh, taken
from tests.servers import KafkaService, Unavailable, free_port
from tests.servers.certificates import Certificates

pytestmark = pytest.mark.kafka
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def peer(kafka: KafkaService) -> AsyncIterator[Peer]:
    found = Peer(kafka)
    yield found
    await found.close()


@pytest.fixture(scope="module")
def secure() -> Iterator[KafkaService]:
    """A broker with a listener for passwords over TLS."""
    try:
        service = KafkaService(users={"hub": "secret"})
    except Unavailable as reason:
        pytest.skip(str(reason))
    with service:
        yield service


def outgoing(topic: str, number: int, **more: Any) -> Outgoing:
    given: dict[str, Any] = {"content_type": "application/json", "body": b"%d" % number, **more}
    return Outgoing(id=f"id-{number}", to="plant", topic=topic, **given)


async def records(service: KafkaService, topic: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=service.bootstrap, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(20):
        return [await consumer.getone() for _ in range(count)]


# --- out -------------------------------------------------------------------------------------------------------------


async def test_a_message_leaves_with_its_key_its_headers_and_its_id(kafka: KafkaService, peer: Peer) -> None:
    topic = fresh("out")
    await peer.create(topic)
    async with connected(kafka) as sink:
        await sink.send(outgoing(topic, 7, key="käse", headers={"traceparent": TRACE, "Content-Type": "other"}))
    [found] = await records(kafka, topic, 1)
    assert (found.value, found.key) == (b"7", "käse".encode())
    assert dict(found.headers) == {
        "traceparent": TRACE.encode(),
        "content-type": b"application/json",
        "hub-message-id": b"id-7",
    }


async def test_a_thousand_from_fifty_senders_keep_their_order_within_a_key(kafka: KafkaService, peer: Peer) -> None:
    topic = fresh("thousand")
    await peer.create(topic, partitions=3)
    async with connected(kafka) as sink:

        async def one_after_another(key: int) -> None:
            for n in range(key, 1000, 50):
                await sink.send(outgoing(topic, n, key=str(key)))

        await asyncio.gather(*map(one_after_another, range(50)))
    found = await records(kafka, topic, 1000)
    assert sorted(int(one.value) for one in found) == list(range(1000))
    for key in range(50):
        of_key = [int(one.value) for one in found if one.key == b"%d" % key]
        assert of_key == sorted(of_key)


async def test_one_that_is_too_large_fails_alone(kafka: KafkaService, peer: Peer) -> None:
    topic = fresh("small")
    await peer.create(topic, max_message_bytes="2000")
    async with connected(kafka) as sink:
        sent = [sink.send(outgoing(topic, n, body=b"x" * (9000 if n == 50 else 40))) for n in range(100)]
        answers = await asyncio.gather(*sent, return_exceptions=True)
        assert [n for n, answer in enumerate(answers) if answer is not None] == [50]
        assert isinstance(answers[50], Permanent)
        assert "9000 bytes" in str(answers[50])
        with pytest.raises(Permanent, match="larger than the broker takes"):
            await sink.send(outgoing(topic, 1, body=b"x" * 100_000))
        await sink.send(outgoing(topic, 100))
    assert len(await records(kafka, topic, 100)) == 100


@pytest.mark.slow
async def test_a_topic_that_is_not_there_is_waited_for_then_refused(kafka: KafkaService) -> None:
    async with connected(kafka) as sink:
        with pytest.raises(Permanent, match="does not exist"):
            await sink.send(outgoing(fresh("nowhere"), 1))


async def test_what_came_in_as_a_tombstone_leaves_as_one(kafka: KafkaService, peer: Peer) -> None:
    first, second, memory = fresh("from"), fresh("to"), Memory()
    await peer.create(first, second, cleanup_policy="compact")
    await peer.send(first, None, key=b"k")
    async with connected(kafka, first, memory=memory) as both:
        [one] = await taken(both, memory, 1)
        await both.send(outgoing(second, 1, body=one.body, key=one.key, headers=one.headers))
    [found] = await records(kafka, second, 1)
    assert (found.value, found.key) == (None, b"k")


async def test_a_broker_that_dies_leaves_no_send_waiting(own_kafka: KafkaService) -> None:
    peer, topic = Peer(own_kafka), fresh("dies")
    await peer.create(topic)
    await peer.close()
    async with connected(own_kafka, topic) as both:
        await both.send(outgoing(topic, 1))
        await asyncio.to_thread(own_kafka.kill9)
        with pytest.raises(Transient):
            async with asyncio.timeout(20):
                await both.check()
        sending = asyncio.create_task(both.send(outgoing(topic, 2)))
        await asyncio.wait((sending,), timeout=0.2)
        await both.close()
        with pytest.raises(Transient, match="closed before the broker's receipt"):
            await sending
        with pytest.raises(Transient, match="nobody listens there"):
            await both.connect()
        with pytest.raises(Transient, match="not connected"):
            await both.send(outgoing(topic, 3))
        await asyncio.to_thread(own_kafka.start)
        await both.connect()
        await both.send(outgoing(topic, 4))
    found = await records(own_kafka, topic, 2)
    assert [dict(one.headers)["hub-message-id"] for one in found] == [b"id-1", b"id-4"]


# --- connecting ------------------------------------------------------------------------------------------------------


def trusted(service: KafkaService) -> dict[str, Any]:
    assert service.certificates is not None
    return {"url": service.secure_url, "tls": {"ca": str(service.certificates.ca)}}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_password_over_tls(secure: KafkaService, mechanism: str) -> None:
    topic, memory, peer = fresh("secure"), Memory(), Peer(secure)
    await peer.create(topic)
    await peer.close()
    login = {"username": "hub", "password": "secret", "mechanism": mechanism, **trusted(secure)}
    async with connected(secure, topic, memory=memory, **login) as both:
        await both.send(outgoing(topic, 5))
        [message] = await taken(both, memory, 1)
        assert message.headers["hub-message-id"] == "id-5"


async def refused(source: KafkaAdapter, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as raised:
        await source.connect()
    assert "wrong" not in str(raised.value), "a password in an error"
    await source.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_wrong_password_is_said_to_be_one(secure: KafkaService, mechanism: str) -> None:
    login = {"username": "hub", "password": "wrong", "mechanism": mechanism, **trusted(secure)}
    await refused(adapter(secure, "g", Memory(), **login), Permanent, "refuses the password of 'hub'")


async def test_what_is_wrong_with_a_certificate_is_said(secure: KafkaService, tmp_path: Any) -> None:
    login = {"username": "hub", "password": "wrong", "url": secure.secure_url}
    await refused(adapter(secure, "g", Memory(), **login), Permanent, "not trusted .* tls.ca")
    other = Certificates.make(tmp_path)
    strange = adapter(secure, "g", Memory(), **{**login, "tls": {"ca": str(other.ca)}})
    await refused(strange, Permanent, "not trusted")
    absent = adapter(secure, "g", Memory(), **{**login, "tls": {"ca": "/nowhere.pem"}})
    await refused(absent, Permanent, "/nowhere.pem cannot be used")
    async with connected(
        secure, username="hub", password="secret", url=secure.secure_url, tls={"insecure": True}
    ) as blind:
        await blind.check()


async def test_the_wrong_way_of_speaking_is_said(secure: KafkaService) -> None:
    plain = {"url": f"kafka://127.0.0.1:{secure.secure_port}"}
    await refused(adapter(secure, "g", Memory(), **plain), Transient, "closed the connection: does it expect TLS")
    encrypted = {"url": f"kafkas://127.0.0.1:{secure.port}"}
    await refused(adapter(secure, "g", Memory(), **encrypted), (Permanent, Transient), "TLS|closed the connection")  # type: ignore[arg-type]  # pytest takes both
    login = {"username": "hub", "password": "wrong", "url": secure.url}
    await refused(adapter(secure, "g", Memory(), **login), Permanent, "asks for no password")
    nameless = {"url": secure.secure_url, "tls": trusted(secure)["tls"]}
    await refused(adapter(secure, "g", Memory(), **nameless), Transient, "does it expect a password")


async def test_of_several_addresses_one_must_answer(kafka: KafkaService) -> None:
    dead = free_port()
    async with connected(kafka, url=f"kafka://127.0.0.1:{dead},127.0.0.1:{kafka.port}") as source:
        await source.check()
    none = adapter(kafka, "g", Memory(), url=f"kafka://127.0.0.1:{dead},no.such.host.invalid:9092")
    await refused(none, Transient, f"127.0.0.1:{dead}: nobody listens.*no.such.host.invalid.*cannot be resolved")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"url": "http://a"}, "url"),
        ({"url": "kafka://a:b"}, "url"),
        ({"username": "u"}, "password"),
        ({"mechanism": "GSSAPI"}, "mechanism"),
        ({"max_records": "many"}, "max_records"),
    ],
)
async def test_settings_that_cannot_be_right_name_their_field(
    kafka: KafkaService, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(Rejected) as raised:
        adapter(kafka, "g", Memory(), **settings)
    assert raised.value.field == field
    assert field in str(raised.value)
