"""Rows from integration messages, for programs: one function a protocol, and one for many.

Invariant: pure. `protocol` and `direction` follow from the function and its arguments; the payload is a Python value,
and fits every database or is refused. What comes in through an adapter takes `Intake`'s way instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack

from hub.clock import Clock
from hub.errors import Rejected
from hub.handlers.keys import fit_key
from hub.handlers.payload import encode
from hub.ingest.envelope import fit_method, metadata_text, public_headers, traceparent
from hub.model import Direction, JobType, Message, NewJob

_METHODS = {Direction.INBOUND: "receive", Direction.OUTBOUND: "send", Direction.INTERNAL: "call"}


class Options(TypedDict, total=False):
    """How the job is run; every one may be left out. `key` is the message's own, `ordering_key` that of its jobs."""

    key: str | None
    headers: Mapping[str, str]
    adapter: str
    queue: str | None
    priority: int
    max_retries: int | None
    ordering_key: str | None
    dedupe_key: str | None
    source: str
    created_by: str | None


def create_job_from_http_request(
    clock: Clock,
    path: str,
    payload: Any,
    handler: str,
    method: str = "POST",
    direction: Direction = Direction.INBOUND,
    **options: Unpack[Options],
) -> NewJob:
    """A request to `path` that came in, or is to go out."""
    return _job(clock, "http", direction, method.upper(), path, payload, handler, options)


def create_job_from_signalr_message(
    clock: Clock, target: str, payload: Any, handler: str, **options: Unpack[Options]
) -> NewJob:
    """An invocation of `target` by a client."""
    return _job(clock, "signalr", Direction.INBOUND, "invoke", target, payload, handler, options)


def create_job_from_kafka_message(
    clock: Clock,
    topic: str,
    payload: Any,
    handler: str,
    direction: Direction = Direction.INBOUND,
    **options: Unpack[Options],
) -> NewJob:
    """A record of a Kafka topic."""
    return _job(clock, "kafka", direction, None, topic, payload, handler, options)


def create_job_from_mqtt_message(
    clock: Clock,
    topic: str,
    payload: Any,
    handler: str,
    direction: Direction = Direction.INBOUND,
    **options: Unpack[Options],
) -> NewJob:
    """A message of an MQTT topic."""
    return _job(clock, "mqtt", direction, None, topic, payload, handler, options)


def create_job_from_activemq_message(
    clock: Clock,
    destination: str,
    payload: Any,
    handler: str,
    direction: Direction = Direction.INBOUND,
    **options: Unpack[Options],
) -> NewJob:
    """A message of an ActiveMQ queue or topic."""
    return _job(clock, "activemq", direction, None, destination, payload, handler, options)


def create_job_from_integration_message(
    clock: Clock, message: Message, handler: str, **options: Unpack[Options]
) -> NewJob:
    """The job of a message that an adapter read: its protocol, inbound."""
    given: Options = {"key": message.key, "headers": message.headers, "adapter": message.adapter, **options}
    return _job(clock, message.protocol, Direction.INBOUND, message.method, message.topic, message.body, handler, given)


def batch_create_jobs(clock: Clock, messages: Iterable[tuple[Message, str]]) -> list[NewJob]:
    """The jobs of many messages, each with its handler, in their order; to be enqueued in one transaction."""
    return [create_job_from_integration_message(clock, message, handler) for message, handler in messages]


def _job(
    clock: Clock,
    protocol: str,
    direction: Direction,
    method: str | None,
    topic: str,
    payload: Any,
    handler: str,
    options: Options,
) -> NewJob:
    """Raises Rejected for a handler without a name, PayloadInvalid for a payload that no row can hold."""
    if not handler or len(handler) > 255:
        raise Rejected("a handler's name has 1 to 255 characters", field="handler")
    body, contenttype, encoding = encode(payload)
    headers = public_headers(options.get("headers") or {})
    ordering, dedupe = options.get("ordering_key"), options.get("dedupe_key")
    return NewJob(
        id=clock.new_id(),
        handler=handler,
        payload=body,
        contenttype=contenttype,
        payloadencoding=encoding,
        queue=options.get("queue"),
        priority=options.get("priority", 0),
        maxretries=options.get("max_retries"),
        orderingkey=fit_key(ordering) if ordering else None,
        source=options.get("source", ""),
        dedupekey=fit_key(dedupe) if dedupe else None,
        typeid=JobType.INTEGRATION,
        method=fit_method(method) or _METHODS[direction],
        protocol=protocol,
        direction=direction,
        metadata=metadata_text(
            adapter=options.get("adapter"), topic=topic or None, key=options.get("key"), headers=headers
        ),
        traceparent=traceparent(headers),
        createdby=options.get("created_by"),
    )
