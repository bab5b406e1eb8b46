"""The same adapter on RabbitMQ's STOMP plug-in, whose virtual hosts, prefetch and durable topics are its own.

The whole conformance suite runs on it with HUB_TEST_ADAPTER=tests.conformance.adapters.activemq:make_rabbitmq.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub.adapters.activemq import ActiveMqAdapter
from hub.errors import HubError, Permanent
from tests.integration.adapters.activemq_adapters import adapter, fresh, outgoing
from tests.integration.adapters.alone import nothing_comes, one_delivery, read
from tests.servers import RabbitMqService
from tests.servers.rabbitmq import PASSWORD

pytestmark = [pytest.mark.activemq, pytest.mark.slow]


@asynccontextmanager
async def connected(service: RabbitMqService, *topics: str, **settings: Any) -> AsyncIterator[ActiveMqAdapter]:
    found = adapter(service.url, **{"password": PASSWORD, **settings})
    await found.connect()
    try:
        await found.subscribe(topics)
        yield found
    finally:
        await found.close()


async def test_what_is_given_back_comes_again_bounded_and_whole(rabbitmq: RabbitMqService) -> None:
    queue = fresh()
    async with connected(rabbitmq, queue, prefetch=5, heartbeat=1.0) as mes:
        bodies = [b"%d" % number for number in range(12)]
        for body in bodies:
            await mes.send(outgoing(queue, body, {"note": "a:b\r\nc\\"}, key="k"))
        delivery = await one_delivery(mes)
        await mes.release(delivery)
        found = await read(mes, 12)
        assert sorted(message.body for message in found) == sorted(bodies)
        assert found[0].headers["redelivered"] == "true"
        assert (found[0].key, found[0].headers["note"]) == ("k", "a:b\r\nc\\")
        assert not found[0].headers.keys() & {"ack", "subscription", "receipt"}


async def test_no_more_comes_ahead_than_the_prefetch(rabbitmq: RabbitMqService) -> None:
    queue = fresh()
    async with connected(rabbitmq, queue, prefetch=3) as mes:
        for number in range(6):
            await mes.send(outgoing(queue, b"%d" % number))
        ahead = 0
        while ahead < 3:
            ahead += len((await one_delivery(mes)).messages)
        assert ahead == 3
        assert await nothing_comes(mes)


async def test_a_durable_topic_keeps_what_is_said_while_nobody_listens(rabbitmq: RabbitMqService) -> None:
    topic = fresh("topic")
    wildcard = f"{topic}.*"
    async with connected(rabbitmq) as peer:
        async with connected(rabbitmq, wildcard, client_id="hub-1") as mes:
            await peer.send(outgoing(f"{topic}.a", b"heard"))
            assert [message.topic for message in await read(mes, 1)] == [f"{topic}.a"]
        await peer.send(outgoing(f"{topic}.b", b"kept"))
        async with connected(rabbitmq, wildcard, client_id="hub-1") as mes:
            assert [message.body for message in await read(mes, 1)] == [b"kept"]


async def test_a_destination_that_is_left_gets_its_messages_back(rabbitmq: RabbitMqService) -> None:
    goes, stays = fresh(), fresh()
    async with connected(rabbitmq, goes, stays) as mes, connected(rabbitmq) as other:
        for number in range(5):
            await mes.send(outgoing(goes, b"%d" % number))
        await one_delivery(mes)
        await mes.subscribe([stays])
        await other.subscribe([goes])
        assert len(await read(other, 5)) == 5
        await mes.send(outgoing(stays, b"still read"))
        assert [message.body for message in await read(mes, 1)] == [b"still read"]


async def test_a_wrong_password_and_a_wrong_virtual_host_are_named(rabbitmq: RabbitMqService) -> None:
    for wrong, said in (({"password": "wrong"}, "check username and password"), ({"vhost": "none"}, "'none'")):
        mes = adapter(rabbitmq.url, **{"password": PASSWORD, **wrong})
        with pytest.raises(Permanent, match=said):
            await mes.connect()
        await mes.close()


async def test_a_destination_it_does_not_know_fails_with_its_words(rabbitmq: RabbitMqService) -> None:
    async with connected(rabbitmq) as mes:
        with pytest.raises(HubError, match="Unknown destination"):
            await mes.send(outgoing("/nowhere/x"))
        await mes.send(outgoing(fresh()))
