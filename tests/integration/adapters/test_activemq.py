"""ActiveMQ in and out: what is not acknowledged comes again, what left has its receipt, headers arrive as they were."""

import asyncio
import time

import pytest

from hub.errors import Permanent, Transient
from tests.integration.adapters.activemq_adapters import adapter, connected, fresh, left_in, outgoing, peer
from tests.integration.adapters.alone import nothing_comes, one_delivery, read
from tests.servers import ActiveMqService
from tests.servers.activemq import GUEST, GUEST_PASSWORD

pytestmark = pytest.mark.activemq
AWKWARD = "line one\r\nline:two\\n\ttail ü 漢 \\c"


# --- in --------------------------------------------------------------------------------------------------------------


async def test_messages_come_in_their_order_and_leave_the_queue_once_acknowledged(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with peer(activemq) as broker, connected(activemq, queue, prefetch=7) as mes:
        bodies = [b"%d" % number for number in range(40)]
        for body in bodies:
            await broker.send(queue, body)
        assert [message.body for message in await read(mes, 40)] == bodies
        assert await left_in(broker, queue, 0) == []


async def test_no_more_comes_ahead_than_the_prefetch_and_the_rest_after_acknowledging(
    activemq: ActiveMqService,
) -> None:
    queue = fresh()
    async with peer(activemq) as broker, connected(activemq, queue, prefetch=5) as mes:
        for number in range(12):
            await broker.send(queue, b"%d" % number)
        ahead = [await one_delivery(mes)]
        while sum(len(one.messages) for one in ahead) < 5:
            ahead.append(await one_delivery(mes))
        assert sum(len(one.messages) for one in ahead) == 5
        assert await nothing_comes(mes)
        await mes.acknowledge(ahead[0])
        assert len((await one_delivery(mes)).messages) <= 5


async def test_what_is_given_back_comes_again_first_and_says_so(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with peer(activemq) as broker, connected(activemq, queue, prefetch=10) as mes:
        for number in range(20):
            await broker.send(queue, b"%d" % number)
        delivery = await one_delivery(mes)
        await mes.release(delivery)
        again = await read(mes, 20)
        assert [message.body for message in again] == [b"%d" % number for number in range(20)]
        assert again[0].headers["redelivered"] == "true"
        # A refusal would have put it there.
        assert await broker.browse(queue.replace("/queue/", "/queue/DLQ.")) == []
        with pytest.raises(Transient):
            await mes.acknowledge(delivery)


async def test_a_message_keeps_bytes_text_headers_key_type_and_time(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with peer(activemq) as broker, connected(activemq, queue) as mes:
        headers = {"content-type": "text/plain;charset=utf-8", "note": AWKWARD, "na:me": "1", "hub-key": "k:1"}
        await broker.send(queue, b"\0\1\xff\n\0", headers)
        await broker.send(queue, "Grüße".encode(), {"amq-msg-type": "text", "correlation-id": "c1"})
        await broker.send(queue, b"", {})
        first, second, third = await read(mes, 3)
    assert (first.body, first.topic, first.protocol) == (b"\0\1\xff\n\0", queue, "activemq")
    assert (first.key, first.content_type) == ("k:1", "text/plain;charset=utf-8")
    assert (first.headers["note"], first.headers["na:me"]) == (AWKWARD, "1")
    assert first.timestamp is not None
    assert abs(first.timestamp.timestamp() - time.time()) < 60
    assert not first.headers.keys() & {"ack", "subscription", "content-length", "destination"}
    assert (second.body, second.headers["correlation-id"], second.key) == ("Grüße".encode(), "c1", None)
    assert third.body == b""


async def test_a_message_of_eight_megabytes_full_of_nuls_is_whole(activemq: ActiveMqService) -> None:
    queue, body = fresh(), b"\0\n" * 4_000_000
    async with connected(activemq, queue) as mes:
        await mes.send(outgoing(queue, body, content_type="application/octet-stream"))
        [message] = await read(mes, 1)
        assert message.body == body


async def test_wildcards_read_many_queues_and_each_message_names_its_own(activemq: ActiveMqService) -> None:
    root = fresh()
    async with peer(activemq) as broker, connected(activemq, f"{root}.*", f"{root}.deep.>") as mes:
        for name in ("a", "b", "deep.x.y"):
            await broker.send(f"{root}.{name}", name.encode())
        found = {message.topic: message.body for message in await read(mes, 3)}
        assert found == {f"{root}.a": b"a", f"{root}.b": b"b", f"{root}.deep.x.y": b"deep.x.y"}


async def test_a_change_of_topics_leaves_what_stays_alone_and_gives_back_what_goes(activemq: ActiveMqService) -> None:
    stays, goes, comes = fresh(), fresh(), fresh()
    async with peer(activemq) as broker, connected(activemq, stays, goes, prefetch=3) as mes:
        for number in range(6):
            await broker.send(goes, b"%d" % number)
        await broker.send(stays, b"first")
        in_hand = await one_delivery(mes)
        await mes.subscribe([stays, comes])
        await mes.acknowledge(in_hand)
        await broker.send(comes, b"new")
        await broker.send(stays, b"second")
        # Which queue the first delivery came from is the broker's choice.
        missing = 3 - sum(message.topic == stays for message in in_hand.messages)
        bodies = [message.body for message in [*in_hand.messages, *await read(mes, missing)]]
        assert {b"first", b"second", b"new"} <= set(bodies)
        # Those of the queue that was left are all there, in order, none in the dead letters.
        assert await left_in(broker, goes, 6) == [b"%d" % number for number in range(6)]
        await left_in(broker, stays, 0)


async def test_a_durable_topic_keeps_what_is_said_while_nobody_listens(activemq: ActiveMqService) -> None:
    topic = fresh("topic")
    client = topic.rpartition("/")[2]
    async with peer(activemq) as broker:
        async with connected(activemq, topic, client_id=client) as mes:
            assert mes.features.exclusive
            await broker.send(topic, b"heard")
            await read(mes, 1)
        await broker.send(topic, b"kept")
        async with connected(activemq, topic, client_id=client) as mes:
            assert [message.body for message in await read(mes, 1)] == [b"kept"]


async def test_a_client_id_is_known_once_and_the_second_is_told(activemq: ActiveMqService) -> None:
    async with connected(activemq, client_id="only-once"):
        second = adapter(activemq.url, client_id="only-once")
        with pytest.raises(Transient, match="another connection has this client_id"):
            await second.connect()
        await second.close()


async def test_reading_may_be_cancelled_without_losing_anything(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with peer(activemq) as broker, connected(activemq, queue) as mes:
        for number in range(50):
            reading = asyncio.ensure_future(mes.read())
            await broker.send(queue, b"%d" % number)
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                await mes.release(reading.result())
        assert sorted([int(message.body) for message in await read(mes, 50)]) == list(range(50))


async def test_a_destination_that_is_none_is_refused_for_good(activemq: ActiveMqService) -> None:
    async with connected(activemq) as mes:
        with pytest.raises(Permanent, match="begins with /queue/"):
            await mes.subscribe(["orders"])
        with pytest.raises(Permanent, match="begins with /queue/"):
            await mes.send(outgoing("orders"))


async def test_what_a_user_may_not_read_or_send_is_said_by_the_broker(activemq: ActiveMqService) -> None:
    async with connected(activemq, username=GUEST, password=GUEST_PASSWORD) as mes:
        with pytest.raises(Permanent, match="not authorized"):
            await mes.subscribe(["/queue/closed.orders"])
    async with connected(activemq, username=GUEST, password=GUEST_PASSWORD) as mes:
        allowed = fresh()
        refused, sent = await asyncio.gather(
            mes.send(outgoing("/queue/closed.orders")), mes.send(outgoing(allowed)), return_exceptions=True
        )
        assert isinstance(refused, Permanent)
        assert "not authorized" in str(refused)
        assert sent is None


# --- out -------------------------------------------------------------------------------------------------------------


async def test_what_is_sent_arrives_with_its_id_key_type_and_headers(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with peer(activemq) as broker, connected(activemq) as mes:
        headers = {"note": AWKWARD, "na:me\n": "x", "destination": "/queue/evil", "receipt": "1", "message-id": "old"}
        message = outgoing(queue, b'{"a":1}', headers, key="k1")
        await mes.send(message)
        [frame] = await broker.browse(queue)
        assert (frame.body, frame.headers["content-type"]) == (b'{"a":1}', "application/json")
        assert frame.headers["hub-message-id"] == message.id
        assert (frame.headers["hub-key"], frame.headers["persistent"]) == ("k1", "true")
        assert (frame.headers["note"], frame.headers["na:me\n"]) == (AWKWARD, "x")
        assert frame.headers["message-id"] != "old"
        # What consumers of JMS see: text where it is one, else bytes.
        await mes.send(outgoing(queue, b"\0", content_type="text/plain"))
        await mes.send(outgoing(queue, b"\xff", content_type="application/octet-stream"))
        kinds = [frame.headers["amq-msg-type"] for frame in await broker.browse(queue)]
        assert kinds == ["text", "bytes", "bytes"]


async def test_messages_of_one_key_are_a_group_at_the_broker(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with connected(activemq, queue, prefetch=1) as one, connected(activemq, queue, prefetch=1) as other:
        for number in range(10):
            await one.send(outgoing(queue, b"%d" % number, key="same"))
        reads = [asyncio.create_task(read(each, 10)) for each in (one, other)]
        done, waiting = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
        assert [int(message.body) for message in done.pop().result()] == list(range(10))
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)


async def test_sends_do_not_wait_for_one_another(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with peer(activemq) as broker, connected(activemq) as mes:
        await asyncio.gather(*(mes.send(outgoing(queue, b"%d" % number)) for number in range(500)))
        assert len(await broker.browse(queue)) >= 200  # a browser sees a page of it
        await mes.subscribe([queue])
        assert sorted(int(message.body) for message in await read(mes, 500)) == list(range(500))


async def test_a_delayed_message_comes_when_its_time_has_come(activemq: ActiveMqService) -> None:
    queue = fresh()
    async with connected(activemq, queue) as mes:
        began = time.monotonic()
        await mes.send(outgoing(queue, b"late", {"amq_scheduled_delay": "700"}))
        await mes.send(outgoing(queue, b"now"))
        assert [message.body for message in await read(mes, 2)] == [b"now", b"late"]
        assert time.monotonic() - began >= 0.7


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"a": "nul\0"}, "U\\+0000"),
        ({"n\0": "x"}, "U\\+0000"),
        ({"a": "\ud800"}, "surrogate"),
        ({"": "x"}, "has a name"),
        ({"a": "x" * 11_000}, "brokers take up to"),
        ({"priority": "high"}, "whole number"),
        ({"AMQ_SCHEDULED_DELAY": "soon"}, "whole number"),
    ],
)
async def test_a_header_that_cannot_travel_fails_its_message_alone(
    activemq: ActiveMqService, headers: dict[str, str], reason: str
) -> None:
    queue = fresh()
    async with connected(activemq) as mes:
        bad, good = await asyncio.gather(
            mes.send(outgoing(queue, b"bad", headers)), mes.send(outgoing(queue, b"good")), return_exceptions=True
        )
        assert isinstance(bad, Permanent)
        with pytest.raises(Permanent, match=reason):
            raise bad
        assert good is None


async def test_sending_before_connecting_is_tried_again_later(activemq: ActiveMqService) -> None:
    mes = adapter(activemq.url)
    with pytest.raises(Transient, match="not connected"):
        await mes.send(outgoing(fresh()))
    await mes.close()
