"""Routes: which of them a message takes, and the row each makes of it.

Invariant: pure. Routes are tried in file order and the first that wants a message ends the search, unless it says
`all`; a route's expressions and schema are compiled when the table is made, never for a message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from hub.adapters.http.signatures import SCHEMES, Scheme
from hub.errors import Rejected
from hub.handlers.keys import fit_key, outbound_key
from hub.handlers.outgoing import PUBLISH_HANDLER
from hub.handlers.payload import JSON, NotJson, storable_json
from hub.ingest.decode import Decoded, decode
from hub.ingest.envelope import (
    event_id,
    fit_method,
    metadata_text,
    public_headers,
    settings_json,
    traceparent,
)
from hub.ingest.expressions import FAILED, Expression, compiled
from hub.ingest.schema import MessageSchema
from hub.ingest.topics import compile_topic, parts_of
from hub.model import Direction, JobType, Message, NewJob

IDEMPOTENCY_HEADER: Final = "idempotency-key"


class SignatureSettings(Protocol):
    """How senders sign (`hub.config`, section `routes`)."""

    @property
    def scheme(self) -> str: ...
    @property
    def secrets(self) -> Sequence[Secret]: ...
    @property
    def tolerance(self) -> float: ...


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class RouteSettings(Protocol):
    """A route as the configuration has it (`hub.config`, section `routes`)."""

    @property
    def name(self) -> str: ...
    @property
    def from_(self) -> str: ...
    @property
    def topic(self) -> str | None: ...
    @property
    def handler(self) -> str | None: ...
    @property
    def queue(self) -> str | None: ...
    @property
    def priority(self) -> int: ...
    @property
    def max_retries(self) -> int | None: ...
    @property
    def timeout(self) -> float | None: ...
    @property
    def filter(self) -> str | None: ...
    @property
    def map(self) -> str | None: ...
    @property
    def dedupe_key(self) -> str | None: ...
    @property
    def ordering_key(self) -> str | None: ...
    @property
    def schema_(self) -> Mapping[str, Any] | None: ...
    @property
    def content_types(self) -> Collection[str]: ...
    @property
    def with_(self) -> Mapping[str, Any]: ...
    @property
    def all(self) -> bool: ...
    @property
    def max_body(self) -> int | None: ...
    @property
    def signature(self) -> SignatureSettings | None: ...


class Received:
    """A message, decoded. `now` stands in for a message without a time, `kind` is its adapter's type."""

    __slots__ = ("_now", "_view", "decoded", "headers", "kind", "message")

    def __init__(
        self, message: Message, decoded: Decoded, headers: Mapping[str, str], now: datetime, kind: str
    ) -> None:
        self.message = message
        self.decoded = decoded
        self.headers = headers
        self.kind = kind
        self._now = now
        self._view: Mapping[str, Any] | None = None

    @property
    def view(self) -> Mapping[str, Any]:
        """What expressions see of it; made when the first one looks."""
        if self._view is None:
            message = self.message
            self._view = {
                "payload": self.decoded.value,
                "key": message.key,
                "headers": self.headers,
                "topic": message.topic,
                "topic_parts": parts_of(message.topic, self.kind),
                "adapter": message.adapter,
                "timestamp": (message.timestamp or self._now).isoformat().replace("+00:00", "Z"),
            }
        return self._view


class Route:
    """One compiled route."""

    def __init__(self, settings: RouteSettings, kind: str = "http", queue: str | None = None) -> None:
        """`kind` is the type of the adapter it reads, `queue` its handler's. Raises ValueError for expressions and
        patterns that do not compile."""
        self.name = settings.name
        self.adapter = settings.from_
        self.kind = kind
        self.topic = settings.topic
        self.handler = settings.handler
        self.max_body = settings.max_body
        self.content_types = frozenset(text.lower() for text in settings.content_types)
        self.goes_on = settings.all
        self.queue = settings.queue or queue
        self.settings_json = settings_json(settings.with_)
        self.signature = _scheme(settings.signature)
        self._settings = settings
        to, topic = settings.with_.get("to"), settings.with_.get("topic")
        outbound = settings.handler == PUBLISH_HANDLER and isinstance(to, str) and isinstance(topic, str)
        self._sends_to = (str(to), str(topic)) if outbound else None
        self._matches = compile_topic(settings.topic, kind)
        self._filter = compiled(settings.filter, "filter")
        self._map = compiled(settings.map, "map")
        self._dedupe = compiled(settings.dedupe_key, "dedupe_key")
        self._ordering = compiled(settings.ordering_key, "ordering_key")
        self._schema = MessageSchema(settings.schema_) if settings.schema_ else None

    def matches(self, message: Message) -> bool:
        """Whether the message comes from this route's adapter, by a topic of its pattern."""
        return message.adapter == self.adapter and self._matches(message.topic)

    def wants(self, received: Received) -> bool:
        """What the filter says. Raises Rejected."""
        return self._filter is None or self._filter.true(received.view)

    def job(self, received: Received, id: str) -> NewJob | None:
        """The row for a message that this route wants; None: the route drops it. Raises Rejected for one that does not
        fit the schema, the map or the keys."""
        if self._schema is not None:
            self._schema.check(received.decoded.value)
        if self.handler is None:
            return None
        message, decoded, settings = received.message, received.decoded, self._settings
        payload, contenttype, encoding = decoded.payload, decoded.contenttype, decoded.payloadencoding
        if self._map is not None:
            payload, contenttype, encoding = _mapped(self._map, received.view), JSON, "text"
        return NewJob(
            id=id,
            handler=self.handler,
            payload=payload,
            queue=self.queue,
            priority=settings.priority,
            maxretries=settings.max_retries,
            timeout=settings.timeout,
            orderingkey=self._ordering_key(received),
            source=self.name,
            dedupekey=self._dedupe_key(received),
            typeid=JobType.INTEGRATION,
            method=fit_method(message.method),
            protocol=message.protocol,
            direction=Direction.INBOUND,
            metadata=metadata_text(
                adapter=message.adapter,
                route=self.name,
                topic=message.topic or None,
                key=message.key,
                partition=message.partition,
                offset=message.offset,
                headers=received.headers,
                settings=self.settings_json,
            ),
            contenttype=contenttype,
            payloadencoding=encoding,
            traceparent=traceparent(received.headers),
        )

    def _ordering_key(self, received: Received) -> str | None:
        """The route's expression; what is only sent on keeps the order of its own key without one."""
        if self._ordering is not None:
            return self._ordering.key(received.view)
        if self._sends_to is None or received.message.key is None:
            return None
        return outbound_key(*self._sends_to, received.message.key)

    def _dedupe_key(self, received: Received) -> str | None:
        """The route's expression, else the id that the signature vouches for, else the CloudEvent's id, else
        Idempotency-Key; where one finds nothing the next is asked."""
        if self._dedupe is not None and (key := self._dedupe.key(received.view)) is not None:
            return key
        message = received.message
        key = message.delivery or event_id(
            received.headers, message.content_type, received.decoded.value, message.protocol
        )
        key = key or received.headers.get(IDEMPOTENCY_HEADER)
        return fit_key(key) if key else None


def _scheme(settings: SignatureSettings | None) -> Scheme | None:
    """What checks a route's requests; None for routes that anybody may call. Raises ValueError for a secret that is
    none."""
    if settings is None or settings.scheme == "none":
        return None
    return SCHEMES[settings.scheme]([secret.get_secret_value() for secret in settings.secrets], settings.tolerance)


def _mapped(expression: Expression, view: Mapping[str, Any]) -> str:
    value = expression.search(view)
    if value is None:
        raise Rejected(f"map: {expression.text} found nothing in this message", field="map", code=FAILED)
    try:
        return storable_json(value)
    except NotJson as error:
        raise Rejected(f"map: {error}", field="map", code=FAILED) from error


def receive(message: Message, now: datetime, kind: str, max_depth: int) -> Received:
    """A message made ready for routes; `now` stands in for a message without a time. Raises Rejected."""
    # Some senders name a type in each message, a tombstone too. A request that announces what is not there is refused.
    announced = message.content_type if message.body or kind == "http" else None
    decoded = decode(message.body, announced, max_depth)
    return Received(message, decoded, public_headers(message.headers), now, kind)


class RouteTable:
    """All routes, in file order."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: Sequence[Route] = tuple(routes)
        self._hooks = {route.name: route for route in self.routes if route.kind == "http"}

    @classmethod
    def compile(
        cls, settings: Iterable[RouteSettings], kinds: Mapping[str, str], queues: Mapping[str, str] | None = None
    ) -> RouteTable:
        """`kinds`: adapter → its type, `queues`: handler → its queue. Raises ValueError."""
        queues = queues or {}
        return cls(Route(one, kinds.get(one.from_, ""), queues.get(one.handler or "")) for one in settings)

    def hook(self, name: str) -> Route | None:
        """The route of that name if it reads an HTTP adapter, where the sender names the route in the URL."""
        return self._hooks.get(name)

    def matching(self, message: Message) -> Iterator[Route]:
        """The routes of the message's adapter and topic, in order; which of them want it their filters say."""
        return (route for route in self.routes if route.matches(message))
