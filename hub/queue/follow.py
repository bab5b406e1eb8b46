"""A job, told of as it goes: for clients that wait for what they made.

Invariant: it asks the database, so that it tells of jobs on any instance; less often the longer nothing happens. A
state is told once, and a final one is the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, Protocol

from hub.model import FINAL, Status

_SHORTEST: Final = 0.02
_LONGEST: Final = 1.0
_GROWTH: Final = 1.5


class Rows(Protocol):
    """Where jobs are read (`Records`)."""

    async def job(self, job_id: str) -> Mapping[str, Any] | None: ...


async def follow(rows: Rows, job_id: str) -> AsyncGenerator[Mapping[str, Any], None]:
    """The states of a job: `{"job_id", "status", "attempt"}`, with `result` and `error` once it has ended. Ends at
    once for a job that is not there. Raises DatabaseUnavailable."""
    last: Mapping[str, Any] | None = None
    pause = _SHORTEST
    while (job := await rows.job(job_id)) is not None:
        state = _state(job)
        if state != last:
            last, pause = state, _SHORTEST
            yield state
        if Status(job["statusid"]) in FINAL:
            return
        await asyncio.sleep(pause)
        pause = min(_LONGEST, pause * _GROWTH)


def _state(job: Mapping[str, Any]) -> Mapping[str, Any]:
    status = Status(job["statusid"])
    state = {"job_id": job["id"], "status": status.word, "attempt": job["retrycount"]}
    return {**state, "result": job["result"], "error": job["lasterror"]} if status in FINAL else state
