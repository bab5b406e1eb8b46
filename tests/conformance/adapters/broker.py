"""How the conformance suite speaks to a broker past the hub, with a client that is not the adapter's.

Invariant: what is written here is independent of the adapter under test. A suite that used the adapter's own code to
look at the broker would not notice what both get wrong.

A module beside this one (`kafka.py`, say), or the one that HUB_TEST_ADAPTER names, offers `make(request) -> Broker`.
It is called for each test, with pytest's request: it may take fixtures (`request.getfixturevalue`) and add finalizers.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from hub.ports import Features


class Produced(NamedTuple):
    """A message as the broker holds it; names of headers in lower case, where the broker has headers."""

    body: bytes
    key: str | None
    headers: Mapping[str, str]


class Broker(Protocol):
    """A broker and a client of it. `type` is the adapter's type, and the protocol its messages are recorded with.

    `features` are those that the adapter is to declare. `loses_on_kill`: after `kill9` the broker may have lost what it
    had acknowledged, or cannot be killed at all: the suite then only stops it.
    """

    type: str
    features: Features
    loses_on_kill: bool

    def settings(self) -> dict[str, Any]:
        """The adapter's entry of configuration.json, `type` in it; the same address over restarts of the broker."""
        ...

    async def topic(self) -> str:
        """A topic that nobody has used yet, made if it needs making; as a route and a producer name it."""
        ...

    async def produce(
        self, topic: str, body: bytes, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send; the broker has acknowledged it when this returns. Calls one after another arrive in that order."""
        ...

    async def consume(self, topic: str, count: int, timeout: float) -> list[Produced]:
        """The first `count` messages of a topic that the hub has sent to, from the topic's beginning where the broker
        keeps one; what the hub sends while nobody consumes must not be lost. TimeoutError after `timeout` seconds."""
        ...

    async def waiting(self, topic: str) -> int | None:
        """How many messages the hub has not acknowledged to the broker; None where nobody can know."""
        ...

    def stop(self) -> None:
        """An orderly end of the broker, blocking until it is gone."""
        ...

    def start(self) -> None:
        """Start it again, at the same address and with its data, blocking until it answers; harmless while it runs.

        The client goes on afterwards: the next `produce` or `consume` connects anew if it must."""
        ...

    def kill9(self) -> None:
        """A crash."""
        ...

    async def close(self) -> None:
        """Put away the client's connections; the server is the module's own affair."""
        ...
