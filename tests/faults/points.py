"""Named places of an attempt and of an acceptance, and a trap that springs when one of them is passed.

Invariant: nothing of this is in the hub. The places are found by wrapping methods of its classes in the process that is
to be hurt, so that what runs between two of them is what runs in production.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from hub.db.mysql.job import MysqlJobTransaction
from hub.db.mysql.slots import JobSlot
from hub.db.postgresql.job import PostgresJobTransaction
from hub.db.sqlite.writer import Work, WriteHold
from hub.handlers import pool
from hub.handlers.pool_frames import Enqueued as Sent
from hub.handlers.pool_frames import Said
from hub.model import Enqueued, NewJob, Settlement
from hub.ports import Rows, Statement
from hub.queue.claims import Claimed
from hub.queue.group_commit import GroupCommit
from hub.queue.store import Store
from tests.faults.controls import replace


class Point(StrEnum):
    """In the order in which a message comes by. Those of a group are passed once a group, the others once a job."""

    BEFORE_ACCEPT = "before-accept"
    """A group of new rows is not committed yet."""
    BEFORE_TAKE_IN = "before-take-in"
    """What an adapter has read is not committed yet."""
    BEFORE_ACKNOWLEDGE = "before-acknowledge"
    """It is committed, the broker has not been told."""
    BEFORE_ANSWER = "before-answer"
    """A new row is committed, its sender has not been told."""
    AFTER_ANSWER = "after-answer"
    AFTER_CLAIM = "after-claim"
    MID_HANDLER = "mid-handler"
    """The handler has written its effect, and goes on. One in the process pool has said what it sends."""
    BEFORE_LAST_UPDATE = "before-last-update"
    BEFORE_COMMIT = "before-commit"
    """The completion has run inside the transaction, COMMIT is not sent."""
    AFTER_COMMIT = "after-commit"
    """COMMIT is answered, nobody in the process knows."""
    BEFORE_GROUP_COMMIT = "before-group-commit"
    AFTER_GROUP_COMMIT = "after-group-commit"


ACCEPTING = (Point.BEFORE_ACCEPT, Point.BEFORE_ANSWER, Point.AFTER_ANSWER)
READING = (Point.BEFORE_TAKE_IN, Point.BEFORE_ACKNOWLEDGE)
"""Passed once a delivery of a broker's messages."""
WORKING = tuple(point for point in Point if point not in (*ACCEPTING, *READING))
LOCKLESS = (Point.AFTER_CLAIM, Point.MID_HANDLER, Point.BEFORE_LAST_UPDATE, Point.BEFORE_GROUP_COMMIT)
"""Where a worker of PostgreSQL that is frozen holds no lock which would keep others from its jobs."""
COMMITTING = (Point.BEFORE_LAST_UPDATE, Point.BEFORE_COMMIT, Point.AFTER_COMMIT)
"""Passed once a job, or once a group of jobs that run together."""
GROUPED = (Point.BEFORE_ACCEPT, Point.AFTER_CLAIM, Point.BEFORE_GROUP_COMMIT, Point.AFTER_GROUP_COMMIT)


class Deed(StrEnum):
    """What a trap does to its own process."""

    KILL = "kill"
    STOP = "stop"


INSTANCE = "instance "
"""Begins the entry in which a hub says its name."""


class Entry(msgspec.Struct, frozen=True):
    """A line of a journal: what happened to a victim, when (seconds since 1970), and to which process of it."""

    event: str
    at: float
    pid: int = 0


class Journal:
    """What a victim says of itself: a file that outlives it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: str) -> None:
        """Append a line in one write: nothing of it is lost when the process is killed right after."""
        line = msgspec.json.encode(Entry(event, time.time(), os.getpid())) + b"\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def first(self, event: str) -> bool:
        """Whether nobody has asked this before, in any process."""
        try:
            os.close(os.open(self.path.with_name(f"{self.path.name} {event}"), os.O_CREAT | os.O_EXCL, 0o644))
        except FileExistsError:
            return False
        return True

    def read(self) -> list[Entry]:
        if not self.path.exists():
            return []
        return [msgspec.json.decode(line, type=Entry) for line in self.path.read_bytes().splitlines()]


class Trap:
    """Springs at the `at`-th passing of `point` (None: never), once: of several processes with one journal in the first
    that comes there. Called from any thread. With `armed` only what passes while that file is there counts."""

    def __init__(self, point: Point | None, at: int, deed: Deed, journal: Journal, armed: Path | None = None) -> None:
        self.point = point
        self._armed = armed
        self._left = at
        self._deed = deed
        self._journal = journal
        self._lock = threading.Lock()

    def due(self, point: Point) -> bool:
        """Whether the next passing of `point` springs the trap."""
        return point is self.point and self._left == 1 and self._is_armed()

    def passing(self, point: Point) -> None:
        """The process comes by `point`."""
        if point is not self.point or not self._is_armed():
            return
        with self._lock:
            self._left -= 1
            springs = self._left == 0
        if springs and self._journal.first(f"landed {point}"):
            self._journal.write(f"landed {point}")
            os.kill(os.getpid(), signal.SIGKILL if self._deed is Deed.KILL else signal.SIGSTOP)

    def _is_armed(self) -> bool:
        return self._armed is None or self._armed.exists()


_installed: Trap | None = None


def passing(point: Point) -> None:
    """Called by the handlers, which are the test's own: the process comes by `point`."""
    if _installed is not None:
        _installed.passing(point)


def install(trap: Trap) -> None:
    """Lead the hub's classes past the trap, in this process, for good."""
    global _installed
    _installed = trap
    _around_store(trap)
    _around_acceptance(trap)
    _around_process_pool(trap)
    _around_finish_on_postgresql(trap)
    _around_finish_on_mariadb(trap)
    _around_finish_on_sqlite(trap)


def install_at_the_door() -> None:
    """The same for the HTTP port and the adapters of a hub, which an engine alone does not have."""
    from aiohttp import web

    _around_reading()
    write_eof = web.Response.write_eof

    async def write_eof_passing(self: web.Response, data: bytes = b"") -> None:
        await write_eof(self, data)
        if self.status == 202:
            # The loop hands bytes to the system at the end of its turn.
            asyncio.get_running_loop().call_soon(passing, Point.AFTER_ANSWER)

    replace(web.Response, "write_eof", write_eof_passing)


def _around_reading() -> None:
    from hub.ingest.inbox import Batch, Behind, Inbox, Taken

    insert, commit = Inbox._insert, Inbox.commit

    async def insert_passing(self: Inbox, batch: Batch) -> Taken | Behind:
        passing(Point.BEFORE_TAKE_IN)
        return await insert(self, batch)

    async def commit_passing(self: Inbox, batch: Batch) -> Taken | Behind:
        end = await commit(self, batch)
        if isinstance(end, Taken):
            passing(Point.BEFORE_ACKNOWLEDGE)
        return end

    replace(Inbox, "_insert", insert_passing)
    replace(Inbox, "commit", commit_passing)


def _around_store(trap: Trap) -> None:
    claim, complete = Store.claim, Store.complete

    async def claim_passing(self: Store, queue: str, limit: int) -> Claimed:
        claimed = await claim(self, queue, limit)
        if claimed.claims:
            trap.passing(Point.AFTER_CLAIM)
        return claimed

    async def complete_passing(self: Store, settlements: Sequence[Settlement]) -> set[str]:
        trap.passing(Point.BEFORE_GROUP_COMMIT)
        done = await complete(self, settlements)
        trap.passing(Point.AFTER_GROUP_COMMIT)
        return done

    replace(Store, "claim", claim_passing)
    replace(Store, "complete", complete_passing)


def _around_acceptance(trap: Trap) -> None:
    write, enqueue = GroupCommit._write, GroupCommit.enqueue

    async def write_passing(self: GroupCommit, jobs: list[NewJob]) -> list[Enqueued]:
        trap.passing(Point.BEFORE_ACCEPT)
        return await write(self, jobs)

    async def enqueue_passing(self: GroupCommit, job: NewJob) -> Enqueued:
        answer = await enqueue(self, job)
        trap.passing(Point.BEFORE_ANSWER)
        return answer

    replace(GroupCommit, "_write", write_passing)
    replace(GroupCommit, "enqueue", enqueue_passing)


def _around_process_pool(trap: Trap) -> None:
    # What runs in a child knows nothing of the trap, which is for the parent.
    read = pool._Child._read

    async def read_passing(self: pool._Child) -> Said:
        said = await read(self)
        if isinstance(said, Sent):
            trap.passing(Point.MID_HANDLER)
        return said

    replace(pool._Child, "_read", read_passing)


def _around_finish_on_postgresql(trap: Trap) -> None:
    execute: Callable[..., Any] = asyncpg.Connection.execute
    commit_all = PostgresJobTransaction.commit_all

    async def execute_passing(self: Any, query: str, *args: Any, timeout: float | None = None) -> str:
        completion, commit, rest = query.partition(";COMMIT")
        if not commit:
            of_many = query == "COMMIT" or query.startswith("COMMIT;BEGIN")
            if of_many:
                trap.passing(Point.BEFORE_COMMIT)
            text: str = await execute(self, query, *args, timeout=timeout)
            if of_many:
                trap.passing(Point.AFTER_COMMIT)
            return text
        trap.passing(Point.BEFORE_LAST_UPDATE)
        if trap.due(Point.BEFORE_COMMIT):
            # They travel in one text: here the server is seen between the two.
            await execute(self, completion, timeout=timeout)
            query = f"COMMIT{rest}"
        trap.passing(Point.BEFORE_COMMIT)
        answer: str = await execute(self, query, timeout=timeout)
        trap.passing(Point.AFTER_COMMIT)
        return answer

    async def commit_all_passing(
        self: PostgresJobTransaction, statement: Statement, rows: Rows, /, **scalars: Any
    ) -> bool:
        trap.passing(Point.BEFORE_LAST_UPDATE)
        return await commit_all(self, statement, rows, **scalars)

    replace(asyncpg.Connection, "execute", execute_passing)
    replace(PostgresJobTransaction, "commit_all", commit_all_passing)


def _around_finish_on_mariadb(trap: Trap) -> None:
    send_block, send_apart = MysqlJobTransaction._send_block, MysqlJobTransaction._send_apart
    commit, commit_all = MysqlJobTransaction._commit, MysqlJobTransaction.commit_all

    async def send_block_passing(self: MysqlJobTransaction, slot: JobSlot, texts: Sequence[str]) -> bool:
        trap.passing(Point.BEFORE_LAST_UPDATE)
        if trap.due(Point.BEFORE_COMMIT):
            # They travel in one block: here the server is seen between the two.
            return await send_apart(self, slot, texts)
        trap.passing(Point.BEFORE_COMMIT)
        held = await send_block(self, slot, texts)
        trap.passing(Point.AFTER_COMMIT)
        return held

    async def commit_passing(self: MysqlJobTransaction, slot: JobSlot) -> None:
        trap.passing(Point.BEFORE_COMMIT)
        await commit(self, slot)
        trap.passing(Point.AFTER_COMMIT)

    async def commit_all_passing(
        self: MysqlJobTransaction, statement: Statement, rows: Rows, /, **scalars: Any
    ) -> bool:
        trap.passing(Point.BEFORE_LAST_UPDATE)
        return await commit_all(self, statement, rows, **scalars)

    replace(MysqlJobTransaction, "_send_block", send_block_passing)
    replace(MysqlJobTransaction, "_commit", commit_passing)
    replace(MysqlJobTransaction, "commit_all", commit_all_passing)


def _around_finish_on_sqlite(trap: Trap) -> None:
    commit = WriteHold.commit

    async def commit_passing(self: WriteHold, work: Work[bool]) -> bool:
        def work_passing(connection: sqlite3.Connection) -> bool:
            trap.passing(Point.BEFORE_LAST_UPDATE)
            kept = work(connection)
            trap.passing(Point.BEFORE_COMMIT)
            return kept

        kept = await commit(self, work_passing)
        trap.passing(Point.AFTER_COMMIT)
        return kept

    replace(WriteHold, "commit", commit_passing)
