"""The end of adapters that do not end, or fail at it."""

import asyncio
from typing import cast

import pytest

from hub.ingest.sending import Sending
from hub.ingest.state import AdapterState
from hub.ports import Connected


class Stubborn:
    """Goes on when it is told to close, whatever is done about it; `let` ends it."""

    def __init__(self) -> None:
        self.let = asyncio.Event()

    async def close(self) -> None:
        while not self.let.is_set():
            try:
                await self.let.wait()
            except asyncio.CancelledError:
                pass  # as a client would that waits for its broker


class Broken:
    async def close(self) -> None:
        raise OSError("already gone")


async def test_an_adapter_that_does_not_close_keeps_nobody(caplog: pytest.LogCaptureFixture) -> None:
    adapter = Stubborn()
    sending = Sending(cast(Connected, adapter), AdapterState("erp", "kafka"), 0.05)
    sending.start()
    async with asyncio.timeout(10):
        await sending.stop()
    assert sending.state.state == "stopped"
    assert "did not close" in caplog.text
    adapter.let.set()


async def test_an_adapter_that_fails_as_it_closes_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    sending = Sending(cast(Connected, Broken()), AdapterState("erp", "kafka"), 5.0)
    sending.start()
    await sending.stop()
    assert sending.state.state == "stopped"
    assert "already gone" in caplog.text
