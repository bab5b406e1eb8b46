"""What leaves through an adapter: once for each job, under its id, and the job ends with the broker's receipt."""

import asyncio
from typing import Any

from hub import Job, handler
from tests.conformance.adapters.broker import Broker
from tests.conformance.adapters.rig import NAME, eventually, numbered, running

WAIT = 30.0


@handler("produce.many")
async def produce_many(payload: dict[str, Any], job: Job) -> None:
    for n in range(payload["count"]):
        await job.publish(NAME, payload["topic"], {"n": n}, key=f"key-{n % 2}")


async def test_a_message_leaves_with_what_it_was_given(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, []) as bench:
        metadata: dict[str, Any] = {"to": NAME, "topic": topic, "key": "k1", "headers": {"kind": "part"}}
        job = await bench.enqueue("publish", {"n": 1}, metadata=metadata)
        row = await bench.wait(job, timeout=WAIT)
        assert (row["status"], row["retrycount"]) == ("completed", 0)
        [message] = await broker.consume(topic, 1, WAIT)
        assert message.body == b'{"n":1}'
        if broker.features.keys:
            assert message.key == "k1"
        if broker.features.headers:
            headers = {name.lower(): value for name, value in message.headers.items()}
            assert headers["hub-message-id"] == job
            assert headers["kind"] == "part"
        assert bench.state.view()["published"] == 1


async def test_bytes_leave_as_they_are(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, []) as bench:
        body = bytes(range(256))
        job = await bench.enqueue("publish", body, metadata={"to": NAME, "topic": topic})
        await bench.wait(job, timeout=WAIT)
        [message] = await broker.consume(topic, 1, WAIT)
        assert message.body == body


async def test_messages_of_a_key_leave_in_order(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, [], produce_many) as bench:
        job = await bench.enqueue("produce.many", {"topic": topic, "count": 40})
        await bench.wait(job, timeout=WAIT)
        await bench.drain(timeout=WAIT)
        bodies = [message.body for message in await broker.consume(topic, 40, WAIT)]
        expected = [numbered(n).replace(b" ", b"") for n in range(40)]
        assert sorted(bodies) == sorted(expected)
        if broker.features.ordering:
            assert [body for body in bodies if body in expected[::2]] == expected[::2]
            assert [body for body in bodies if body in expected[1::2]] == expected[1::2]


async def test_what_cannot_leave_now_leaves_later_without_using_attempts(sqlite_url: str, broker: Broker) -> None:
    topic = await broker.topic()
    async with running(sqlite_url, broker, []) as bench:
        await eventually(lambda: bench.state.state == "connected", lambda: str(bench.state.view()))
        await asyncio.to_thread(broker.stop)
        await eventually(lambda: bench.state.state == "connecting", lambda: str(bench.state.view()))
        job = await bench.enqueue("publish", {"n": 1}, metadata={"to": NAME, "topic": topic})
        await eventually(lambda: bench.state.last_error is not None)
        await asyncio.to_thread(broker.start)
        row = await bench.wait(job, timeout=60)
        assert (row["status"], row["retrycount"]) == ("completed", 0)
        [message] = await broker.consume(topic, 1, WAIT)
        assert message.body == b'{"n":1}'
