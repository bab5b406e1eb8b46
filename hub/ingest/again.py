"""`system.ingest`: a message that was quarantined, sent through the routes once more, as they are by then.

Invariant: the rows it becomes and the end of its own row are one commit. What no route can take now either stays a dead
letter, with its bytes and the new reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from hub.errors import HubError, NotFound, Permanent, Rejected
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.ingest.intake import Intake
from hub.model import Message

HANDLER: Final = "system.ingest"


def handlers(intake: Callable[[], Intake | None]) -> list[Callable[..., Any]]:
    """The handler, bound to the way in."""

    @handler(HANDLER, permanent=(Rejected, NotFound))
    async def ingest(job: Job) -> dict[str, list[str]]:
        """Make the rows that today's routes make of the message."""
        found = intake()
        if found is None:
            raise HubError("this instance takes no messages yet")
        # Of several routes the others took it when it came.
        route = job.metadata.get("route")
        only = route if any(one.name == route for one in found.table.routes) else None
        rows = found.rows(message_of(job), refuse=True, only=only)
        for row in rows:
            job.insert(msgspec.structs.replace(row, parentjobid=job.id))
        return {"jobs": [row.id for row in rows]}

    return [ingest]


def message_of(job: Job) -> Message:
    """The message that a quarantined row keeps. Raises Permanent for a row that was none."""
    metadata, body = job.metadata, job.payload
    adapter = metadata.get("adapter")
    if not isinstance(adapter, str):
        raise Permanent("metadata.adapter: only a message that an adapter brought can go through the routes again")
    return Message(
        adapter=adapter,
        protocol=job.protocol or "",
        body=body.encode() if isinstance(body, str) else body or b"",
        topic=job.topic or "",
        method=job.method,
        key=key if isinstance(key := metadata.get("key"), str) else None,
        partition=partition if isinstance(partition := metadata.get("partition"), int) else None,
        offset=offset if isinstance(offset := metadata.get("offset"), int) else None,
        headers={str(name): str(value) for name, value in job.headers.items()},
        content_type=job.content_type,
    )
