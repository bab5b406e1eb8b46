"""The state of limits in the database, in `job_limits`.

Invariant: times are the database's; a state is replaced only by one who has read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.db.statement import load
from hub.ports import Database
from hub.ports.limits import Kept


class DatabaseStates:
    """See hub.ports.limits.States."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read, self._write, self._forget = (
            load("hub.queue", database.dialect, f"limits_{name}") for name in ("read", "write", "forget")
        )

    async def read(self, names: Sequence[str]) -> tuple[float, dict[str, Kept]]:
        rows = await self._database.run(self._read, [(name,) for name in names])
        return float(rows[0][3]), {row[0]: Kept(row[2], row[1]) for row in rows}

    async def write(self, states: Mapping[str, Kept]) -> set[str]:
        rows = [(name, kept.version, kept.state or "") for name, kept in sorted(states.items())]
        return {row[0] for row in await self._database.run(self._write, rows)}

    async def forget(self) -> None:
        await self._database.run(self._forget)
