"""Messages a second from Kafka into committed rows of the queue.

Invariant: each contestant reads the same topic from its beginning, as a group of its own; verified by the number of
rows.
"""

from __future__ import annotations

import asyncio
import itertools

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.figures import Benchmark, Goal, Line, Measure, Sample
from benchmarks.roles.hub import PAYLOAD
from benchmarks.stand import Stand
from tests.servers import KafkaService

PARTITIONS = 4
_LEG = 100_000
_numbers = itertools.count(1)


def benchmark(stand: Stand) -> Benchmark:
    messages = stand.sizes.rows
    few = max(1, messages // 20)
    log = _Log(stand, messages)

    def ingest(role: str, count: int) -> Sample:
        broker = log.filled()
        with stand.fresh("hub") as url:
            given = {"url": url, "broker": broker.bootstrap, "topic": log.topic, "group": f"group-{next(_numbers)}"}
            figures = stand.measured(role, count, count=count, **given)
            found = stand.value(url, "SELECT count(*) FROM queue_jobs")
            assert found >= count if role == "kafka_single" else found == count, f"of {count}: {found} rows"
            return figures

    contestants: dict[str, Measure] = {
        "hub": lambda: ingest("hub_kafka", messages),
        "copy": lambda: ingest("kafka_copy", messages),
        "single": lambda: ingest("kafka_single", few),
    }
    lines = [
        Line(
            "hub",
            "hub",
            "rate",
            "messages/s",
            [Goal(at_least=15_000), Goal("aiokafka and COPY"), Goal("aiokafka and one INSERT each")],
        ),
        Line("aiokafka and COPY", "copy", "rate", "messages/s"),
        Line("aiokafka and one INSERT each", "single", "rate", "messages/s"),
    ]
    if marathon := stand.sizes.marathon:
        contestants["marathon"] = lambda: _marathon(stand, marathon)
        title = f"hub, growth over {marathon:,} messages worked on"
        lines.append(Line(title, "marathon", "growth", "MB", [Goal(at_most=5)]))
    return Benchmark(
        name="kafka",
        title=f"Kafka into committed rows, {messages:,} messages",
        contestants=contestants,
        lines=lines,
        once=frozenset(("marathon",)),
    )


def _marathon(stand: Stand, messages: int) -> Sample:
    """From the second hundred thousand to the last, when every cache is warm, with retention at work."""
    log = _Log(stand, messages)
    broker = log.filled()
    given = {"broker": broker.bootstrap, "topic": log.topic, "group": "marathon", "count": messages, "leg": _LEG}
    with stand.fresh("hub") as url, stand.child("hub_kafka", url=url, **given) as child:
        child.go()
        answer = child.answer()
        completed = stand.value(url, "SELECT count(*) FROM queue_jobs WHERE statusid <> 3")
        assert completed == 0, f"{completed} jobs are not completed"
    legs = answer["legs"]
    return {
        "rate": messages / answer["seconds"],
        "growth": legs[-1] - legs[1],
        **{f"leg {n}": mb for n, mb in enumerate(legs, 1)},
    }


class _Log:
    """A broker with a topic that is full, made when it is first asked for."""

    def __init__(self, stand: Stand, messages: int) -> None:
        self._stand = stand
        self._messages = messages
        self._broker: KafkaService | None = None
        self.topic = "benchmark"

    def filled(self) -> KafkaService:
        if self._broker is None:
            broker = self._stand.enter(KafkaService())
            asyncio.run(self._fill(broker))
            self._broker = broker
        return self._broker

    async def _fill(self, broker: KafkaService) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)])
        await admin.close()
        body = PAYLOAD.encode()
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", linger_ms=5) as producer:
            for begin in range(0, self._messages, 5000):
                keys = range(begin, min(begin + 5000, self._messages))
                receipts = [await producer.send(self.topic, body, partition=n % PARTITIONS) for n in keys]
                await asyncio.gather(*receipts)
