"""`adapters`: the connections to the outside, one model for each type of our own.

Invariant: an unknown type is only accepted when an installed package offers it (entry points of the group
`hub.adapters`); its settings are then that package's own affair.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from hub.config.faults import Invalid, did_you_mean, quoted
from hub.config.secrets import FreeSettings, SecretUrl, no_settings
from hub.config.values import (
    Address,
    Count,
    Duration,
    Listed,
    Name,
    PositiveDuration,
    SecretText,
    Section,
    Size,
    Text,
    UrlPath,
)

ENTRY_POINTS = "hub.adapters"


class Adapter(Section):
    """What all adapters have."""

    enabled: bool = Field(default=True, description="False: not started, and its secrets are not looked up.")


class Tls(Section):
    """Certificates are verified unless `insecure` says otherwise."""

    ca: Text | None = Field(default=None, description="File with the authorities to trust instead of the system's.")
    certificate: Text | None = Field(default=None, description="File with the client's certificate.")
    key: Text | None = Field(default=None, description="File with the client's key.")
    insecure: bool = Field(default=False, description="True: the server's certificate is not verified, with a warning.")


class Broker(Adapter):
    """What adapters that connect to a broker have."""

    username: Text | None = None
    password: SecretText | None = None
    tls: Tls | None = None


class Kafka(Broker):
    type: Literal["kafka"]
    url: Annotated[SecretUrl, Address(("kafka", "kafkas"))] = Field(
        description="kafka://host:port[,host:port]; kafkas:// with TLS."
    )
    group: Text = "hub"
    client_id: Text = "hub"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    group_instance_id: Text | None = Field(
        default=None, description="Static membership: a restart causes no rebalance."
    )
    max_records: Count = Field(default=500, description="How many records one transaction takes in.")
    session_timeout: PositiveDuration = Field(
        default=10.0, description="The partitions of a member that was not heard for so long go to others."
    )
    refresh: PositiveDuration = Field(
        default=30.0, description="How often new topics of a pattern and new partitions are looked for."
    )


class Announcement(Section):
    """A message about the hub itself."""

    topic: Annotated[str, Field(min_length=1, pattern=r"^[^+#]+$")]
    payload: str = ""
    qos: Literal[0, 1] = 1
    retain: bool = False


class Mqtt(Broker):
    type: Literal["mqtt"]
    url: Annotated[SecretUrl, Address(("mqtt", "mqtts", "ws", "wss"))] = Field(
        description="mqtt://host:1883, mqtts://host:8883, ws://host/mqtt or wss://."
    )
    client_id: Text = Field(
        default="hub", description="The session's name at the broker: one for each adapter and each hub."
    )
    version: Literal["5", "3.1.1"] = "5"
    qos: Literal[0, 1] = Field(default=1, description="0 is at most once before acceptance.")
    session_expiry: Duration = Field(
        default=86_400.0, description="How long the broker keeps messages for an absent hub."
    )
    keepalive: PositiveDuration = 60.0
    receive_maximum: int = Field(
        default=100, ge=1, le=65_535, description="How many unacknowledged messages may be in flight."
    )
    retained: bool = Field(default=True, description="Whether retained messages are taken in on connecting.")
    share: bool = Field(default=False, description="True: all instances read, by a shared subscription; order is lost.")
    group: Name = Field(default="hub", description="The name of the shared subscription.")
    birth: Announcement | None = Field(default=None, description="Sent when the hub has connected.")
    will: Announcement | None = Field(
        default=None, description="Sent when the hub leaves, by the broker if it vanishes without a word."
    )


class ActiveMq(Broker):
    type: Literal["activemq"]
    url: Annotated[SecretUrl, Address(("stomp", "stomps"))] = Field(
        description="stomp://host:port[,host:port]; stomps:// with TLS. Addresses are tried in their order."
    )
    vhost: Text | None = Field(default=None, description='RabbitMQ\'s virtual host; "/" unless said.')
    client_id: Text | None = Field(
        default=None, description="Makes subscriptions to topics durable; one instance is connected at a time then."
    )
    prefetch: Count = Field(default=100, description="How many messages come ahead of their acknowledgement.")
    heartbeat: Duration = Field(default=10.0, description="A broker silent for twice as long is left; 0: none.")
    receipt_timeout: PositiveDuration = Field(default=30.0, description="How long the broker may take for a receipt.")
    connect_timeout: PositiveDuration = 10.0


class SignalR(Adapter):
    type: Literal["signalr"]
    path: UrlPath = "/signalr"
    groups: Listed[Text] = Field(default=(), description="Patterns (*) of the groups a client may join by itself.")
    max_message: Size = Field(default=32 * 1024, description="The largest message of a client, with its envelope.")
    max_upload: Size = Field(
        default=1024 * 1024, description="The items of a client's upload streams together, and the body of one POST."
    )
    max_connections: Count = 10_000
    send_buffer: Size = Field(
        default=1024 * 1024, description="What may wait for a client that reads slowly, before it is dropped."
    )
    keepalive: PositiveDuration = Field(default=15.0, description="A client that is sent nothing else gets a ping.")
    client_timeout: PositiveDuration = Field(default=30.0, description="A client silent for so long is dropped.")
    handshake_timeout: PositiveDuration = 15.0
    poll_timeout: PositiveDuration = Field(default=90.0, description="How long a long poll waits for something to say.")
    result_timeout: PositiveDuration = Field(
        default=30.0, description="How long a client may take to answer what it was asked."
    )
    stateful_reconnect: bool = Field(
        default=True, description="Whether a client that asks for it may come back without losing a message."
    )
    stateful_buffer: Size = Field(default=100_000, description="What is kept for a client that is away.")
    reconnect_window: PositiveDuration = Field(default=15.0, description="How long a client may be away.")


class SignalRGreeting(Section):
    """An invocation by which a server is asked to send what is wanted."""

    target: Text
    arguments: Listed[Any] = ()


class SignalRClient(Adapter):
    type: Literal["signalr-client"]
    url: Annotated[SecretUrl, Address(("http", "https"))] = Field(description="The hub's address at its server.")
    token: SecretText | None = Field(default=None, description="The bearer token of the connection.")
    protocol: Literal["json", "messagepack"] = "json"
    greetings: Listed[SignalRGreeting] = Field(
        default=(), description="What is invoked after each connect: joining a group, say."
    )
    negotiate: bool = Field(default=True, description="False: the WebSocket is opened at once, as some servers want.")
    exclusive: bool = Field(
        default=True, description="False: every instance reads, and what the server tells all comes once for each."
    )
    timeout: PositiveDuration = Field(default=30.0, description="For connecting, and for each invocation's end.")
    keepalive: PositiveDuration = 15.0
    server_timeout: PositiveDuration = Field(default=30.0, description="A server silent for so long is connected anew.")
    max_message: Size = 1024 * 1024
    inbox: Count = Field(default=1000, description="Calls that may wait here before the server is read no further.")
    tls: Tls | None = None


class SocketIo(Adapter):
    type: Literal["socketio"]
    path: UrlPath = "/socket.io"
    namespaces: Listed[Annotated[str, Field(pattern=r"^/[^,?]*$")]] = Field(
        default=("/",), min_length=1, description="The namespaces that clients may connect to."
    )
    groups: Listed[Text] = Field(default=(), description="Patterns (*) of the groups a client may join by itself.")
    max_message: Size = Field(
        default=64 * 1024, description="The largest message of a client, with its envelope and its attachments."
    )
    max_attachments: Count = Field(default=16, description="Binary attachments of one message.")
    max_connections: Count = 10_000
    send_buffer: Size = Field(
        default=1024 * 1024, description="What may wait for a client that reads slowly, before it is dropped."
    )
    rate: Count = Field(
        default=500, description="Packets a second; a client that says more is read more slowly, nothing is dropped."
    )
    ping_interval: PositiveDuration = Field(default=25.0, description="How often a client is pinged.")
    ping_timeout: PositiveDuration = Field(default=20.0, description="How long a client may take to answer a ping.")
    handshake_timeout: PositiveDuration = Field(
        default=15.0, description="A client that is in no namespace for so long is dropped."
    )
    result_timeout: PositiveDuration = Field(
        default=30.0, description="How long a client may take to acknowledge what it was asked to."
    )


class HttpAdapter(Adapter):
    type: Literal["http"]


class Memory(Adapter):
    type: Literal["memory"]
    broker: Name | None = Field(
        default=None, description="Adapters of one process that name the same broker share it. Left out: its own."
    )
    log: bool = Field(default=False, description="True: it keeps everything, and the database the reader's place.")


def _describe_third_party(schema: dict[str, Any]) -> None:
    """The settings lie beside `type` in the file; our own types are none of a third party's."""
    del schema["properties"]["settings"]
    schema["properties"]["type"]["not"] = {"enum": list(ADAPTER_TYPES)}
    schema["additionalProperties"] = True


class ThirdParty(Adapter):
    """An adapter of another package; whatever else its entry holds are its settings."""

    model_config = ConfigDict(json_schema_extra=_describe_third_party)

    type: Text
    settings: FreeSettings = Field(default_factory=no_settings)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ours = {key: item for key, item in value.items() if key in ("type", "enabled")}
        return {**ours, "settings": {key: item for key, item in value.items() if key not in ours}}

    @field_validator("type")
    @classmethod
    def _is_installed(cls, value: str) -> str:
        offered = {point.name for point in entry_points(group=ENTRY_POINTS)}
        if value not in offered:
            raise Invalid(f"unknown type of adapter {quoted(value)}", did_you_mean(value, offered | set(ADAPTER_TYPES)))
        return value


ADAPTER_TYPES: dict[str, type[Adapter]] = {
    "kafka": Kafka,
    "mqtt": Mqtt,
    "activemq": ActiveMq,
    "signalr": SignalR,
    "signalr-client": SignalRClient,
    "socketio": SocketIo,
    "http": HttpAdapter,
    "memory": Memory,
}
"""The types the hub knows by itself."""

TAG_OTHER = "other"


def _tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if isinstance(kind, str) and kind in ADAPTER_TYPES else TAG_OTHER


AnyAdapter = Annotated[
    Annotated[Kafka, Tag("kafka")]
    | Annotated[Mqtt, Tag("mqtt")]
    | Annotated[ActiveMq, Tag("activemq")]
    | Annotated[SignalR, Tag("signalr")]
    | Annotated[SignalRClient, Tag("signalr-client")]
    | Annotated[SocketIo, Tag("socketio")]
    | Annotated[HttpAdapter, Tag("http")]
    | Annotated[Memory, Tag("memory")]
    | Annotated[ThirdParty, Tag(TAG_OTHER)],
    Discriminator(_tag),
]
