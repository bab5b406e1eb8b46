"""Who looks while a siege lasts: at the broker's offsets beside the database's, and at the hub's process.

Invariant: the broker is asked first. The database only goes forward, so whatever is found ahead of it was ahead.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.faults.brokers.judge import Size, ahead
from tests.faults.brokers.line import Line
from tests.faults.outside import Outside

_PAUSE = 0.05
_AWAY = 0.5
"""Seconds until a broker that said nothing is asked again."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """`offsets` is run as a task; `violations` are what it found, each once."""

    def __init__(self, line: Line, url: str) -> None:
        self._line = line
        self._url = url
        self.violations: dict[str, None] = {}
        self.samples = 0

    async def offsets(self) -> None:
        """Until cancelled."""
        with Outside.of(self._url) as outside:
            while True:
                answered = await self._look(outside)
                await asyncio.sleep(_PAUSE if answered else _AWAY)

    async def _look(self, outside: Outside) -> bool:
        told = await self._line.told()
        if not told:
            return False
        rows = await asyncio.to_thread(outside.fetch, "SELECT stream, next FROM adapter_cursors")
        kept = {int(stream.rpartition("/")[2]): int(position) for stream, position in rows}
        self.samples += 1
        self.violations.update(dict.fromkeys(ahead(told, kept)))
        return True


def size_of(pid: int) -> Size:
    """Of a process that lives."""
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Size(resident * _PAGE, len(os.listdir(f"/proc/{pid}/fd")))
