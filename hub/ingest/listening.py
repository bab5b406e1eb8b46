"""A listener at work: its clients come to the hub's own port, and what they send takes intake's way.

Invariant: as everywhere, a client is told after the commit. What is wrong with a message, and intake that is full or
without a database, the listener hears and says to its client: nothing of it is quarantined.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.ingest.intake import Intake
from hub.ingest.state import AdapterState
from hub.ingest.stopping import within
from hub.model import Enqueued, Message
from hub.ports import Listener


class Listening:
    """start, stop; as a Pump is for adapters that connect. `patience`: seconds that its end may take."""

    def __init__(self, listener: Listener, intake: Intake, state: AdapterState, patience: float) -> None:
        self._listener = listener
        self._patience = patience
        self._intake = intake
        self.state = state

    async def start(self) -> None:
        """Take clients. Raises what the listener raises: it has nobody to wait for."""
        await self._listener.start(self._receive)
        self.state.become("connected")

    async def stop(self) -> None:
        await within(self._patience, self._listener.stop(), self.state.name)
        self.state.become("stopped")

    async def _receive(self, message: Message) -> Sequence[Enqueued]:
        self.state.in_flight += 1
        try:
            taken = await self._intake.offer(message)
        finally:
            self.state.in_flight -= 1
        self.state.received += 1
        return taken
