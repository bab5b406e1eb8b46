"""What a route makes of a message."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hub.errors import Rejected
from hub.ingest.route import Route, RouteTable, receive
from hub.model import Message, NewJob
from tests.unit.ingest.conftest import Numbered, Tables

ORDER = {"name": "orders", "from": "web", "handler": "order.processing"}


def message(body: bytes = b'{"id": 7, "total": 12.5}', **more: Any) -> Message:
    given: dict[str, Any] = {"adapter": "web", "protocol": "http", "topic": "/webhooks/orders", "method": "POST"}
    return Message(**{**given, "body": body, "content_type": "application/json", **more})


Make = Callable[..., NewJob]


@pytest.fixture
def make(table: Tables, clock: Numbered) -> Make:
    """The row that a route of these settings makes."""

    def of(settings: dict[str, Any], msg: Message | None = None, **more: Any) -> NewJob:
        route = table({**ORDER, **settings}, **more).routes[0]
        job = route.job(received(route, msg or message(), clock), "id")
        assert job is not None
        return job

    return of


def received(route: Route, msg: Message, clock: Numbered) -> Any:
    return receive(msg, clock.now(), route.kind, 32)


def test_the_row_says_where_the_message_came_from(make: Make) -> None:
    job = make(
        {"priority": 5, "max_retries": 2, "timeout": "10s", "with": {"to": "erp"}},
        message(headers={"X-Kind": "order", "Authorization": "Bearer s3cret"}, key="k"),
    )
    assert (job.handler, job.typeid, job.protocol, job.direction) == ("order.processing", 0, "http", "inbound")
    assert (job.method, job.source, job.priority, job.maxretries, job.timeout) == ("POST", "orders", 5, 2, 10.0)
    assert job.payload == '{"id": 7, "total": 12.5}'
    assert json.loads(job.metadata or "") == {
        "adapter": "web",
        "route": "orders",
        "topic": "/webhooks/orders",
        "key": "k",
        "headers": {"x-kind": "order"},
        "with": {"to": "erp"},
    }


def test_the_queue_is_the_routes_else_the_handlers_else_none(make: Make) -> None:
    queues = {"order.processing": "critical"}
    assert make({"queue": "external"}, queues=queues).queue == "external"
    assert make({}, queues=queues).queue == "critical"
    assert make({}).queue is None


def test_a_map_makes_the_payload(make: Make) -> None:
    job = make({"map": "{id: payload.id, kind: headers.kind, at: timestamp}"}, message(headers={"Kind": "x"}))
    assert json.loads(job.payload or "") == {"id": 7, "kind": "x", "at": "2026-01-31T08:00:00Z"}
    assert job.contenttype == "application/json"


@pytest.mark.parametrize(("text", "why"), [("payload.nothing", "found nothing"), ("sum(payload)", "sum")])
def test_a_map_that_fails_refuses_the_message(make: Make, text: str, why: str) -> None:
    with pytest.raises(Rejected, match=why) as caught:
        make({"map": text})
    assert caught.value.field == "map"


def test_the_dedupe_key_is_the_expressions_else_the_events_else_the_headers(make: Make) -> None:
    headers = {"ce-id": "1", "ce-source": "/s", "Idempotency-Key": "abc"}
    assert make({"dedupe_key": "payload.id"}, message(headers=headers)).dedupekey == "7"
    assert make({"dedupe_key": "payload.nothing"}, message(headers=headers)).dedupekey == "/s 1"
    assert make({}, message(headers=headers)).dedupekey == "/s 1"
    assert make({}, message(headers={"Idempotency-Key": "abc"})).dedupekey == "abc"
    assert make({}).dedupekey is None
    assert len(make({}, message(headers={"Idempotency-Key": "k" * 4000})).dedupekey or "") == 64


def test_the_ordering_key(make: Make) -> None:
    assert make({"ordering_key": "payload.id"}).orderingkey == "7"
    assert make({"ordering_key": "key"}, message(key="k")).orderingkey == "k"
    assert make({"ordering_key": "key"}).orderingkey is None


def test_a_schema_judges_the_payload_as_it_arrives(make: Make) -> None:
    schema = {"type": "object", "properties": {"items": {"items": {"required": ["id"]}}}, "required": ["id"]}
    assert make({"schema": schema, "map": "payload.id"}).payload == "7"
    with pytest.raises(Rejected) as caught:
        make({"schema": schema}, message(b'{"id": 1, "items": [{"id": 1}, {}]}'))
    assert (caught.value.code, caught.value.field) == ("schema-mismatch", "payload.items[1]")


def test_a_schema_never_fetches_and_never_breaks(make: Make) -> None:
    for schema in (
        {"$ref": "http://127.0.0.1:9/nowhere"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    ):
        with pytest.raises(Rejected) as caught:
            make({"schema": schema})
        assert caught.value.code == "schema-unusable"


def test_a_filter_that_says_no(table: Tables, clock: Numbered) -> None:
    route = table({**ORDER, "filter": "payload.total > `100`"}).routes[0]
    assert not route.wants(received(route, message(), clock))
    assert route.wants(received(route, message(b'{"total": 101}'), clock))


def test_bytes_are_carried_and_seen_as_null(make: Make) -> None:
    job = make({}, message(b"\xff\x00", content_type=None))
    assert (job.payload, job.payloadencoding) == ("/wA=", "base64")


def test_a_dropping_route_makes_no_row(table: Tables, clock: Numbered) -> None:
    route = table({"name": "away", "from": "web", "drop": True}).routes[0]
    assert route.job(received(route, message(), clock), "id") is None


def test_only_http_routes_are_hooks(table: Tables) -> None:
    found = table(ORDER, {"name": "heat", "from": "plant", "topic": "plant/#", "handler": "x"})
    assert found.hook("orders") is found.routes[0]
    assert found.hook("heat") is None
    assert found.hook("nothing") is None


def test_matching_follows_the_file(table: Tables) -> None:
    found: RouteTable = table(
        {"name": "a", "from": "plant", "topic": "plant/+", "handler": "x"},
        {"name": "b", "from": "erp", "topic": "plant/7", "handler": "x"},
        {"name": "c", "from": "plant", "topic": "plant/7", "handler": "x"},
        {"name": "d", "from": "plant", "topic": "other", "handler": "x"},
    )
    hit = found.matching(Message(adapter="plant", protocol="mqtt", body=b"", topic="plant/7"))
    assert [route.name for route in hit] == ["a", "c"]
