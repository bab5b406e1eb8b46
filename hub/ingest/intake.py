"""Intake: the one way of a message into the queue, whatever it came by.

Invariant: an answer is given after the commit that holds the row, never before. The senders of HTTP and sockets wait
for the verdict, so what is refused is not stored (`accept`, `offer`); a broker cannot be refused, so what is wrong
becomes a quarantined row (`rows`, `take`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from hub.clock import Clock
from hub.errors import HubError, NotFound, Rejected, Saturated
from hub.ingest.decode import DEFAULT_DEPTH
from hub.ingest.pressure import Pressure
from hub.ingest.quarantine import quarantined
from hub.ingest.route import Received, Route, RouteTable, receive
from hub.model import Enqueued, Message, NewJob
from hub.telemetry import Metrics, NoMetrics

NO_ROUTE: Final = "-"
"""The label of metrics where no route has the message."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """`job_id` is None when no row was made, because the route's filter says no or the route drops (`filtered`)."""

    job_id: str | None
    duplicate: bool = False
    filtered: bool = False


class Intake:
    """`table` may be replaced while messages come in; each message sees one table. `max_payload` bounds, in bytes, what
    comes by anything but HTTP, whose door has a bound of its own."""

    def __init__(
        self,
        table: RouteTable,
        pressure: Pressure,
        clock: Clock,
        *,
        max_depth: int = DEFAULT_DEPTH,
        max_payload: int | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.table = table
        self.pressure = pressure
        self._clock = clock
        self._max_depth = max_depth
        self._max_payload = max_payload
        self._metrics = metrics or NoMetrics()
        self.accepted: Counter[str] = Counter()
        """Messages that `accept` and `accept_all` took, by the adapter they came by."""

    def hook(self, name: str) -> Route | None:
        """The route a webhook may name."""
        return self.table.hook(name)

    async def admit(self, size: int = 0) -> None:
        """Raises Saturated or DatabaseUnavailable when intake is closed for now."""
        await self.pressure.admit(size)

    async def accept(self, route: str, message: Message) -> Accepted:
        """Take a message for the route that the sender named; durable when it returns.

        Raises NotFound for the route, Rejected for the message, Saturated and DatabaseUnavailable for the moment.
        """
        (accepted,) = await self.accept_all(route, [message])
        return accepted

    async def accept_all(self, route: str, messages: Sequence[Message]) -> list[Accepted]:
        """Take several that came as one: none, if the route cannot take one of them. Raises as `accept` does."""
        found = self.table.hook(route)
        if found is None:
            raise NotFound(f"there is no webhook {route!r}")
        try:
            await self.pressure.admit(sum(len(message.body) for message in messages))
            jobs = [self._wanted(found, message) for message in messages]
            if len(jobs) == 1:
                accepted = [await self._accepted(route, jobs[0])]
            else:
                accepted = list(await asyncio.gather(*(self._accepted(route, job) for job in jobs)))
        except HubError as error:
            self._metrics.observe_ingest(route, _outcome(error))
            raise
        self.accepted[found.adapter] += len(accepted)
        return accepted

    async def _accepted(self, route: str, job: NewJob | None) -> Accepted:
        if job is None:
            self._metrics.observe_ingest(route, "filtered")
            return Accepted(None, filtered=True)
        enqueued = await self.pressure.commit(job)
        self._metrics.observe_ingest(route, "duplicate" if enqueued.duplicate else "accepted")
        return Accepted(enqueued.id, enqueued.duplicate)

    def rows(self, message: Message, *, refuse: bool = False, only: str | None = None) -> list[NewJob]:
        """The rows of a broker's message: one for each route that takes it, a quarantined one for each that cannot.

        For adapters that insert them together with their cursor. No row: the routes that match do not want it.
        `refuse`: nothing is quarantined; raises NotFound where no route reads it, Rejected where one cannot take it.
        `only`: the one route that is asked.
        """
        made: list[NewJob] = []
        matched = False
        received: Received | None = None
        for route in self.table.matching(message):
            if only is not None and route.name != only:
                continue
            matched = True
            try:
                received = received or self._bounded(message, route.kind)
                if not route.wants(received):
                    continue
                job = route.job(received, self._clock.new_id())
            except Rejected as error:
                if refuse:
                    self._metrics.observe_ingest(route.name, "rejected")
                    raise
                job = self._quarantine(message, str(error), route)
            if job is not None:
                made.append(job)
            if not route.goes_on:
                break
        if not matched and refuse:
            raise NotFound(f"no route reads {message.topic!r} of {message.adapter!r}")
        if not matched:
            made.append(self._quarantine(message, f"no route reads {message.topic!r} of {message.adapter!r}"))
        elif not made:
            self._metrics.observe_ingest(NO_ROUTE, "filtered")
        return made

    async def take(self, message: Message) -> list[Enqueued]:
        """`rows`, committed: for adapters without a cursor, which acknowledge once this returns.

        Raises Saturated and DatabaseUnavailable: the message is not taken, and must not be acknowledged.
        """
        return await self._commit(message, refuse=False)

    async def offer(self, message: Message) -> list[Enqueued]:
        """As `take`, for a sender that hears the verdict: what is wrong is refused and not stored.

        Raises NotFound when no route reads the topic, Rejected when a route cannot take it, and as `take` does.
        """
        return await self._commit(message, refuse=True)

    async def _commit(self, message: Message, *, refuse: bool) -> list[Enqueued]:
        await self.pressure.admit(len(message.body))
        made = self.rows(message, refuse=refuse)
        answers = await asyncio.gather(*(self.pressure.commit(job) for job in made))
        for job, answer in zip(made, answers, strict=True):
            if job.failure is None:
                self._metrics.observe_ingest(job.source, "duplicate" if answer.duplicate else "accepted")
        return answers

    def _wanted(self, route: Route, message: Message) -> NewJob | None:
        received = self._receive(message, route.kind)
        return route.job(received, self._clock.new_id()) if route.wants(received) else None

    def _bounded(self, message: Message, kind: str) -> Received:
        if self._max_payload is not None and len(message.body) > self._max_payload:
            size = f"{len(message.body):,} bytes, http.max_payload is {self._max_payload:,}"
            raise Rejected(f"the payload is too large: {size}", field="payload")
        return self._receive(message, kind)

    def _receive(self, message: Message, kind: str) -> Received:
        return receive(message, self._clock.now(), kind, self._max_depth)

    def _quarantine(self, message: Message, reason: str, route: Route | None = None) -> NewJob:
        self._metrics.observe_ingest(route.name if route is not None else NO_ROUTE, "quarantined")
        return quarantined(message, self._clock.new_id(), reason, route)


def _outcome(error: HubError) -> str:
    match error:
        case Saturated():
            return "saturated"
        case Rejected():
            return "rejected"
    return "unavailable"
