"""An adapter of which only one instance may read, on an instance that only sends through it.

Invariant: it never connects for reading, so that it takes neither the lease nor the reader's place at the broker.
"""

from __future__ import annotations

from hub.ingest.state import AdapterState
from hub.ingest.stopping import within
from hub.ports import Connected


class Sending:
    """start, stop; as a Pump is for adapters that are read. `patience`: seconds that its end may take."""

    def __init__(self, adapter: Connected, state: AdapterState, patience: float) -> None:
        self._adapter = adapter
        self._patience = patience
        self.state = state

    def start(self) -> None:
        self.state.become("waiting")

    async def stop(self) -> None:
        await within(self._patience, self._adapter.close(), self.state.name)
        self.state.become("stopped")
