"""What leaves: SEND frames on a connection of their own, each finished by its receipt.

Invariant: a send returns only on the broker's receipt. Sends do not wait for one another; a lost connection ends all
that have no receipt yet, and the next send opens a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hub.adapters.activemq.headers import destination, send_headers
from hub.adapters.activemq.link import Link, OnEnd, OnMessage
from hub.errors import Transient
from hub.model import Outgoing

Open = Callable[[OnMessage, OnEnd, str | None], Awaitable[Link]]


class Sender:
    """Its connection is opened by the first message: a hub that only reads has none."""

    def __init__(self, open_: Open, receipt_timeout: float) -> None:
        self._open = open_
        self._receipt_timeout = receipt_timeout
        self._link: Link | None = None
        self._opening: asyncio.Task[Link] | None = None

    async def send(self, message: Outgoing) -> None:
        """Raises Transient: not connected, refused for now, or no receipt in time; Permanent: it can never be sent."""
        topic, headers = destination(message.topic), send_headers(message)
        link = self._link
        if link is None or not link.alive:
            link = await self._linked()
        answer = link.request(link.connection.send, topic, message.body, headers=headers)
        try:
            async with asyncio.timeout(self._receipt_timeout):
                await answer
        except TimeoutError:
            raise Transient(
                f"{link.host}: no receipt within {self._receipt_timeout:g} s: the broker may be short of room, or "
                "receipt_timeout too short"
            ) from None

    async def close(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _linked(self) -> Link:
        """The connection, opened once for all who wait for it; they share its failure as well."""
        opening = self._opening
        if opening is None or opening.done():
            opening = self._opening = asyncio.create_task(self._reopen(), name="opening an ActiveMQ connection")
            opening.add_done_callback(_seen)
        await asyncio.wait([opening])
        if opening.cancelled():
            raise Transient("the adapter was closed while it connected")
        return opening.result()

    async def _reopen(self) -> Link:
        gone, self._link = self._link, None
        if gone is not None:
            await gone.close()
        self._link = link = await self._open(_nothing_arrives, _nothing_to_do, None)
        return link


def _nothing_arrives(frame: object) -> None:
    """A connection without a subscription brings no messages."""


def _seen(opening: asyncio.Task[Link]) -> None:
    """Those who waited for it may all have been cancelled: then its failure is nobody's."""
    if not opening.cancelled():
        opening.exception()


def _nothing_to_do() -> None:
    """Those who wait for receipts are told by the link."""
