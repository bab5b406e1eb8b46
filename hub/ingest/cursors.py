"""How far each adapter has read, kept in the transaction that inserts the rows of what was read.

Invariant: a cursor never goes back, and rows go in only with a cursor that was not past them: of two instances that
read the same messages, one inserts them and the other is told that somebody has been further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.db.statement import load
from hub.ports import Call, Cursor, Database


class Cursors:
    """The positions of all adapters."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._advance = load("hub.ingest", database.dialect, "advance")
        self._positions = load("hub.ingest", database.dialect, "positions")

    async def positions(self, adapter: str, streams: Sequence[str]) -> Mapping[str, int]:
        """Where to go on in these streams; those that were never read from are left out."""
        rows = await self._database.run(self._positions, [(stream,) for stream in streams], adapter=adapter)
        return {row[0]: row[1] for row in rows}

    def advance(self, adapter: str, cursor: Cursor) -> Call:
        """The statement that a delivery's rows go behind: no row if the cursor is past the delivery's beginning."""
        given = {"adapter": adapter, "stream": cursor.stream, "first": cursor.first, "next": cursor.next}
        return Call(self._advance, (), given)
