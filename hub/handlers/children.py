"""What became of a parent's children, for the job that waited for them.

Invariant: read in the reader's own transaction; messages to the outside, and jobs that wait themselves, are no
children.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import TextClause, text

from hub.model import Status

READ: TextClause = text(
    "SELECT id, handler, statusid, result, lasterror FROM queue_jobs"
    " WHERE parentjobid = :parent AND waits IS NULL AND direction <> 'outbound' ORDER BY seq"
)


class Child(msgspec.Struct, frozen=True):
    """A child, as it ended: `status` is a word, `result` what its handler returned, `error` the last one."""

    id: str
    handler: str
    status: str
    result: Any
    error: str | None

    @property
    def completed(self) -> bool:
        return self.status == Status.COMPLETED.word


def child_of(row: Any) -> Child:
    """A row of READ."""
    result = None if row[3] is None else msgspec.json.decode(row[3])
    return Child(row[0], row[1], Status(row[2]).word, result, row[4])
