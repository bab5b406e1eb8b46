"""The contract of adapters: what connects the hub to brokers, sockets and whatever a stranger's package brings.

An adapter is made by a factory that its package offers as an entry point of the group `hub.adapters`; the entry point's
name is the `type` in configuration.json. It then is a `Source` (the hub reads from it), a `Sink` (the hub sends through
it), both, or a `Listener` (its clients come to the hub's own port).

Invariant: an adapter connects, reads, acknowledges, sends and closes. When to reconnect, how many messages make a
transaction, what happens while the database is away, what becomes of a message nobody understands: all that is the
core's, and the same for every adapter.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from hub.clock import Clock
from hub.model import Enqueued, Message, Outgoing

if TYPE_CHECKING:
    from aiohttp import web


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter promises. The conformance suite asks for exactly this, and the hub relies on no more.

    `ordering`: messages of one key (Kafka's partition, a queue, a connection) arrive in the order they were sent.
    `redelivery`: what was read and not acknowledged comes again. `cursor`: a delivery says where in its stream it
    stands, and the position is kept in the database together with the rows. `headers`, `keys`: travel with a message.
    `delayed`: it can be told to hand a message over later. `exclusive`: only one instance may read at a time; the
    others wait for a lease in the database. `send` then needs no `connect`, so that all of them can send.
    """

    ordering: bool = False
    redelivery: bool = False
    cursor: bool = False
    headers: bool = False
    keys: bool = False
    delayed: bool = False
    exclusive: bool = False


class Cursor(msgspec.Struct, frozen=True):
    """A delivery's place in its stream: its first message stands at `first`, the one after its last at `next`.

    `stream` names the stream for good: two streams never share a name, not even one made anew under an old topic.
    """

    stream: str
    first: int
    next: int


class Delivery(msgspec.Struct, frozen=True):
    """What one `read` brought: the messages in their order, all of one stream if there is a cursor. `token` is the
    adapter's own, for acknowledging."""

    messages: Sequence[Message]
    token: Any = None
    cursor: Cursor | None = None


class Adapter(Protocol):
    """What every adapter has."""

    name: str

    @property
    def features(self) -> Features: ...


class Connected(Adapter, Protocol):
    """An adapter that connects to somewhere else. The core connects anew after any of its methods raised, and gives
    each but `read` and `send` half a minute (`check`: ten seconds) before it counts as hanging."""

    async def connect(self) -> None:
        """Connect; ready to read and to send when it returns. Called again after `close`, never twice in a row.

        Raises Transient when nobody answers, Permanent when what is configured cannot be right (a password, a name);
        both are tried again, with the reason on view. Its text says what to do.
        """
        ...

    async def close(self) -> None:
        """Disconnect; what was not acknowledged comes again. Harmless when not connected. Raises nothing."""
        ...

    async def check(self) -> None:
        """Called every few seconds while connected: raises Transient when the other side is silent."""
        ...

    def lag(self) -> Mapping[str, int]:
        """How many messages wait on the other side, by stream; empty when it cannot be known."""
        ...


class Source(Connected, Protocol):
    """An adapter that the hub reads from."""

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Read these topics (in the broker's own language of wildcards; `*` stands for a route that names none), and no
        other, from now on. Called after each `connect` if there is anything to read, and again when the routes change,
        with nothing when the last is gone. What it brings that no route takes goes to the dead letters. Raises as
        `connect` does."""
        ...

    async def read(self) -> Delivery:
        """Wait for messages and answer what there is, up to a sensible number; never an empty delivery.

        The core reads on only when the last delivery was acknowledged or released; in between, the adapter keeps its
        connection alive by itself and holds no more than a bounded number of messages. May be cancelled at any time
        without losing anything. Raises Transient when the connection is lost.
        """
        ...

    async def acknowledge(self, delivery: Delivery) -> None:
        """Everything in it is durable here: tell the broker. Raises Transient; the messages then may come again."""
        ...

    async def release(self, delivery: Delivery, position: int | None = None) -> None:
        """Nothing of it was taken: let it come again, from `position` of its stream if that is given (another instance
        has been further than this one knew)."""
        ...


class Sink(Connected, Protocol):
    """An adapter that the hub sends through."""

    async def send(self, message: Outgoing) -> object:
        """Returns on the receiver's receipt; called concurrently. What a receiver answers by itself (JSON's values) is
        kept in the job's result; None where a receipt says no more than that. Raises Transient to be tried again (not
        connected, no receipt in time), Permanent for a message that can never be sent."""
        ...


Receive = Callable[[Message], Awaitable[Sequence[Enqueued]]]
"""Takes a message in: durable (or filtered: then empty) when it returns; only then may a client be told.

Raises NotFound when no route reads its topic, Rejected when its route cannot take it, Saturated and DatabaseUnavailable
when it should come again: it was not taken, and the client hears why."""


class Listener(Adapter, Protocol):
    """An adapter whose clients connect to the hub's own port."""

    @property
    def connections(self) -> int:
        """How many are connected to this instance."""
        ...

    def mount(self, application: web.Application) -> None:
        """Add its addresses, before the port opens."""
        ...

    async def start(self, receive: Receive) -> None: ...

    async def stop(self) -> None:
        """Say good-bye to the clients. Tolerates never-started and twice."""
        ...

    async def send(self, message: Outgoing) -> object:
        """As `Sink.send`."""
        ...


class Backplane(Protocol):
    """What the instances of one hub tell each other, at most once: an adapter's clients are spread over them."""

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell every instance that subscribed, this one included. Raises Transient when it cannot be said."""
        ...

    async def subscribe(self, channel: str, heard: Callable[[bytes], None]) -> None:
        """Call `heard`, which must not raise, with what is published from now on, over any number of reconnects."""
        ...

    async def unsubscribe(self, channel: str) -> None: ...


Follow = Callable[[str], AsyncGenerator[Mapping[str, Any], None]]
"""The states of a job by its id, as they change: `{"status": word, ...}`; ends behind a final one."""


class Identity(msgspec.Struct, frozen=True):
    """Who a client of a listener is: a token's name and role ('viewer', 'operator', 'admin')."""

    name: str
    role: str


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub gives to an adapter beside its settings.

    `positions` answers where to go on in streams whose position the database keeps (those it knows). `identify` answers
    who has a bearer token, None for nobody; without a token (None) the caller of a hub that asks for none. `origins`:
    the pages that may connect from a browser. `backplane` reaches the other instances, None where there is only this
    one; `follow` tells a client of the jobs it made.
    """

    clock: Clock
    instance: str
    positions: Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
    identify: Callable[[str | None], Awaitable[Identity | None]]
    origins: Sequence[str] = ()
    cache_url: str | None = None
    backplane: Backplane | None = None
    follow: Follow | None = None


Factory = Callable[[str, Mapping[str, Any], Context], Adapter]
"""Makes an adapter, connected to nothing yet: (name, settings, context). Settings are the adapter's entry in
configuration.json without `type` and `enabled`, secrets resolved, durations in seconds. Raises Rejected, naming the
field."""
