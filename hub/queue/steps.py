"""What `job.step` remembers, in `job_steps`: a step that has a row is not run again.

Invariant: a step's row is written behind the job's fence, in a short transaction of its own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hub.db.statement import load
from hub.errors import Permanent
from hub.model import Claim
from hub.ports import Database


class Steps:
    """Reads and writes the remembered steps of a job; results travel as JSON."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remembered(self, job_id: str) -> dict[str, str | None]:
        """Step name → JSON text of its result."""
        rows = await self._database.read(load("hub.queue", self._database.dialect, "steps"), id=job_id)
        return {row[0]: row[1] for row in rows}

    async def remember(self, claim: Claim, name: str, result: str | None) -> bool:
        """Write a step's result; False if the fence was lost."""
        statement = load("hub.queue", self._database.dialect, "remember")
        rows = await self._database.run(statement, id=claim.id, fence=claim.fence, name=name, result=result)
        return bool(rows)

    @staticmethod
    def encode(name: str, result: Any) -> str | None:
        """JSON text; Permanent, naming the step, for what JSON cannot hold."""
        if result is None:
            return None
        try:
            return msgspec.json.encode(result).decode()
        except (TypeError, ValueError, RecursionError) as error:
            raise Permanent(f"the result of step {name!r} cannot be remembered as JSON: {error}") from error

    @staticmethod
    def decode(text: str | None) -> Any:
        return None if text is None else msgspec.json.decode(text)
