"""Members of a consumer group that join and leave under load, every other one by kill -9.

Invariant: one member stays, so that the load goes on; each guest is connected before it leaves.
"""

from __future__ import annotations

import asyncio
import subprocess
from typing import Final

from tests.faults.brokers.siege import Siege

EVERY: Final = 2.0
"""Seconds from one guest to the next, and from the moment that one is connected to its end."""
AT_ONCE: Final = 5
"""Guests, those that still start among them: on a busy machine that takes seconds."""


class Members(Siege):
    """A siege whose only fault is the turnover of members, for as long as something is sent."""

    async def _meanwhile(self, sender: subprocess.Popen[bytes]) -> None:
        room, number = asyncio.Semaphore(AT_ONCE), 0
        async with asyncio.TaskGroup() as group:
            while sender.poll() is None:
                await room.acquire()
                visit = group.create_task(self._visit(kill=number % 2 == 0))
                visit.add_done_callback(lambda _: room.release())
                number += 1
                await asyncio.sleep(EVERY)  # this is the fault: a member joins, and one leaves, every two seconds

    async def _visit(self, *, kill: bool) -> None:
        guest = await self._hub(None)
        try:
            self._landed["member joined"] += 1
            await asyncio.sleep(EVERY)
            if kill:
                await asyncio.to_thread(guest.kill)
            else:
                await asyncio.to_thread(self._campaign.expect_orderly_end, guest)
            self._landed["member killed" if kill else "member left"] += 1
        finally:
            await asyncio.to_thread(guest.kill)

    def _document(self) -> dict[str, object]:
        return {**super()._document(), "http": {"host": "127.0.0.1", "port": 0}}
