"""From what an adapter read to committed rows: a whole delivery in one transaction, with its cursor if it has one.

Invariant: a delivery's rows are made once and keep their ids, so that committing them again after a lost answer inserts
nothing twice. Whatever a message holds, it ends as rows, dropped by a route, or quarantined: one that no database takes
is found out and quarantined without its neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from hub.clock import Clock
from hub.errors import AlreadyExists, DatabaseUnavailable, Rejected
from hub.ingest.intake import NO_ROUTE, Intake
from hub.ingest.quarantine import quarantined
from hub.model import Enqueued, Failure, Message, NewJob
from hub.ports import Call, Cursor, Delivery
from hub.queue.arrival import Arrival, Told
from hub.telemetry import Metrics, get_logger

_log = get_logger("hub.ingest")
_REASON_LIMIT: Final = 1000


class Rows(Protocol):
    """What is asked of the store."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]: ...

    async def take_in(self, jobs: Sequence[NewJob], cursor: Call) -> set[str] | None: ...

    async def refused(self, jobs: Sequence[NewJob]) -> dict[str, str]: ...


class Places(Protocol):
    """What is asked of the cursors."""

    async def positions(self, adapter: str, streams: Sequence[str]) -> Mapping[str, int]: ...

    def advance(self, adapter: str, cursor: Cursor) -> Call: ...


class Batch:
    """A delivery on its way into the database: the message and the row it makes, in order."""

    __slots__ = ("delivery", "in_doubt", "pairs")

    def __init__(self, delivery: Delivery, pairs: list[tuple[Message, NewJob]]) -> None:
        self.delivery = delivery
        self.pairs = pairs
        self.in_doubt = False
        """Whether an earlier try may have been committed without an answer."""

    @property
    def safe_to_repeat(self) -> bool:
        """Whether reading it again certainly makes no second row."""
        return not self.in_doubt or self.delivery.cursor is not None

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return sum(len(message.body) for message in self.delivery.messages)

    @property
    def quarantined(self) -> int:
        return sum(1 for _, job in self.pairs if job.failure == Failure.QUARANTINED)


class Taken(msgspec.Struct, frozen=True):
    """Everything of the delivery is durable; `quarantined` rows of it wait for somebody to look at them."""

    quarantined: int = 0


class Behind(msgspec.Struct, frozen=True):
    """Another instance has been further: nothing was inserted, and the stream goes on at `position`."""

    position: int


class Inbox:
    """The way into the database for one adapter. `arrived` is told of its rows."""

    def __init__(
        self,
        adapter: str,
        intake: Intake,
        rows: Rows,
        places: Places,
        arrived: Told,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.adapter = adapter
        self._intake = intake
        self._rows = rows
        self._places = places
        self._arrived = arrived
        self._clock = clock
        self._metrics = metrics

    def prepare(self, delivery: Delivery) -> Batch:
        """The rows of a delivery. Raises nothing: a message that breaks a route is quarantined."""
        pairs: list[tuple[Message, NewJob]] = []
        for message in delivery.messages:
            pairs.extend([(message, job) for job in self._rows_of(message)])
        return Batch(delivery, pairs)

    async def commit(self, batch: Batch) -> Taken | Behind:
        """Make the batch durable. Raises Saturated, DatabaseUnavailable and TransactionConflict: nothing of it is known
        to be taken, and the same batch may be committed again."""
        await self._intake.pressure.admit(batch.size)
        try:
            return await self._insert(batch)
        except Rejected as error:
            _log.warning("a row was refused by the database", adapter=self.adapter, error=str(error))
        except DatabaseUnavailable:
            batch.in_doubt = True
            raise
        await self._isolate(batch)
        return await self._insert(batch)

    async def _insert(self, batch: Batch) -> Taken | Behind:
        jobs = [job for _, job in batch.pairs]
        cursor = batch.delivery.cursor
        try:
            if cursor is None:
                answers = await self._rows.enqueue(jobs) if jobs else []
                repeated = {job.id for job, answer in zip(jobs, answers, strict=True) if answer.duplicate}
            else:
                fresh = await self._rows.take_in(jobs, self._places.advance(self.adapter, cursor))
                if fresh is None:
                    return await self._passed(batch, cursor)
                repeated = {job.id for job in jobs if job.id not in fresh}
        except AlreadyExists:
            if not batch.in_doubt:
                raise
            repeated = set()  # the try whose answer was lost had been committed, all of it
        self._count(jobs, repeated)
        self._arrived(Arrival.of(jobs))
        return Taken(batch.quarantined)

    async def _passed(self, batch: Batch, cursor: Cursor) -> Taken | Behind:
        """The cursor stands past the delivery's beginning: by our own try that was never answered, or by another."""
        position = (await self._places.positions(self.adapter, [cursor.stream])).get(cursor.stream, cursor.next)
        if batch.in_doubt and position == cursor.next:
            self._arrived(Arrival.of(job for _, job in batch.pairs))
            return Taken(batch.quarantined)
        return Behind(position)

    async def _isolate(self, batch: Batch) -> None:
        """Quarantine the messages whose rows no database takes; without their bytes if these are what is refused."""
        refused = await self._rows.refused([job for _, job in batch.pairs])
        batch.pairs = [
            (message, self._kept(message, job, refused[job.id]) if job.id in refused else job)
            for message, job in batch.pairs
        ]
        again = await self._rows.refused([job for _, job in batch.pairs if job.id in refused]) if refused else {}
        batch.pairs = [(message, self._bare(message, job) if job.id in again else job) for message, job in batch.pairs]

    def _rows_of(self, message: Message) -> list[NewJob]:
        try:
            return self._intake.rows(message)
        except Exception as error:
            _log.exception("a route failed on a message", adapter=self.adapter, topic=message.topic)
            reason = f"a route failed: {type(error).__name__}: {error}"[:_REASON_LIMIT]
            self._metrics.observe_ingest(NO_ROUTE, "quarantined")
            return [quarantined(message, self._clock.new_id(), reason)]

    def _kept(self, message: Message, job: NewJob, reason: str) -> NewJob:
        route = next((route for route in self._intake.table.routes if route.name == job.source), None)
        self._metrics.observe_ingest(job.source or NO_ROUTE, "quarantined")
        return quarantined(message, job.id, f"the database refuses the row: {reason}"[:_REASON_LIMIT], route)

    def _bare(self, message: Message, job: NewJob) -> NewJob:
        # Whatever it is that no database takes, it is not among what is left.
        bare = Message(adapter=self.adapter, protocol="unknown", body=b"", topic=message.topic[:1000])
        reason = f"{len(message.body)} bytes that were not kept: {job.lasterror}"
        return quarantined(bare, job.id, reason[:_REASON_LIMIT])

    def _count(self, jobs: Sequence[NewJob], repeated: set[str]) -> None:
        found = Counter(
            (job.source, "duplicate" if job.id in repeated else "accepted") for job in jobs if job.failure is None
        )
        for (source, outcome), count in found.items():
            self._metrics.observe_ingest(source, outcome, count)
