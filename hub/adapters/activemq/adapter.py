"""The adapter: one connection to read from, another to send through.

Invariant: what the hub sends never stands in the way of an acknowledgement. A broker that is short of room stops
reading from a connection that sends; were it the same one, the messages that would make room could not be acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hub.adapters.activemq import faults
from hub.adapters.activemq.inbox import Inbox, Token
from hub.adapters.activemq.link import Link, OnEnd, OnMessage
from hub.adapters.activemq.sender import Sender
from hub.adapters.activemq.settings import Settings
from hub.adapters.activemq.subscriptions import Subscriptions
from hub.clock import Clock
from hub.errors import HubError, Transient
from hub.model import Outgoing
from hub.ports import Delivery, Features

_KEEPS: Final = "RabbitMQ"
"""Keeps unacknowledged messages of a subscription for its connection when the subscription has ended."""


class ActiveMqAdapter:
    """A `Source` and a `Sink`. `client_id` makes subscriptions to topics durable, and the adapter exclusive: a broker
    knows each client id once."""

    def __init__(self, name: str, settings: Settings, clock: Clock) -> None:
        self.name = name
        self.features = Features(
            ordering=True, redelivery=True, headers=True, keys=True, exclusive=settings.client_id is not None
        )
        self._settings = settings
        self._clock = clock
        self._link: Link | None = None
        self._subscriptions = Subscriptions(settings.client_id, settings.prefetch)
        self._inbox = Inbox(name, settings.prefetch)
        self._sender = Sender(self._open, settings.receipt_timeout)

    # -------------------------------------------------------------------------------------------------- its connections

    async def connect(self) -> None:
        """To the first of the addresses that takes us."""
        await self._close_link()
        self._inbox.clear()
        self._subscriptions.clear()
        self._link = await self._open(self._inbox.arrived, self._inbox.wake, self._settings.client_id)
        self._inbox.link = self._link

    async def close(self) -> None:
        await self._close_link()
        await self._sender.close()
        self._inbox.clear()
        self._subscriptions.clear()

    async def check(self) -> None:
        """The heart-beats do the listening: this tells what they found."""
        self._connected()

    def lag(self) -> Mapping[str, int]:
        """STOMP does not tell."""
        return {}

    # --------------------------------------------------------------------------------------------------------- a Source

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Destinations as STOMP writes them (`/queue/orders`, `/topic/plant.>`). What stays is left alone; messages of
        a destination that goes, and were not acknowledged, go back to the broker."""
        link = self._connected()
        if link.server.startswith(_KEEPS) and self._subscriptions.leaves(topics):
            await self.connect()
            link = self._connected()
        dropped = await self._subscriptions.change(link, topics, self._settings.receipt_timeout)
        self._inbox.expect(len(self._subscriptions.topics))
        self._inbox.forget(dropped)

    async def read(self) -> Delivery:
        """What has arrived, in its order; at most as much as one subscription's prefetch."""
        while not self._inbox.waiting:
            self._connected()
            await self._inbox.change()
        self._connected()
        return self._inbox.take()

    async def acknowledge(self, delivery: Delivery) -> None:
        token: Token = delivery.token
        link = self._connected()
        if token.link is not link:
            raise Transient(f"{self.name}: the connection of these messages is gone; they come again")
        for subscription, ack in token.acks:
            # Those of a destination that was left are the broker's again: it would refuse the acknowledgement.
            if self._subscriptions.has(subscription):
                link.connection.ack(ack)

    async def release(self, delivery: Delivery, position: int | None = None) -> None:
        """All that is unacknowledged comes again, by disconnecting and connecting. Raises as `connect` does."""
        topics = self._subscriptions.topics
        await self.connect()
        await self.subscribe(topics)

    # ----------------------------------------------------------------------------------------------------------- a Sink

    async def send(self, message: Outgoing) -> None:
        if self._link is None and not self.features.exclusive:
            raise Transient(f"{self.name} is not connected")
        await self._sender.send(message)

    # --------------------------------------------------------------------------------------------------------- dialling

    async def _open(self, on_message: OnMessage, on_end: OnEnd, client_id: str | None) -> Link:
        """A link to the first address that takes us. Raises Transient or Permanent, with what each of them said."""
        failed: list[HubError] = []
        for host in self._settings.hosts:
            link = Link(host, self._settings, self._clock, on_message, on_end)
            try:
                await link.open(client_id)
                return link
            except HubError as error:
                failed.append(error)
                await link.close()
            except BaseException:
                await link.close()
                raise
        raise faults.all_failed(failed)

    def _connected(self) -> Link:
        if self._link is None:
            raise Transient(f"{self.name} is not connected")
        if self._link.failure is not None:
            raise self._link.failure
        return self._link

    async def _close_link(self) -> None:
        link, self._link = self._link, None
        self._inbox.link = None
        self._inbox.wake()
        if link is not None:
            await link.close()
