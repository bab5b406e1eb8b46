"""The documents' creators: protocol and direction follow from the function."""

import json

import pytest

from hub.errors import PayloadInvalid, Rejected
from hub.ingest import creators
from hub.model import Direction, Message
from tests.unit.ingest.conftest import Numbered


def test_each_protocol_has_its_creator(clock: Numbered) -> None:
    made = [
        creators.create_job_from_signalr_message(clock, "user.created", {"id": 1}, "user.onboarding.process"),
        creators.create_job_from_kafka_message(clock, "orders.placed", {"id": 1}, "order.processing.handler"),
        creators.create_job_from_mqtt_message(clock, "plant/7", "21.5", "h"),
        creators.create_job_from_activemq_message(clock, "/queue/finished", b"\xff", "h"),
        creators.create_job_from_http_request(
            clock, "/api/external/notify", {"to": "x"}, "notification.send.handler", "put", Direction.OUTBOUND
        ),
    ]
    assert [(job.protocol, job.direction, job.method, job.typeid) for job in made] == [
        ("signalr", "inbound", "invoke", 0),
        ("kafka", "inbound", "receive", 0),
        ("mqtt", "inbound", "receive", 0),
        ("activemq", "inbound", "receive", 0),
        ("http", "outbound", "PUT", 0),
    ]
    assert json.loads(made[1].metadata or "") == {"topic": "orders.placed"}
    assert (made[3].payload, made[3].payloadencoding) == ("/w==", "base64")
    assert len({job.id for job in made}) == 5


def test_options(clock: Numbered) -> None:
    job = creators.create_job_from_kafka_message(
        clock,
        "t",
        {},
        "h",
        key="k",
        headers={"Authorization": "s", "a": "b"},
        queue="critical",
        priority=5,
        max_retries=1,
        ordering_key="o",
        dedupe_key="d" * 300,
        source="erp",
    )
    assert (job.queue, job.priority, job.maxretries, job.orderingkey, job.source) == ("critical", 5, 1, "o", "erp")
    assert len(job.dedupekey or "") == 64
    assert json.loads(job.metadata or "") == {"topic": "t", "key": "k", "headers": {"a": "b"}}


def test_a_batch_keeps_its_order(clock: Numbered) -> None:
    messages = [(Message(adapter="erp", protocol="kafka", body=b"%d" % number, topic="t"), "h") for number in range(3)]
    jobs = creators.batch_create_jobs(clock, messages)
    assert [(job.payload, job.protocol) for job in jobs] == [("0", "kafka"), ("1", "kafka"), ("2", "kafka")]


def test_what_no_row_can_hold_is_refused(clock: Numbered) -> None:
    with pytest.raises(PayloadInvalid):
        creators.create_job_from_kafka_message(clock, "t", {"a": float("nan")}, "h")
    with pytest.raises(Rejected):
        creators.create_job_from_kafka_message(clock, "t", {}, "")
