"""Jobs and workflows from the process that runs the hub.

Invariant: an id is answered once its row is durable, or, with the caller's own connection, once it is part of that
transaction; workers here are told at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from hub.clock import Clock
from hub.config import Configuration
from hub.config.templates import prepared
from hub.handlers.outgoing import Options, request
from hub.model import Enqueued, NewJob
from hub.queue.application import AnyConnection, enqueue_in
from hub.queue.arrival import Arrival
from hub.queue.engine import Engine
from hub.workflows.control import Workflows


class Producer:
    """The part of a hub that an application calls."""

    configuration: Configuration
    clock: Clock
    engine: Engine
    workflows: Workflows

    async def enqueue(
        self,
        handler: str,
        payload: Any = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        connection: AnyConnection | None = None,
        **options: Unpack[Options],
    ) -> str:
        """Enqueue one job and answer its id once it is durable (with a repeated `dedupe` key: the id of the first).

        With `connection` (a SQLAlchemy connection or session, sync or async) the row is part of the caller's own
        transaction: it is there when that commits, and not otherwise. Raises Permanent for options that make no sense,
        DatabaseUnavailable when the database is away.
        """
        job = request(self.clock.new_id(), handler, payload, metadata, options)
        return await self._insert(job, connection)

    async def enqueue_template(
        self,
        name: str,
        payload: Any = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        connection: AnyConnection | None = None,
        **options: Unpack[Options],
    ) -> str:
        """Enqueue a job by a template of the configuration, `payload` merged over its own; otherwise as `enqueue`.

        Raises NotFound for an unknown name.
        """
        job = prepared(self.configuration, name, self.clock.new_id(), payload, metadata, options)
        return await self._insert(job, connection)

    async def start_workflow(
        self, type: str, context: Mapping[str, Any] | None = None, *, connection: AnyConnection | None = None
    ) -> str:
        """Start a workflow and answer its id once it is durable; with `connection` as a part of the caller's own
        transaction, as `enqueue` does. Raises NotFound for an unknown type, Rejected for a context that cannot be."""
        return await self.workflows.start(type, context, connection=connection)

    async def enqueue_many(self, jobs: Sequence[NewJob], *, connection: AnyConnection | None = None) -> list[Enqueued]:
        """Enqueue rows in order, in one transaction (or in the caller's)."""
        if connection is not None:
            await enqueue_in(connection, jobs, self.engine.arrived)
            return [Enqueued(job.id) for job in jobs]
        answers = await self.engine.store.enqueue(jobs)
        self.engine.arrived(Arrival.of(jobs))
        return answers

    async def _insert(self, job: NewJob, connection: AnyConnection | None) -> str:
        if connection is not None:
            await enqueue_in(connection, [job], self.engine.arrived)
            return job.id
        return (await self.engine.commit.enqueue(job)).id
