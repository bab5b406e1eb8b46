"""Flushes of ends: how many at once, what goes with which, in which order."""

import asyncio
from typing import cast

import pytest

from hub.queue.flushes import Ended, Flushes


class Writer:
    """Flushes that are held until they are let go; ends are numbers here."""

    def __init__(self, abreast: int = 1) -> None:
        self.batches: list[list[int]] = []
        self.gates: list[asyncio.Event] = []
        self.begun = asyncio.Condition()
        self.due = False
        self.flushes = Flushes("test", self._flush, abreast, lambda: self.due)

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.flushes.put(cast(Ended, number))

    async def begins(self, count: int) -> None:
        async with asyncio.timeout(10), self.begun:
            await self.begun.wait_for(lambda: len(self.batches) >= count)

    async def end(self, *numbers: int) -> None:
        for number in numbers:
            self.gates[number].set()
        if not any(not gate.is_set() for gate in self.gates):
            while self.flushes.under_way:
                await asyncio.wait(self.flushes.under_way)

    async def _flush(self, batch: list[Ended]) -> None:
        self.due = False
        gate = asyncio.Event()
        async with self.begun:
            self.batches.append(cast(list[int], batch))
            self.gates.append(gate)
            self.begun.notify_all()
        await gate.wait()


async def test_what_ends_in_one_turn_or_during_a_flush_goes_together_and_in_order() -> None:
    writer = Writer()
    writer.put(1, 2)
    await writer.begins(1)
    writer.put(3)
    writer.put(4, 5)
    assert len(writer.flushes) == 3
    writer.gates[0].set()
    await writer.begins(2)
    await writer.end(1)
    assert writer.batches == [[1, 2], [3, 4, 5]]


async def test_no_more_flushes_at_once_than_are_allowed() -> None:
    writer = Writer(abreast=2)
    writer.put(1)
    await writer.begins(1)
    writer.put(2, 3)
    await writer.begins(2)
    writer.put(4)
    writer.put(5)
    await asyncio.sleep(0)
    assert (len(writer.flushes.under_way), len(writer.flushes)) == (2, 2)
    writer.gates[1].set()
    await writer.begins(3)
    await writer.end(0, 2)
    assert writer.batches == [[1], [2, 3], [4, 5]]


async def test_what_is_due_without_an_end_is_flushed_once() -> None:
    writer = Writer()
    writer.due = True
    writer.flushes.start()
    await writer.begins(1)
    await writer.end(0)
    assert writer.batches == [[]]


async def test_a_flush_that_fails_keeps_no_other_from_being_written(caplog: pytest.LogCaptureFixture) -> None:
    written: list[list[Ended]] = []

    async def flush(batch: list[Ended]) -> None:
        written.append(batch)
        if len(written) == 1:
            raise RuntimeError("a bug")

    flushes = Flushes("test", flush)
    flushes.put(cast(Ended, 1))
    (failed,) = flushes.under_way
    await asyncio.wait((failed,))
    assert isinstance(failed.exception(), RuntimeError)
    flushes.put(cast(Ended, 2))
    await asyncio.wait(flushes.under_way)
    assert written == [[1], [2]]
