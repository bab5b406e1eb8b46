"""Which destinations are read, on the connection there is.

Invariant: a change touches the difference only. A durable subscription that is no longer read is left, not removed: an
edit of the routes loses no message that the broker has kept for them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from hub.adapters.activemq.headers import destination
from hub.adapters.activemq.link import Link
from hub.errors import HubError, Transient

_TOPICS = ("/topic/", "/exchange/")


class Subscriptions:
    """Destination → id of its subscription."""

    def __init__(self, client_id: str | None, prefetch: int) -> None:
        self._client_id = client_id
        self._prefetch = prefetch
        self._ids: dict[str, str] = {}
        self._known: frozenset[str] = frozenset()
        self._numbers = itertools.count(1)

    @property
    def topics(self) -> list[str]:
        return list(self._ids)

    def has(self, subscription: str) -> bool:
        return subscription in self._known

    def leaves(self, topics: Sequence[str]) -> bool:
        """Whether reading these would end a subscription."""
        return not self._ids.keys() <= set(topics)

    def clear(self) -> None:
        """The connection is gone, and they with it."""
        self._ids = {}
        self._known = frozenset()

    async def change(self, link: Link, topics: Sequence[str], timeout: float) -> list[str]:
        """Read these destinations and no other. Answers the ids of the subscriptions that have ended. Raises Transient
        and Permanent."""
        wanted = dict.fromkeys(destination(topic) for topic in topics)
        gone = {topic: self._ids.pop(topic) for topic in [topic for topic in self._ids if topic not in wanted]}
        new = [topic for topic in wanted if topic not in self._ids]
        self._ids |= {topic: self._new_id(topic) for topic in new}
        self._known = frozenset(self._ids.values())
        answers = [link.request(link.connection.unsubscribe, id, headers={}) for id in gone.values()]
        for topic in new:
            id, headers = self._ids[topic], self._headers(topic)
            answers.append(link.request(link.connection.subscribe, topic, id, "client-individual", headers=headers))
        await _all(answers, timeout)
        return list(gone.values())

    def _is_durable(self, topic: str) -> bool:
        return self._client_id is not None and topic.startswith(_TOPICS)

    def _new_id(self, topic: str) -> str:
        # RabbitMQ knows a durable subscription by its id: it must be the same after a restart.
        return f"{self._client_id}/{topic}" if self._is_durable(topic) else str(next(self._numbers))

    def _headers(self, topic: str) -> dict[str, str]:
        """ActiveMQ's words and RabbitMQ's: each ignores the other's."""
        headers = {"activemq.prefetchSize": str(self._prefetch), "prefetch-count": str(self._prefetch)}
        if self._is_durable(topic):
            headers |= {"activemq.subscriptionName": topic, "durable": "true", "auto-delete": "false"}
        return headers


async def _all(answers: Sequence[asyncio.Future[None]], timeout: float) -> None:
    """Wait for each answer. Raises the first error, permanent ones first."""
    if not answers:
        return
    done, open_ = await asyncio.wait(answers, timeout=timeout)
    for answer in open_:
        answer.cancel()
    errors = [error for answer in done if isinstance(error := answer.exception(), HubError)]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, Transient))
    if open_:
        raise Transient(f"the broker has not answered a subscription within {timeout:g} s")
