"""One job, run to its end by the real engine.

Invariant: retries and snoozes happen as in production, only at once; what the job enqueues or publishes is kept and not
run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Unpack

from hub.errors import UnknownHandler
from hub.handlers.outgoing import Options
from hub.testing.harness import Handlers, HubHarness, name_of, running_hub
from hub.testing.outcome import Outcome

_QUEUE = "run-job"
"""Of the job alone, so that what it leaves behind stays where it is."""


async def run_job(
    handler: str | Callable[..., Any],
    payload: Any = None,
    *,
    handlers: Handlers = (),
    database: str | None = None,
    configuration: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    within: float = 30.0,
    **options: Unpack[Options],
) -> Outcome:
    """Run one job to its end, all its retries included, and tell what became of it.

    `handler` is a marked function, or a name among `handlers` (functions, modules, names of modules) and the built-in
    ones. `options` as for Hub.enqueue, but for the queue. `database` and `configuration` as for `running_hub`.

    Raises UnknownHandler, HandlersInvalid, and TimeoutError when the job does not end `within` so many seconds.

    >>> from hub import Job, handler
    >>> @handler("order.place")
    ... async def place(order: dict, job: Job) -> dict:
    ...     await job.publish("erp", "orders.accepted", {"id": order["id"]})
    ...     return {"receipt": f"R-{order['id']}"}
    >>> outcome = asyncio.run(run_job(place, {"id": 7}))
    >>> outcome.status, outcome.result
    ('completed', {'receipt': 'R-7'})
    >>> [(message.to, message.topic, message.payload) for message in outcome.outbound]
    [('erp', 'orders.accepted', {'id': 7})]
    """
    name = name_of(handler)
    known = [*handlers, *([] if isinstance(handler, str) else [handler])]
    async with running_hub(
        handlers=known, database=database, configuration=configuration, roles=["worker"], queues=[_QUEUE]
    ) as hub:
        if hub.hub.registry.get(name) is None:
            raise UnknownHandler(f"no handler {name!r} among those given: pass its module in `handlers`")
        options["queue"] = _QUEUE
        job_id = await hub.enqueue(name, payload, metadata=metadata, **options)
        hurrying = asyncio.create_task(_hurry(hub, job_id))
        try:
            return await hub.outcome(job_id, within)
        finally:
            hurrying.cancel()


async def _hurry(hub: HubHarness, job_id: str) -> None:
    """Let the job's retries come at once."""
    while True:
        job = await hub.hub.records.job(job_id)
        if job is not None and job["scheduledat"] is not None and job["status"] in ("retrying", "queued", "scheduled"):
            await hub.hurry()
        await asyncio.sleep(0.005)
