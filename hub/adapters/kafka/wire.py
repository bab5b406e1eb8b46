"""The one request that aiokafka does not know: a topic's id (Metadata, version 10 and later).

Invariant: a topic that is deleted and made anew has another id. Brokers know ids since Kafka 2.8; of those that do not,
no id is heard, and a topic made anew is noticed only when it ends before the place that had been read to.
"""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
    UnsignedVarInt32,
)

METADATA: Final = 3
NO_ID: Final = bytes(16)


class Uuid:
    """Sixteen bytes."""

    @staticmethod
    def encode(value: bytes) -> bytes:
        return value

    @staticmethod
    def decode(data: BytesIO) -> bytes:
        return data.read(16)

    @staticmethod
    def repr(value: bytes) -> str:
        return value.hex()


class TopicIdResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    """The answer as far as the first topic's id. What follows (its partitions, maybe thousands) is left unread."""

    API_KEY = METADATA
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", UnsignedVarInt32),
        ("error_code", Int16),
        ("name", CompactString("utf-8")),
        ("topic_id", Uuid),
    )

    error_code: int
    topic_id: bytes


class TopicIdRequest_v10(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    FLEXIBLE_VERSION = True
    API_KEY = METADATA
    API_VERSION = 10
    RESPONSE_TYPE = TopicIdResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIdRequest(Request[TopicIdRequest_v10]):  # type: ignore[misc]  # aiokafka ships no types
    """Asks for one topic, and does not make it by asking."""

    API_KEY = METADATA

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[TopicIdRequest_v10]) -> TopicIdRequest_v10:
        return request_struct_class([(NO_ID, self._topic, {})], False, False, False, {})


def id_text(topic_id: bytes) -> str:
    """A topic's id as Kafka's own tools print it: 22 characters."""
    return base64.urlsafe_b64encode(topic_id).rstrip(b"=").decode("ascii")
