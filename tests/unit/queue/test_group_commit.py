"""The group commit of intake: what becomes of an outage."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from hub.errors import DatabaseUnavailable
from hub.model import Enqueued, NewJob
from hub.queue.group_commit import GroupCommit
from hub.queue.store import Store
from hub.testing.clock import FakeClock


class Disk:
    """A store that takes rows as long as there is room."""

    full = False

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        if self.full:
            raise DatabaseUnavailable("SQLite: database or disk is full")
        return [Enqueued(job.id, False) for job in jobs]


async def test_an_outage_is_told_once_and_remembered_for_as_long_as_nobody_may_have_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    disk, clock = Disk(), FakeClock()
    commit = GroupCommit(cast(Store, disk), lambda _: None, clock)
    disk.full = True
    for number in range(2):
        with pytest.raises(DatabaseUnavailable):
            await commit.enqueue(NewJob(id=str(number), handler="h"))
    assert commit.away
    clock.advance(5)
    assert not commit.away, "else nobody would send, and nobody learn that it is well again"
    disk.full = False
    await asyncio.gather(*(commit.enqueue(NewJob(id=str(number), handler="h")) for number in range(3)))
    assert not commit.away
    assert caplog.messages == ["intake pauses: SQLite: database or disk is full", "intake goes on"]
